// SPDX-License-Identifier: GPL-2.0-only
/** Memory blocks that go out of use: what is moved, what cannot be, and who ends the wait for what somebody holds. */
import t, { type Test } from 'tap';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { explained } from '../explain/lines.js';

const pool = new MachinePool();
const setups = new Setups({ check: true });

function documentOf(machine: string, steps: readonly string[], kernel = '6.12') {
  const text = `name: x\nkernel: "${kernel}"\nmachine: ${machine}\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  return load(text, 'x', 'yaml').documents[0]!.document;
}

/** Whether every step answers what is expected of it, with the checkers on. */
function passes(t: Test, what: string, machine: string, steps: readonly string[], kernel?: string): void {
  const document = documentOf(machine, steps, kernel);
  const place = { file: 'x', line: 1, document };
  t.equal(failureOf(place, runOn(pool, setups.of(document), document)), undefined, what);
}

const ELSEWHERE = '{ seed: 7 }';

t.test('whatever user memory lies there moves, and keeps what it holds', (t) => {
  const steps = [
    'open d0 0: { ret: 0 }',
    'mmap r0 1024: { ret: 0 }',
    'madvise r0 hugepage: { ret: 0 }',
    'store r0 1: { pages: [ok x1024] }',
    'mmap r1 4 rw shared file: { ret: 0 }',
    'store r1 5000: { pages: [ok x4] }',
    'mmap r2 4 rw private disk: { ret: 0 }',
    'load r2: { pages: [0 x4] }',
    'store r2[0] 7000: { pages: [ok] }',
    'mlock r1[0..1]: { ret: 0 }',
    'fork p1: { ret: 0 }',
    'READ d0 r1: { ret: 0, cpages: 4 }',
    'offline r1: { ret: 0 }',
    'READ d0 r1: { ret: 0, cpages: 4, data: [5000..5003] }',
    'SNAPSHOT d0 r0[0..1]: { ret: 0, perm: [READ|PMD, READ|PMD] }',
    'load r0: { pages: [1..1024] }',
    'as p1 load r1: { pages: [5000..5003] }',
    'as p1 load r2: { pages: [7000, 0 x3] }',
    'fread r1[2..3]: { ret: 0, bytes: 8192, data: [5002, 5003] }',
    'munlock r1: { ret: 0 }',
    'online: { ret: 0 }',
  ];
  for (const kernel of ['6.1', '6.12', '7.3']) passes(t, kernel, ELSEWHERE, steps, kernel);
  t.end();
});

t.test('a block with a hole, and one with memory of a driver', (t) => {
  passes(t, 'the first megabyte is no RAM', '{}', [
    'mmap r0 1: { ret: 0 }',
    'store r0 1',
    'offline r0: { ret: EINVAL }',
  ]);
  passes(t, 'nothing is mapped', '{}', ['mmap r0 1: { ret: 0 }', 'offline r0: { ret: ENOENT }']);
  const steps = [
    'open d0 0: { ret: 0 }',
    'mmap r0 2: { ret: 0 }',
    'store r0 1: { pages: [ok x2] }',
    'migrate_to_dev d0 r0[0]: { ret: 0, cpages: 1 }',
    'offline r0[1]: { ret: EBUSY }',
  ];
  passes(t, 'the page behind one on a device', ELSEWHERE, steps);
  t.match(
    explained(documentOf(ELSEWHERE, steps), 4)[1],
    'because has_unmovable_pages: memory of the kernel or of a driver, which cannot be moved',
  );
  t.end();
});

t.test('what somebody holds is tried again until it is let go of', (t) => {
  const start = ['open d0 0: { ret: 0 }', 'mmap r0 4: { ret: 0 }', 'store r0 1: { pages: [ok x4] }'];
  const pinned = [
    ...start,
    'pin r0[1]: { ret: 0 }',
    'offline r0 background: { waits: offline_pages }',
    'load r0: { pages: [1..4] }',
    'fork p1: { ret: 0 }',
    'as p1 load r0: { pages: [1..4] }',
    'as p1 unpin: { ret: 0 }',
    'await: { ret: 0 }',
    'load r0: { pages: [1..4] }',
  ];
  passes(t, 'a pin', ELSEWHERE, pinned);
  t.match(explained(documentOf(ELSEWHERE, pinned), 4)[1], /because migrate_pages: pinned: .* at r0\[1\]$/);

  const exclusive = [
    ...start,
    'exclusive d0 r0[0..1]: { ret: 0, cpages: 2 }',
    'fork p1: { ret: 0 }',
    'exclusive d0 r0[0..1]: { ret: 0, cpages: 2 }',
    'as p1 offline r0[3] background: { waits: offline_pages }',
    'load r0[0..1]: { pages: [1, 2] }',
    'as p1 await: { ret: 0 }',
  ];
  passes(t, 'a page that is exclusive to a device (6.12)', ELSEWHERE, exclusive);
  t.match(
    explained(documentOf(ELSEWHERE, exclusive), 6)[1],
    /because migrate_pages: exclusive to a device, whose entry holds the page/,
  );
  passes(t, 'where nobody lets go of it, it hangs', ELSEWHERE, [
    ...start,
    'pin r0[1]: { ret: 0 }',
    'offline r0: { hang: offline_pages }',
  ]);
  t.end();
});

t.test('one block after the other goes, or comes back', (t) => {
  const steps = [
    'mmap r0 4: { ret: 0 }',
    'store r0 1: { pages: [ok x4] }',
    'pin r0[1]: { ret: 0 }',
    'fork p1: { ret: 0 }',
    'offline r0 background: { waits: offline_pages }',
    'as p1 offline r0[0] background: { waits: lock_device_hotplug_sysfs }',
    'unpin: { ret: 0 }',
    'await: { ret: 0 }',
    // What is not pinned had moved before: this is another block.
    'as p1 await: { ret: 0 }',
    'online: { ret: 0 }',
    'load r0: { pages: [1..4] }',
  ];
  for (const kernel of ['6.12', '7.3']) passes(t, kernel, ELSEWHERE, steps, kernel);
  t.end();
});

t.test('since 7.3 such an entry maps its page: the device loses it, and the page moves', (t) => {
  const steps = [
    'open d0 0: { ret: 0 }',
    'mmap r0 4: { ret: 0 }',
    'store r0 1: { pages: [ok x4] }',
    'exclusive d0 r0[0..1]: { ret: 0, cpages: 2 }',
    'offline r0[3]: { ret: 0 }',
    'load r0: { pages: [1..4] }',
  ];
  passes(t, '7.3', ELSEWHERE, steps, '7.3');
  t.end();
});

t.test('what is out of use is given to nobody, until it is memory again', (t) => {
  const steps = [
    'mmap r0 1: { ret: 0 }',
    'store r0 1: { pages: [ok] }',
    'offline r0: { ret: 0 }',
    'mmap r1 55000: { ret: 0 }',
    'store r1 1',
    'offline r1[0]: { ret: 0 }',
    'load r1[54999]: { pages: [55000] }',
    'munmap r1: { ret: 0 }',
    'online: { ret: 0 }',
  ];
  passes(t, 'of 512 MiB', '{ memory: 512M, hugepages: 0, spm: [], seed: 3, swap: 256M }', steps);
  t.end();
});
