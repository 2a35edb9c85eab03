// SPDX-License-Identifier: GPL-2.0-only
/** Explain tells of each page that a driver takes off its device, of whichever process. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

function made(kernel: string, steps: readonly string[]): Parameters<typeof explained>[0] {
  const text = `name: x\nkernel: "${kernel}"\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  return load(text, 'x', 'yaml').documents[0]!.document;
}

/** Of the last step, without page frames and without how wide the columns are. */
const told = (kernel: string, steps: readonly string[]): string[] =>
  explained(made(kernel, steps), steps.length - 1)
    .slice(1)
    .map((line) => line.replace(/ pfn 0x[0-9a-f]+/g, '').replace(/(\S) {2,}/g, '$1  '));

const RELEASE = '{ op: ioctl, cmd: RELEASE, fd: d0 }';

t.test('RELEASE, of pages that several processes have', async (t) => {
  const steps = [
    'open d0 0',
    'mmap r0 3',
    'store r0 64',
    'migrate_to_dev d0 r0[0..1]',
    'fork p1',
    '{ as: p1, op: store, region: r0, page: 1, pages: 1, word: 5 }',
    '{ as: p1, op: mmap, region: r1, pages: 1, prot: rw, share: private, backing: anon }',
    '{ as: p1, op: store, region: r1, page: 0, pages: 1, word: 5 }',
    '{ as: p1, op: open, fd: d1, device: 0 }',
    '{ as: p1, op: migrate_to_dev, fd: d1, region: r1, page: 0, pages: 1 }',
    RELEASE,
  ];
  t.strictSame(told('6.12', steps), [
    '  r0[0]  evicted  migrate_device_pages  private on hmm_dmirror0 -> system',
    '  p1:r0[0]  evicted  migrate_device_pages  private on hmm_dmirror0 -> system',
    '  p1:r1[0]  evicted  migrate_device_pages  private on hmm_dmirror0 -> system',
  ]);
});

t.test('the last close, which is the exit of a child', async (t) => {
  const before = ['open d0 0', 'mmap r0 2', 'store r0 64', 'fork p1', 'migrate_to_dev d0 r0', 'close d0'];
  const steps = [...before, '{ as: p1, op: exit }'];
  const evicted = ' evicted  migrate_device_pages  private on hmm_dmirror0 -> system';
  t.strictSame(told('6.12', before), [], 'the child has the file, too');
  t.strictSame(told('6.12', steps), [`  p0:r0[0] ${evicted}`, `  p0:r0[1] ${evicted}`]);
});

t.test('what stays, and why', async (t) => {
  const before = ['open d0 2', 'mmap r0 3', 'store r0 64', 'migrate_to_dev d0 r0', 'get r0[1]', 'lock r0[2]'];
  const pages = [
    '  r0[0]  evicted  migrate_device_pages  coherent on hmm_dmirror2 -> system',
    '  r0[1]  stays  folio_migrate_mapping  unexpected reference: refcount 2, expected 1',
    '  r0[2]  stays  migrate_device_range  page is locked, held by page_holder p0',
  ];
  t.strictSame(told('6.12', [...before, 'close d0']), pages);
  const hangs = told('6.12', [...before, RELEASE]);
  t.strictSame(hangs.slice(2, -1), pages, 'RELEASE waits for them');
});

t.test('huge pages in one row', async (t) => {
  const steps = [
    'open d0 0',
    'mmap r0 1024',
    'madvise r0 hugepage',
    'store r0 64',
    'migrate_to_dev d0 r0',
    'close d0',
  ];
  t.strictSame(told('7.3', steps), [
    '  r0[0..1023]  evicted  migrate_device_pages  private on hmm_dmirror0 -> system',
  ]);
});
