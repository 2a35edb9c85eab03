// SPDX-License-Identifier: GPL-2.0-only
/** Pages that somebody in the kernel keeps locked: who is named, and where a wait for him ends. */
import t from 'tap';
import { exportC } from '../../src/export/export-c.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { Setups } from '../../src/session/setup.js';
import { explained } from './lines.js';

const r0 = (page: number, pages: number) => ({ region: 'r0', page, pages });

const locked: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
  { op: 'store', ...r0(0, 2), word: 64 },
];

function last(kernel: '6.1' | '6.12', more: readonly Step[]): string[] {
  const steps = [...locked, ...more];
  return explained({ name: 'locked', kernel, steps }, steps.length - 1);
}

for (const kernel of ['6.1', '6.12'] as const) {
  t.test(`who holds the lock, on ${kernel}`, async (t) => {
    t.same(
      last(kernel, [
        { op: 'lock', ...r0(1, 1) },
        { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...r0(0, 2) },
      ]),
      [
        'step 4  p0 EXCLUSIVE d0 r0[0..1]: ret EBUSY',
        '  because dmirror_exclusive: not every page became exclusive',
        '  r0[0]  exclusive  make_device_exclusive_range  exclusive pfn 0x103',
        '  r0[1]  stays      make_device_exclusive_range  page is locked, held by page_holder p0',
      ],
    );
    t.same(
      last(kernel, [
        { op: 'lock', ...r0(1, 1) },
        { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...r0(0, 2) },
      ]),
      [
        'step 4  p0 MIGRATE_TO_DEV d0 r0[0..1]: ret ENOENT',
        '  because dmirror_do_read: r0[1] is not in the device table',
        '  r0[0]  migrated  migrate_vma_pages        system pfn 0x103 -> private on hmm_dmirror0 pfn 0x3ffffffff',
        '  r0[1]  stays     migrate_vma_collect_pmd  page locked by somebody else, held by page_holder p0',
      ],
    );
  });

  t.test(`a wait that nobody ends, on ${kernel}`, async (t) => {
    const waiting = last(kernel, [
      { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...r0(0, 1) },
      { op: 'lock', ...r0(0, 1) },
      { op: 'load', ...r0(0, 1) },
    ]);
    t.same(waiting, [
      'step 5  p0 load r0[0]: hang in remove_device_exclusive_entry',
      '  because waits for ever',
      '  r0[0]  hang  remove_device_exclusive_entry  exclusive pfn 0x103',
      '  locks  p0 stays in remove_device_exclusive_entry, waits for page lock of pfn 0x103, held by p0; holds mmap_lock (read)',
    ]);
    // What only tries the lock comes back and faults again.
    const again = last(kernel, [
      { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...r0(0, 1) },
      { op: 'lock', ...r0(0, 1) },
      { op: 'load', ...r0(0, 1) },
    ]);
    t.equal(again[0], 'step 5  p0 load r0[0]: hang in exc_page_fault');
    t.match(
      again[2],
      /^ {2}r0\[0\] {2}hang {2}migrate_vma_collect_pmd {2}page locked by somebody else, held by page_holder p0: stays private /,
    );
  });
}

t.test('no program can do that', async (t) => {
  const document: ScenarioDocument = {
    name: 'locked',
    kernel: '6.12',
    steps: [...locked, { op: 'lock', ...r0(0, 1) }],
  };
  t.throws(() => exportC([{ document, setup: new Setups().of(document) }], { expect: false }), {
    message: 'locked: step 3, lock: no program can hold the lock of a page',
  });
});
