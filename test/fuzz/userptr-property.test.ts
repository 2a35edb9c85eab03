// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which a GPU has buffers of a program's own memory: what one side stores the other reads, under the checkers. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { unexpected } from './generated.js';

const COUNTS = { '6.12': 60, '7.3': 30, '6.1': 30, 'v5-generic': 15 } as const;

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} scenarios on ${kernel}`, async (t) => {
    const commands = new Set<string>();
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const document = generateScenario(seed, { kernel, category: 'userptr' });
      for (const step of document.steps) commands.add(step.op === 'driver' ? step.command : step.op);
      const text = unexpected(document, 'checked');
      if (text !== undefined) found.push(`seed ${seed}: ${text}`);
    }
    t.strictSame(found, []);
    const all = ['MAP_USERPTR', 'UNMAP_USERPTR', 'FREE_USERPTR', 'GPU_READ', 'GPU_WRITE', 'fork', 'madvise'];
    t.strictSame(
      all.filter((name) => !commands.has(name)),
      [],
      'everything is composed',
    );
  });
}
