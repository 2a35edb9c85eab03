// SPDX-License-Identifier: GPL-2.0-only
/** lib/test_hmm.c: loading, and the memory of its devices. */
import { type Entries, NEVER } from './entry.js';

export const testHmmModule = {
  spmSelectsType: {
    what: 'both module parameters make every device generic, with the memory of the resources found at the addresses, instead of adding two coherent devices',
    source: 'lib/test_hmm.c dmirror_allocate_chunk',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'bugs/generic-forced-private' },
  },
  pagemapTypeFollowsDevice: {
    what: 'the pages of a generic device are MEMORY_DEVICE_GENERIC',
    source: 'lib/test_hmm.c dmirror_allocate_chunk',
    witness: { kernel: 'v5-generic', scenario: 'bugs/generic-forced-private' },
  },
  coherentMinorKnown: {
    what: 'which SPM range a coherent device takes is decided by its own minor number',
    source: 'lib/test_hmm.c dmirror_allocate_chunk',
    witness: { kernel: '6.12', scenario: 'bugs/coherent-minor-unset' },
  },
  nullResourceChecked: {
    what: 'a resource that was not found fails the module load; before, it was dereferenced',
    source: 'lib/test_hmm.c dmirror_allocate_chunk',
    postings: { 'v5-generic': false },
    witness: { kernel: 'v5-generic', scenario: 'bugs/null-spm-resource' },
  },
  spmMinorsSwapped: {
    what: 'the first device with SPM takes spm_addr_dev1, the second spm_addr_dev0',
    source: 'lib/test_hmm.c dmirror_allocate_chunk',
    witness: { kernel: '6.12', scenario: 'bugs/spm-minors-swapped' },
  },
  chunkResultInverted: {
    what: 'a new chunk counts as a failure, and a failure as a new chunk, whose page is NULL',
    source: 'lib/test_hmm.c dmirror_devmem_alloc_page',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'derived/chunk-past-generic-range' },
  },
  removalEvicts: {
    what: 'unloading the module evicts what is still on the devices; before, it was left to memunmap_pages()',
    source: 'lib/test_hmm.c dmirror_device_remove',
    since: ['6.1'],
    witness: { kernel: 'v4-coherent', program: 'rmmod that waits for a page' },
  },
  failedDeviceStays: {
    what: 'a device that gets no memory keeps its character device and its node, although the module is not loaded',
    source: 'lib/test_hmm.c dmirror_device_init',
    // Before, a script makes the nodes, once the module is loaded.
    since: ['6.1'],
    until: ['7.1'],
    witness: { kernel: '6.12', scenario: 'bugs/failed-device-stays' },
  },
  genericHasBackingPage: {
    what: 'generic device pages get a backing page too, which only remembers the mirror',
    source: 'lib/test_hmm.c dmirror_devmem_alloc_page',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'derived/generic-backing-pages' },
  },
  hmmDmirrorAlias: {
    what: '/dev/hmm_mirrorN names the devices too',
    source: 'cover letter of the COHERENT series, v4',
    since: NEVER,
    postings: { 'v4-coherent': true },
    witness: { kernel: 'v4-coherent', program: 'open /dev/hmm_mirror0' },
  },
} as const satisfies Entries;
