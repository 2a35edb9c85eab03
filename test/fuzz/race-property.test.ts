// SPDX-License-Identifier: GPL-2.0-only
/** Generated races for memory that GPUs of amdgpu, the processor and prefetches use: each page is what its one writer stored. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { run, unexpected } from './generated.js';

/** Scenarios of each kernel. Every fourth runs under the checkers, which are slow. */
const COUNTS = { '7.3': 80, '6.12': 60, '6.1': 30, 'v4-coherent': 30, 'v5-generic': 30 } as const;

const scenario = (seed: number, kernel: string): ScenarioDocument =>
  generateScenario(seed, { kernel, category: 'race' });

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} scenarios on ${kernel}`, async (t) => {
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const text = unexpected(scenario(seed, kernel), seed % 4 === 0 ? 'checked' : 'plain');
      if (text !== undefined) found.push(`seed ${seed}: ${text}`);
    }
    t.strictSame(found, []);
  });
}

t.test('the GPU, the processor, prefetches and munmap() race', async (t) => {
  const taken = new Set<string>();
  const beside = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    let going = 0;
    for (const step of scenario(seed, '7.3').steps) {
      const thread = 'thread' in step ? step.thread : undefined;
      if (step.op === 'await') going--;
      else if (thread === undefined && going > 0) beside.add(step.op);
      else if (thread !== undefined) {
        going++;
        taken.add(`${thread} ${step.op === 'driver' ? step.command : step.op}`);
      }
    }
  }
  t.strictSame([...taken].sort(), ['t1 GPU_READ', 't1 GPU_WRITE', 't2 PREFETCH', 't3 load']);
  t.strictSame([...beside].sort(), ['munmap', 'store']);
});

t.test('who is first the seed of the machine decides', async (t) => {
  const faultsOf = (document: ScenarioDocument, seed: number): string => {
    const { results } = run({ ...document, machine: { ...document.machine, seed } }, 'plain');
    return results.map(({ faults = '-' }) => faults).join(' ');
  };
  const differing = Array.from({ length: 16 }, (_, n) => scenario(n + 1, '7.3')).filter((document) => {
    return new Set([1, 2, 3].map((seed) => faultsOf(document, seed))).size > 1;
  });
  t.not(differing.length, 0);
});
