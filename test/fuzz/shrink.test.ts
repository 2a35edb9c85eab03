// SPDX-License-Identifier: GPL-2.0-only
/** Shrinking without a machine: what is interesting is a function of the document. */
import t from 'tap';
import { type Interesting, shrink } from '../../src/fuzz/shrink.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { shrunk } from './shrunk.js';

function shrunkSteps(
  steps: readonly Step[],
  interesting: Interesting,
  machine?: ScenarioDocument['machine'],
) {
  return shrunk({ name: 'a', ...(machine && { machine }), steps: [...steps] }, interesting);
}

const has = (steps: readonly Step[], op: Step['op']): boolean => steps.some((step) => step.op === op);

const load = (page: number, pages: number, region = 'r0'): Step => ({ op: 'load', region, page, pages });
const mmap = (pages: number, region = 'r0'): Step => {
  return { op: 'mmap', region, pages, prot: 'r', share: 'shared', backing: 'file' };
};

t.test('steps that nothing needs go', (t) => {
  const many = Array.from({ length: 40 }, (_, page) => load(page, 1));
  const steps: Step[] = [...many, { op: 'unpin' }, ...many, { op: 'exit' }, ...many];
  const { best, runs } = shrunkSteps(steps, ({ steps }) => has(steps, 'unpin') && has(steps, 'exit'));
  t.strictSame(best.steps, [{ op: 'unpin' }, { op: 'exit' }]);
  t.ok(runs < 60, `${runs} runs, not one for each of the steps`);
  t.end();
});

t.test('steps keep their identity', (t) => {
  const steps = [load(0, 1), load(1, 1), load(2, 1), load(3, 1)];
  const seen: string[] = [];
  const { best } = shrunkSteps(steps, (document, ids) => {
    seen.push(ids.join(' '));
    t.equal(ids.length, document.steps.length);
    return ids.includes(2);
  });
  t.strictSame(best.steps, [load(0, 1)]);
  t.strictSame(seen.slice(0, 4), ['0 1', '2 3', '2', '']);
  t.end();
});

t.test('ranges and values', (t) => {
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 3 },
    mmap(16),
    load(9, 5),
    { op: 'pin', region: 'r0', page: 12, pages: 4, write: true },
    { op: 'gup', region: 'r0', page: 0, pages: 2, kind: 'pin_fast' },
    { op: 'ioctl_raw', fd: 'd0', nr: 3, region: 'r0', offset: 4096, npages: '7' },
    { op: 'store', region: 'r0', page: 0, pages: 3, word: 4000 },
    { op: 'mremap', region: 'r0', page: 0, pages: 2, to: { region: 'r1', page: 30 } },
    { op: 'mprotect', region: 'r0', page: 0, pages: 2, prot: 'none' },
  ];
  const { best } = shrunkSteps(steps, (document) => document.steps.length === steps.length);
  const one = { region: 'r0', page: 0, pages: 1 };
  t.strictSame(best.steps, [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'load', ...one },
    { op: 'pin', ...one, write: false },
    { op: 'gup', ...one, kind: 'basic' },
    { op: 'ioctl_raw', fd: 'd0', nr: 3, region: 'r0', offset: 0, npages: '1' },
    { op: 'store', ...one, word: 64 },
    { op: 'mremap', ...one, to: { region: 'r0', page: 0 } },
    { op: 'mprotect', ...one, prot: 'rw' },
  ]);
  t.end();
});

t.test('pages go from all steps at once, with what is expected of them', (t) => {
  const perm = ['NONE', 'NONE', 'ZERO', 'WRITE', 'NONE', 'NONE'];
  const steps: Step[] = [
    mmap(512),
    { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', region: 'r0', page: 253, pages: 6, expect: { ret: 0, perm } },
  ];
  const { best } = shrunkSteps(steps, ({ steps: [first, second] }) => {
    if (first?.op !== 'mmap' || second?.op !== 'ioctl' || second.cmd !== 'SNAPSHOT') return false;
    const wanted = second.expect?.perm ?? [];
    return first.pages >= second.page + second.pages && wanted.join(' ').includes('ZERO WRITE');
  });
  t.strictSame(best.steps[0], {
    op: 'mmap',
    region: 'r0',
    pages: 2,
    prot: 'rw',
    share: 'private',
    backing: 'anon',
  });
  t.strictSame(best.steps[1], {
    op: 'ioctl',
    cmd: 'SNAPSHOT',
    fd: 'd0',
    region: 'r0',
    page: 0,
    pages: 2,
    expect: { ret: 0, perm: ['ZERO', 'WRITE'] },
  });
  t.end();
});

t.test('processes, regions and fds become one', (t) => {
  const steps: Step[] = [
    { op: 'fork', child: 'p1' },
    { as: 'p1', op: 'fork', child: 'p2' },
    { as: 'p2', op: 'open', fd: 'd4', device: 0 },
    { as: 'p2', ...load(0, 1, 'r5') },
    { as: 'p1', op: 'close', fd: 'd4' },
  ];
  const { best } = shrunkSteps(steps, ({ steps }) =>
    ['open', 'load', 'close'].every((op) => has(steps, op as 'load')),
  );
  t.strictSame(best.steps, [
    { as: 'p0', op: 'open', fd: 'd0', device: 0 },
    { as: 'p0', ...load(0, 1) },
    { as: 'p0', op: 'close', fd: 'd0' },
  ]);
  const forked = shrunkSteps(steps, ({ steps }) => steps.some(({ as, op }) => op === 'load' && as !== 'p0'));
  t.strictSame(
    forked.best.steps,
    [
      { op: 'fork', child: 'p1' },
      { as: 'p1', ...load(0, 1) },
    ],
    'who it is matters here',
  );
  t.end();
});

t.test('the machine, but not its bugs', (t) => {
  const machine = { memory: '1G', hugepages: 3, bugs: ['dirty-bit-lost'] };
  t.strictSame(shrunkSteps([], () => true, machine).best, {
    name: 'a',
    machine: { bugs: ['dirty-bit-lost'] },
    steps: [],
  });
  const kept = shrunkSteps([], ({ machine: rest }) => rest?.hugepages === 3, machine).best;
  t.strictSame(kept.machine, { hugepages: 3, bugs: ['dirty-bit-lost'] });
  t.end();
});

t.test('no scenario is tried twice, and each run is told', (t) => {
  const steps = [mmap(40), load(3, 30), load(1, 1), { op: 'exit' } as Step];
  const tried: string[] = [];
  const progress = shrink({ name: 'a', steps }, (document) => {
    tried.push(JSON.stringify(document));
    return has(document.steps, 'load');
  });
  let last = 0;
  for (const { runs, best } of progress) {
    t.ok(runs === last || runs === last + 1);
    t.ok(best.steps.length <= steps.length);
    last = runs;
  }
  t.equal(new Set(tried).size, tried.length);
  t.equal(tried.length, last);
  t.end();
});

t.test('a range loses its beginning where only its end matters', (t) => {
  const steps: Step[] = [
    mmap(65),
    { op: 'store', region: 'r0', page: 22, pages: 43, word: 0xfffffff0 },
    { op: 'load', region: 'r0', page: 0, pages: 65 },
  ];
  const { best } = shrunkSteps(steps, ({ steps: [, store, load] }) => {
    if (store?.op !== 'store' || load?.op !== 'load') return false;
    return load.page + load.pages === 65 && load.pages === 65 && store.page + store.pages === 65;
  });
  t.strictSame(best.steps[1], { op: 'store', region: 'r0', page: 64, pages: 1, word: 26 });
  t.end();
});
