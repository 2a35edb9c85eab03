// SPDX-License-Identifier: GPL-2.0-only
/** What a seed decides, and what it must not: schedule, random data, and where memory begins; never an answer. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { explainedLines, explainScenario } from '../../src/explain/explain.js';
import { moduleAt } from '../../src/machine/defaults.js';
import { Machine } from '../../src/machine/machine.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { bootMachine, MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';

const GOLDEN = 'test/golden/6.12';

t.test('recorded answers are the same with every seed', (t) => {
  const documents = readdirSync(GOLDEN).flatMap((name) => {
    const text = gunzipSync(readFileSync(`${GOLDEN}/${name}`)).toString();
    return load(text, name, 'jsonl').documents;
  });
  t.ok(documents.length > 800);
  for (const seed of [1, 2, 99]) {
    const setups = new Setups({ seed });
    const machines = new MachinePool();
    const failed = documents.filter(
      (place) => failureOf(place, runOn(machines, setups.of(place.document), place.document)) !== undefined,
    );
    t.strictSame(
      failed.map(({ document }) => document.name),
      [],
      `seed ${seed}`,
    );
  }
  t.end();
});

const touch: ScenarioDocument = {
  name: 'touch',
  kernel: '6.12',
  steps: [
    { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 64 },
  ],
};

/** What explain says of the store, which names the pfn. */
function explained(seed: number): string {
  const setup = new Setups({ seed }).of(touch);
  return [...explainScenario(bootMachine(setup), setup, touch)].flatMap(explainedLines).at(-1)!;
}

t.test('memory is handed out from the lowest address up with seed 0, and from elsewhere with others', (t) => {
  t.equal(explained(0), '  r0[0]  stored  do_anonymous_page  nothing was mapped: system pfn 0x103');
  const pfns = [1, 2, 99].map((seed) => /pfn (0x\w+)$/.exec(explained(seed))![1]!);
  t.equal(new Set(['0x103', ...pfns]).size, 4);
  t.equal(explained(99), explained(99));
  t.end();
});

t.test('a machine with little memory hands out all of it above the watermark, wherever it begins', (t) => {
  const all = (seed: number): number => {
    const { kernel } = Machine.boot({ kernel: '6.12', memory: 64 * 2 ** 20, hugepages: 0, seed });
    let pages = 0;
    while (kernel.pages.alloc_page() !== 0) pages++;
    t.equal(kernel.pages.nr_free_pages, kernel.pages.watermarks.min);
    return pages;
  };
  const pages = all(0);
  t.ok(pages > 14_000);
  for (const seed of [1, 2, 3, 4, 5]) t.equal(all(seed), pages);
  t.end();
});

/** The tests of the suite that do not pass when at every point any task may run. */
function failing(seed: number): string[] {
  const module = moduleAt([0x100000000, 0x140000000]);
  const boot = (): Machine => {
    const machine = Machine.boot({ kernel: '6.12', module, schedule: 'random', seed });
    machine.loadModule(module.name, module.params);
    return machine;
  };
  const failed: string[] = [];
  const steps = test_harness_run({
    suite: suiteOf('6.12')!,
    machine: boot,
    onEvent: (event) => {
      if (event.type === 'log' && event.kind !== 'skip') failed.push(event.text);
    },
  });
  for (;;) if (steps.next().done) return failed;
}

t.test('the suite passes when at every point any task may run', (t) => {
  for (const seed of [1, 2]) t.strictSame(failing(seed), []);
  t.end();
});
