// SPDX-License-Identifier: GPL-2.0-only
/** Why an access of an AMD GPU cannot be. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

function why(parameter: string, steps: readonly string[]): string | undefined {
  const begin = [
    'open d0 kfd',
    'open d1 dri/renderD128',
    'mmap r0 2',
    'store r0 64',
    'driver d1 ACQUIRE_VM r0',
  ];
  const all = [...begin, ...steps];
  const text = `name: x\nkernel: "6.12"\nmachine: { module: false, modprobe: ["amdgpu${parameter}"] }\nsteps:\n${all.map((step) => `  - ${step}\n`).join('')}`;
  const { document } = load(text, 'x', 'yaml').documents[0]!;
  return explained(document, all.length - 1).find((line) => line.startsWith('  because '));
}

t.test('faults that are not retried', (t) => {
  t.match(
    why('', ['driver d1 GPU_READ r0']),
    /^ {2}because svm_range_restore_pages: .*XNACK is off.* at r0\[0\]$/,
  );
  t.match(
    why('', ['driver d1 GPU_READ r0', 'driver d1 GPU_READ r0']),
    /^ {2}because kfd_dqm_evict_pasid: the queues are gone since a fault/,
  );
  t.end();
});

t.test('a file that nobody made the page table of the process', (t) => {
  const other = 'open d2 dri/renderD128';
  t.match(
    why('', [other, 'driver d2 GPU_READ r0']),
    /^ {2}because kfd_process_device_init_vm: .*\(ACQUIRE_VM makes it so\) at r0\[0\]$/,
  );
  t.match(
    why('', [other, 'driver d2 ALLOC_USERPTR r0']),
    /^ {2}because unlocked_ioctl: .*, or what the request needs was not set up before$/,
  );
  t.end();
});

t.test('faults that are, and fail', (t) => {
  const retry = ',noretry=0';
  t.equal(why(retry, ['driver d1 GPU_READ r0']), undefined, 'one that is served');
  t.match(
    why(retry, ['munmap r0[1]', 'driver d1 GPU_READ r0']),
    /svm_range_restore_pages: nothing mapped.* at r0\[1\]$|no VMA at r0\[1\]$/,
  );
  t.match(why(retry, ['mprotect r0 r', 'driver d1 GPU_WRITE r0 7']), / at r0\[0\]$/);
  const other = ['open d2 dri/renderD129', 'driver d2 ACQUIRE_VM r0'];
  const buffer = ['driver d2 ALLOC_USERPTR r0', 'driver d2 MAP_USERPTR r0'];
  t.match(
    why(`${retry},sim_gpus=2`, [...other, ...buffer, 'driver d1 GPU_READ r0']),
    /svm_range_restore_pages: memory of a buffer of a user pointer/,
  );
  t.end();
});
