// SPDX-License-Identifier: GPL-2.0-only
/** Bugs of test_hmm that show while it loads, or in which memory its devices get. */
import { NEVER } from '../version.js';
import type { Bug } from './index.js';

export const moduleBugs: readonly Bug[] = [
  {
    id: 'generic-forced-private',
    title: 'memory of a generic device is registered as private',
    mechanism:
      'dmirror_allocate_chunk() decides on MEMORY_DEVICE_GENERIC and then sets the type of the pagemap to MEMORY_DEVICE_PRIVATE, as it did when there was nothing else.',
    symptom: 'A generic device behaves as a private one: snapshots show private pages, and the CPU faults.',
    functions: ['dmirror_allocate_chunk'],
    fix: { note: 'the changelog of DEVICE_GENERIC v5 names it' },
    existed: 'DEVICE_GENERIC before v5',
    kernels: { since: NEVER },
    overrides: { pagemapTypeFollowsDevice: false },
    shows: 'step 5: perm[0]: expected "DEV_GENERIC|WRITE", got "DEV_PRIVATE_LOCAL|WRITE"',
  },
  {
    id: 'spm-minors-swapped',
    title: 'the first device with special purpose memory takes the second address',
    mechanism:
      'The minor number, 0 for the first such device, is the condition of a ?: whose true branch is spm_addr_dev0.',
    symptom: "Pages of the first device have the pfns of spm_addr_dev1's range, and the other way round.",
    functions: ['dmirror_allocate_chunk'],
    fix: { note: 'never fixed' },
    existed: 'from DEVICE_GENERIC on',
    kernels: {},
    overrides: { spmMinorsSwapped: true },
    shows: 'dmesg: expected "PFNs [0x100000 0x110000)"',
  },
  {
    id: 'coherent-minor-unset',
    title: 'both coherent devices ask for the same range',
    mechanism:
      'dmirror_allocate_chunk() reads the number of the character device, which is 0 until the device has been added.',
    symptom: 'Both take spm_addr_dev0: the second overlaps the first, and the module does not load.',
    functions: ['dmirror_allocate_chunk', 'dmirror_device_init', 'pagemap_range'],
    fix: {
      subject: 'lib: test_hmm: use device devt for coherent device range selection',
      commit: 'bfcc55a14179',
    },
    existed: 'kernels that add the device after its first chunk',
    kernels: { since: NEVER },
    overrides: { coherentMinorKnown: false },
    shows: 'load: expected {"ret":0}, got {"ret":"ENOMEM"}',
  },
  {
    id: 'failed-device-stays',
    title: 'a load that fails leaves a device behind',
    mechanism:
      'dmirror_device_init() adds the character device before the first chunk, and hmm_dmirror_init() removes the devices before the one that failed, not that one.',
    symptom:
      'After modprobe has failed for want of memory, /dev/hmm_dmirrorN is there, and opening it oopses in cdev_get().',
    functions: ['cdev_get', 'dmirror_device_init', 'hmm_dmirror_init'],
    fix: { note: 'since 7.1 dmirror_device_init() adds the device last' },
    existed: 'from 6.1 on, before 7.1',
    kernels: { since: ['6.1'], until: ['7.1'] },
    overrides: { failedDeviceStays: true },
    shows: 'step 1: oops: expected "cdev_get", got nothing',
  },
  {
    id: 'chunk-result-inverted',
    title: 'the result of adding a chunk is taken the wrong way round',
    mechanism:
      'dmirror_allocate_chunk() has become an int, 0 or -errno; dmirror_devmem_alloc_page() still asks whether it is false.',
    symptom:
      'The page for which a chunk was added does not migrate, and one page of the chunk is lost; where no chunk could be added, the driver goes on with a NULL page, and oopses.',
    functions: ['dmirror_devmem_alloc_page', 'dmirror_allocate_chunk'],
    fix: { note: 'COHERENT v4 (07/10) asks the right way round' },
    existed: 'DEVICE_GENERIC v5',
    kernels: { since: NEVER, postings: { 'v5-generic': true } },
    overrides: { chunkResultInverted: true },
    shows: 'step 4: ret: expected "ENOENT", got 0',
  },
  {
    id: 'null-spm-resource',
    title: 'a resource that was not found is used',
    mechanism:
      'lookup_resource() answers NULL, and nothing is looked up at all when only one of the parameters is set; IS_ERR() takes NULL for a valid pointer.',
    symptom: 'Loading the module oopses in dmirror_allocate_chunk().',
    functions: ['dmirror_allocate_chunk', 'lookup_resource'],
    fix: { note: 'later versions of the driver test for NULL too' },
    existed: 'DEVICE_GENERIC v5',
    kernels: { since: NEVER, postings: { 'v5-generic': true } },
    overrides: { nullResourceChecked: false },
    shows: 'load: expected {"oops":"dmirror_allocate_chunk"}, got {"ret":"ENOMEM"}',
  },
];
