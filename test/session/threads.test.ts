// SPDX-License-Identifier: GPL-2.0-only
/** Steps that threads of a process take beside those that follow: who is first the schedule decides, and `await` tells the answer. */
import t from 'tap';
import { explainedLines, explainScenario } from '../../src/explain/explain.js';
import { exportC } from '../../src/export/export-c.js';
import { load } from '../../src/scenario/load.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';

const pool = new MachinePool();
const setups = { plain: new Setups(), checked: new Setups({ check: true }) };

function documentOf(machine: string, lines: readonly string[]): ScenarioDocument {
  const head = ['name: threads', 'kernel: "6.12"', `machine: { ${machine} }`, 'steps:'];
  const text = [...head, ...lines.map((line) => `  - ${line}`)].join('\n');
  const { documents, mistakes } = load(text, 'threads.yaml', 'yaml');
  t.strictSame(mistakes, []);
  return documents[0]!.document;
}

function resultsOf(
  document: ScenarioDocument,
  checks: keyof typeof setups = 'checked',
): readonly StepResult[] {
  return runOn(pool, setups[checks].of(document), document).results;
}

const random = (seed: number): string => `schedule: random, seed: ${seed}`;

t.test('the one that waits longest is first, unless the schedule is random', async (t) => {
  const lines = ['mmap r0 1', 't1 store r0 5', 'load r0', 'await t1', 'load r0'];
  t.strictSame(resultsOf(documentOf('seed: 1', lines)), [
    { ret: 0 },
    { ret: 0 },
    { pages: [5] },
    { pages: ['ok'] },
    { pages: [5] },
  ]);
  const seen = new Set<unknown>();
  for (let seed = 1; seed <= 8; seed++) {
    const results = resultsOf(documentOf(random(seed), lines));
    seen.add(results[2]!.pages![0]);
    t.strictSame(results.slice(3), [{ pages: ['ok'] }, { pages: [5] }]);
  }
  t.strictSame(seen, new Set([0, 5]), 'the load was before the store, and after it');
});

t.test('a thread takes its steps in their order, and answers them so', async (t) => {
  const steps = ['t1 store r0 5', 't1 load r0', 't1 munmap r0', 't1 load r0'];
  const document = documentOf(random(3), ['mmap r0 2', ...steps, ...steps.map(() => 'await t1')]);
  t.strictSame(resultsOf(document).slice(5), [
    { pages: ['ok', 'ok'] },
    { pages: [5, 6] },
    { ret: 0 },
    { pages: ['SIGSEGV', 'SIGSEGV'] },
  ]);
});

t.test('nothing to wait for, and nobody', async (t) => {
  const document = documentOf(random(1), ['mmap r0 1', 'await t1', 't1 load r0', 'exit', 'await t1']);
  t.strictSame(resultsOf(document).slice(1), [{ ret: 'EINVAL' }, { ret: 0 }, { ret: 0 }, { ret: 'ESRCH' }]);
});

t.test('each thread has a buffer of its own', async (t) => {
  const pages = 40;
  const lines = [
    'open d0 0',
    `mmap r0 ${pages}`,
    `mmap r1 ${pages}`,
    't1 write d0 r0 100',
    't2 write d0 r1 500',
    't1 migrate_to_dev d0 r0',
    't2 read d0 r1',
    'await t1',
    'await t2',
    'await t1',
    'await t2',
  ];
  const words = (first: number): number[] => Array.from({ length: pages }, (_, n) => first + n);
  for (let seed = 1; seed <= 6; seed++) {
    const [wrote, other, migrated, read] = resultsOf(documentOf(random(seed), lines)).slice(7);
    t.equal(wrote!.cpages, pages);
    t.equal(other!.cpages, pages);
    t.strictSame([migrated!.ret, migrated!.data], [0, words(100)]);
    t.strictSame(read!.data, words(500));
  }
});

t.test('what never ends hangs where it is waited for', async (t) => {
  const lines = [
    'open d0 0',
    'mmap r0 2',
    'store r0 64',
    'exclusive d0 r0',
    'lock r0[1]',
    't1 load r0',
    'load r0[0]',
    'await t1',
  ];
  const results = resultsOf(documentOf('seed: 1', lines), 'plain');
  t.strictSame(results.at(-2), { pages: [64] });
  t.equal(results.at(-1)!.hang, 'remove_device_exclusive_entry');
});

t.test('explain tells of a command when it is over, and of an access when it is waited for', async (t) => {
  const lines = [
    'open d0 0',
    'mmap r0 1',
    't1 store r0 5',
    't2 migrate_to_dev d0 r0',
    'await t1',
    'await t2',
  ];
  const document = documentOf('seed: 1', lines);
  const setup = setups.plain.of(document);
  const machine = pool.acquire(setup);
  const told = [...explainScenario(machine, setup, document)].flatMap(explainedLines);
  t.strictSame(
    told.slice(2).map((line) => line.replace(/0x[0-9a-f]+/g, 'N')),
    [
      'step 2  p0 t1 store r0[0] word=5: ret 0',
      'step 3  p0 t2 MIGRATE_TO_DEV d0 r0[0]: ret 0',
      'step 4  p0 t1 await: ok',
      '  r0[0]  stored  do_anonymous_page  nothing was mapped: system pfn N',
      'step 5  p0 t2 await: ret 0, cpages 1, faults 0',
      '  r0[0]  migrated  migrate_vma_pages  system pfn N -> private on hmm_dmirror0 pfn N',
    ],
  );
});

t.test('no program in C has threads', async (t) => {
  const document = documentOf('seed: 1', ['mmap r0 1', 't1 load r0']);
  const exported = [{ document, setup: setups.plain.of(document) }];
  t.throws(() => exportC(exported, { expect: false }), {
    message: /step 1, load: it takes one step at a time/,
  });
});
