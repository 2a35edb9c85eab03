// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which a GPU of nouveau shares memory: what one side stores the other reads, under the checkers. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { unexpected } from './generated.js';

const COUNTS = { '6.12': 150, '7.3': 60, '6.1': 60, 'v4-coherent': 60, 'v5-generic': 60 } as const;

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} scenarios on ${kernel}`, async (t) => {
    const commands = new Set<string>();
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const document = generateScenario(seed, { kernel, category: 'nouveau' });
      for (const step of document.steps) commands.add(step.op === 'driver' ? step.command : step.op);
      const text = unexpected(document, 'checked');
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
  const texts = Array.from({ length: 20 }, (_, n) => unexpected(bugged(n + 1), 'checked'));
  t.match(
    texts.find((text) => text !== undefined),
    /hang|exceeded/,
  );
});
