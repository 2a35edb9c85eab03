// SPDX-License-Identifier: GPL-2.0-only
/** What no kernel complains of and yet nobody means: who is not there, who is there twice, what is mapped over. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { isPeopled, sayingReplace } from '../../src/scenario/presence.js';
import type { Step } from '../../src/scenario/schema.js';
import { writeYaml } from '../../src/scenario/update.js';

const mistakes = (...steps: string[]): string[] =>
  load(`name: a\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`, 'f', 'yaml').mistakes.map(
    ({ where, message }) => `${where}: ${message}`,
  );

const OVER = 'already; say "replace: true" (MAP_FIXED) to map over it';

t.test('processes', (t) => {
  t.strictSame(
    mistakes('{ as: p7, op: exit }', 'as p7 unpin', 'fork p1', '{ as: p7, op: fork, child: p2 }'),
    ['f:3:11: steps[0].as: there is no process p7 before a fork makes it; there are p0'],
  );
  t.strictSame(mistakes('as p1 unpin', 'fork p1'), [
    'f:3:5: steps[0]: as: there is no process p1 before a fork makes it; there are p0',
    'f:4:5: steps[1]: child: p1 was forked before; expected a process that is new',
  ]);
  t.strictSame(mistakes('{ op: fork, child: p0 }'), [
    'f:3:24: steps[0].child: p0 is the first process; expected a process that is new',
  ]);
  t.strictSame(mistakes('fork p1', 'as p1 exit', '{ as: p1, op: fork, child: p1 }'), [
    'f:5:32: steps[2].child: p1 was forked before; expected a process that is new',
  ]);
  t.strictSame(mistakes('fork p1', 'as p1 exit', 'as p1 unpin: { ret: ESRCH }'), [], 'gone, but known');
  t.strictSame(mistakes('fork p1: { ret: ENOMEM }', 'as p1 unpin: { ret: ESRCH }'), []);
  t.end();
});

t.test('regions', (t) => {
  t.strictSame(mistakes('mmap r0 4', 'mmap r0 2', 'mmap r1 4'), [
    `f:4:5: steps[1]: region: something is mapped at r0[0..1] ${OVER}`,
  ]);
  t.strictSame(mistakes('mmap r0 4', '{ op: mmap, region: r0, page: 3, pages: 1 }'), [
    `f:4:25: steps[1].region: something is mapped at r0[3] ${OVER}`,
  ]);
  for (const fine of [
    ['mmap r0 4', '{ op: mmap, region: r0, page: 4, pages: 1 }'],
    ['mmap r0 4', 'mmap r0 4 replace'],
    ['mmap r0 4', 'mmap r0 4 MAP_FIXED|MAP_SHARED'],
    ['mmap r0 4', '{ op: mmap, region: r0, pages: 1, replace: true }'],
    ['mmap r0 4: { ret: ENOMEM }', 'mmap r0 4'],
    ['mmap r0 4', 'mmap r0 4: { ret: EINVAL }'],
    ['mmap r0 4', 'munmap r0', 'mmap r0 4'],
    ['mmap r0 4', 'mremap r0 r1', 'mmap r0 4'],
    ['fork p1', 'mmap r0 4', 'as p1 mmap r0 4'],
  ]) {
    t.strictSame(mistakes(...fine), [], fine.join('; '));
  }
  t.strictSame(mistakes('mmap r0 4', 'munmap r0[1..2]', '{ op: mmap, region: r0, page: 1, pages: 3 }'), [
    `f:5:25: steps[2].region: something is mapped at r0[1..3] ${OVER}`,
  ]);
  t.strictSame(mistakes('mmap r0 4', 'mremap r0 r1', 'mmap r1 1'), [
    `f:5:5: steps[2]: region: something is mapped at r1[0] ${OVER}`,
  ]);
  t.strictSame(mistakes('mmap r0 4', 'fork p1', 'as p1 mmap r0 1'), [
    `f:5:5: steps[2]: region: something is mapped at r0[0] ${OVER}`,
  ]);
  t.end();
});

t.test('what we write says so itself', (t) => {
  const mmap = (pages: number): Step => ({
    op: 'mmap',
    region: 'r0',
    pages,
    prot: 'rw',
    share: 'private',
    backing: 'anon',
  });
  const steps = [mmap(1), mmap(4), mmap(2)];
  t.strictSame(
    sayingReplace(steps).map((step) => 'replace' in step && step.replace),
    [false, true, true],
  );
  t.strictSame(load(writeYaml({ name: 'a', steps }), 'f', 'yaml').mistakes, []);
  t.equal(
    isPeopled([
      { op: 'fork', child: 'p1' },
      { as: 'p1', op: 'exit' },
    ]),
    true,
  );
  t.equal(isPeopled([{ as: 'p1', op: 'exit' }]), false);
  t.equal(
    isPeopled([
      { op: 'fork', child: 'p1' },
      { op: 'fork', child: 'p1' },
    ]),
    false,
  );
  t.end();
});

t.test('steps without end are read in time', (t) => {
  const steps = Array.from({ length: 20_000 }, (_, i) => `mmap r${i % 9999} 1 replace`);
  t.strictSame(mistakes(...steps.flatMap((step, i) => [step, `fork p${i + 1}`])), []);
  t.end();
});
