// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of secure guests: what a guest wrote it reads, and the hypervisor sees what is shared alone, under the checkers. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { unexpected } from './generated.js';

const COUNTS = { '6.12': 200, '7.3': 100, '6.1': 100, 'v4-coherent': 60, 'v5-generic': 60 } as const;

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} scenarios on ${kernel}`, async (t) => {
    const answers = new Set<string>();
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const document = generateScenario(seed, { kernel, category: 'secure' });
      for (const step of document.steps) {
        if (step.op !== 'driver') answers.add(step.op);
        else if (!step.command.startsWith('GUEST_')) answers.add(`${step.command} ${step.expect?.answer}`);
      }
      const text = unexpected(document, 'checked');
      if (text !== undefined) found.push(`seed ${seed}: ${text}`);
    }
    t.strictSame(found, []);
    t.strictSame([...answers].sort(), [
      'ENABLE_SECURE_GUEST H_SUCCESS',
      'H_SVM_INIT_ABORT H_PARAMETER',
      'H_SVM_INIT_ABORT H_STATE',
      'H_SVM_INIT_ABORT H_UNSUPPORTED',
      'H_SVM_INIT_DONE H_SUCCESS',
      'H_SVM_INIT_DONE H_UNSUPPORTED',
      'H_SVM_INIT_START H_SUCCESS',
      'H_SVM_PAGE_IN H_PARAMETER',
      'H_SVM_PAGE_IN H_SUCCESS',
      'H_SVM_PAGE_IN H_UNSUPPORTED',
      'H_SVM_PAGE_OUT H_SUCCESS',
      'H_SVM_PAGE_OUT H_UNSUPPORTED',
      'H_SVM_PAGE_SHARE H_SUCCESS',
      'H_SVM_PAGE_SHARE H_UNSUPPORTED',
      'SET_MEMORY H_SUCCESS',
      'SVM_OFF H_SUCCESS',
      'load',
      'mmap',
      'munmap',
      'open',
      'store',
    ]);
  });
}

t.test('a page that is lost is noticed', async (t) => {
  const texts = Array.from({ length: 20 }, (_, n) => {
    const document = generateScenario(n + 1, { kernel: '6.12', category: 'secure' });
    // The guest is reset behind the back of what expects it to go on.
    const at = document.steps.findIndex((step) => step.op === 'driver' && step.command === 'H_SVM_INIT_DONE');
    const off = { op: 'driver', fd: 'd0', command: 'SVM_OFF', region: 'r0', page: 0, pages: 1 } as const;
    const steps = [...document.steps.slice(0, at + 1), off, ...document.steps.slice(at + 1)];
    return unexpected({ ...document, steps }, 'plain');
  });
  t.match(
    texts.find((text) => text !== undefined),
    /expected/,
  );
});
