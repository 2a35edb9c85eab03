// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which a GPU of nouveau shares memory: what one side stores the other reads, under the checkers. */
import t from 'tap';
import { observe } from '../../src/fuzz/findings.js';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { judge, unmetText } from '../../src/scenario/verdict.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

const COUNTS = { '6.12': 150, '7.3': 60, '6.1': 60, 'v4-coherent': 60, 'v5-generic': 60 } as const;

const pool = new MachinePool();
const setups = new Setups({ check: true });

/** What is not as expected, or how the machine ended. */
function wrong(document: ScenarioDocument): string | undefined {
  const run = observe(pool, setups.of(document), document);
  const unmet = judge(document, run);
  return unmet === undefined ? run.end?.reason : unmetText(unmet, undefined);
}

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} scenarios on ${kernel}`, async (t) => {
    const commands = new Set<string>();
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const document = generateScenario(seed, { kernel, category: 'nouveau' });
      for (const step of document.steps) commands.add(step.op === 'driver' ? step.command : step.op);
      const text = wrong(document);
      if (text !== undefined) found.push(`seed ${seed}: ${text}`);
    }
    t.strictSame(found, []);
    const missing = ['SVM_BIND', 'GPU_READ', 'GPU_WRITE', 'fork', 'mremap', 'munmap', 'madvise'].filter(
      (name) => !commands.has(name),
    );
    t.strictSame(missing, [], 'everything is composed');
    t.equal(commands.has('GPU_ATOMIC'), kernel !== 'v5-generic', 'device exclusive entries came with 5.14');
  });
}

t.test('a bug of nouveau is found', async (t) => {
  const bugged = (seed: number): ScenarioDocument => {
    const document = generateScenario(seed, { kernel: '6.12', category: 'nouveau' });
    return { ...document, machine: { ...document.machine, bugs: ['nouveau-fault-page-unnamed'] } };
  };
  const texts = Array.from({ length: 20 }, (_, n) => wrong(bugged(n + 1)));
  t.match(
    texts.find((text) => text !== undefined),
    /hang|exceeded/,
  );
});
