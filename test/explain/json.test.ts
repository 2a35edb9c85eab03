// SPDX-License-Identifier: GPL-2.0-only
/** Explanations as data: what scripts get of steps that come to no end, of faults that repeat, of errors. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { explainScenario } from '../../src/explain/explain.js';
import { followPage, parseFollowed } from '../../src/explain/follow.js';
import { explainedJson, followedJson } from '../../src/explain/json.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

interface Explained {
  readonly because?: unknown;
  readonly pages: readonly { readonly text: string }[];
  readonly more?: number;
}

const setups = new Setups();

/** What is printed of step `step`. */
function explained(document: ScenarioDocument, step: number): Explained {
  const setup = setups.of(document);
  const steps = [...explainScenario(bootMachine(setup), setup, document, { step })];
  t.equal(steps.length, 1);
  const heading = { name: document.name, kernel: setup.generation.id };
  return JSON.parse(JSON.stringify(explainedJson(heading, steps[0]!))) as Explained;
}

/** The last step of a bug's scenario, with the bug. */
function withBug(id: string): Explained {
  const file = `test/bugs/${id}.yaml`;
  const { document } = load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!;
  const changed = { ...document, machine: { ...document.machine, bugs: [id] } };
  return explained(changed, document.steps.length - 1);
}

t.test('an oops', async (t) => {
  const { because, pages } = withBug('stale-mirror-after-close');
  const message =
    'use after free: the page was migrated through a file that is closed; its struct dmirror is gone';
  t.same(because, [{ reason: { id: 'oops', message }, text: message }]);
  const place = { where: 'private', device: 'hmm_dmirror0', pfn: '0x3ffffffff' };
  t.same(pages, [
    {
      page: 'r0[0]',
      verdict: 'oops',
      fn: 'dmirror_devmem_fault',
      reason: { id: 'as-it-was' },
      text: 'private on hmm_dmirror0 pfn 0x3ffffffff',
      from: place,
      to: place,
    },
    {
      page: 'r0[1]',
      verdict: 'not reached',
      fn: '',
      reason: { id: 'kernel-died' },
      text: 'the kernel died before',
    },
  ]);
});

t.test('a fault that repeats itself', async (t) => {
  const place = { where: 'private', device: 'hmm_dmirror0', pfn: '0x3ffffffff' };
  const one = { region: 'r0', page: 0, pages: 1 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...one },
    { op: 'make_it_fail', value: 1 },
    { op: 'load', ...one },
  ];
  t.same(explained({ name: 'starving', kernel: '6.12', steps }, 4).pages, [
    {
      page: 'r0[0]',
      verdict: 'hang',
      fn: 'dmirror_devmem_fault_alloc_and_copy',
      reason: { id: 'no-system-memory', stays: true },
      text: 'no system memory: stays private on hmm_dmirror0 pfn 0x3ffffffff (1100 times)',
      from: place,
      to: place,
      times: 1100,
    },
  ]);
});

const range = { region: 'r0', page: 0, pages: 1 } as const;
const opened: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { op: 'mmap', region: 'r0', pages: 4100, prot: 'rw', share: 'private', backing: 'anon' },
];

t.test('two faults on one page, one after the other', async (t) => {
  const steps: Step[] = [
    ...opened,
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...range },
    { op: 'fork', child: 'p1' },
    { op: 'store', ...range, word: 1 },
  ];
  const [page] = explained({ name: 'twice', kernel: '6.12', steps }, 4).pages;
  const back = { where: 'system', pfn: '0x104' };
  const copy = { where: 'system', pfn: '0x105' };
  const text =
    'brought back from hmm_dmirror0: system pfn 0x104; then copied on write: system pfn 0x104 -> system pfn 0x105';
  const from = { where: 'private', device: 'hmm_dmirror0', pfn: '0x3ffffffff' };
  t.same(page, {
    page: 'r0[0]',
    verdict: 'stored',
    fn: 'do_wp_page',
    reason: { id: 'copied-on-write' },
    text,
    from: back,
    to: copy,
    earlier: [{ reason: { id: 'brought-back', device: 'hmm_dmirror0' }, from, to: back }],
  });
});

t.test('why a command ends, and pages beyond those that are told of', async (t) => {
  const steps: Step[] = [
    ...opened,
    { op: 'ioctl', cmd: 'READ', fd: 'd0', region: 'r0', page: 4099, pages: 2 },
  ];
  const { because, pages } = explained({ name: 'end', kernel: '6.12', steps }, 2);
  t.same(because, [
    {
      fn: 'hmm_vma_walk_hole',
      reason: { id: 'no-vma' },
      at: 'r0[4100]',
      text: 'hmm_vma_walk_hole: no VMA at r0[4100]',
    },
  ]);
  t.same(pages[1], {
    page: 'r0[4100]',
    verdict: 'fails',
    fn: 'hmm_vma_walk_hole',
    reason: { id: 'no-vma' },
    text: 'no VMA',
    from: { where: 'unmapped' },
    to: { where: 'unmapped' },
  });
  const whole: Step = { op: 'store', region: 'r0', page: 0, pages: 4100, word: 1 };
  const touched = explained({ name: 'many', kernel: '6.12', steps: [...opened, whole] }, 2);
  t.equal(touched.pages.length, 4100);
  t.equal(touched.more, undefined);
});

t.test('a step that is turned away', async (t) => {
  const steps: Step[] = [...opened, { op: 'ioctl', cmd: 'READ', fd: 'd0', region: 'r0', page: 0, pages: 0 }];
  t.same(explained({ name: 'empty', kernel: '6.12', steps }, 2), {
    name: 'empty',
    kernel: '6.12',
    step: 2,
    run: { op: 'ioctl', cmd: 'READ', fd: 'd0', region: 'r0', page: 0, pages: 0 },
    result: { ret: 'EINVAL' },
    because: [
      {
        fn: 'dmirror_fops_unlocked_ioctl',
        reason: { id: 'command-refused' },
        text: 'dmirror_fops_unlocked_ioctl: the range is empty or wraps around, or there is no such command',
      },
    ],
    pages: [],
  });
});

t.test('a page that nothing happens to has no changes, and nothing new', async (t) => {
  const document: ScenarioDocument = { name: 'quiet', kernel: '6.12', steps: opened };
  const setup = setups.of(document);
  const page = parseFollowed('r0[7]', '--page');
  const steps = [...followPage(bootMachine(setup), setup, document, page)];
  const heading = { name: 'quiet', kernel: '6.12' };
  t.same(
    steps.map((step) => followedJson(heading, page, step)),
    [
      {
        ...heading,
        step: 0,
        run: { op: 'open', fd: 'd0', device: 0 },
        result: { ret: 0 },
        process: 'p0',
        page: 'r0[7]',
        changes: [],
        now: { where: 'unmapped', cpu: '', devices: [] },
      },
      {
        ...heading,
        step: 1,
        run: opened[1],
        result: { ret: 0 },
        process: 'p0',
        page: 'r0[7]',
        changes: [{ kind: 'pte', from: { entry: null }, to: { entry: 'none' }, fn: '__x64_sys_mmap' }],
        now: { where: 'none', cpu: '', devices: [] },
      },
    ],
  );
});
