// SPDX-License-Identifier: GPL-2.0-only
/** The model of a secure guest: it answers as the machine does, whatever is left of a scenario, and so findings shrink to what is wrong. */
import t from 'tap';
import { Ultravisor } from '../../src/drivers/kvm_hv/ultravisor.js';
import { laboratoryOf, scenarioOf } from '../../src/fuzz/campaign.js';
import { generateScenario } from '../../src/fuzz/generate.js';
import { findingsOf, goalOf } from '../../src/fuzz/goals.js';
import { holdsInModel, SecureModel } from '../../src/fuzz/secure-model.js';
import { Dice } from '../../src/scenario/dice.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { unexpected } from './generated.js';
import { shrunk } from './shrunk.js';

const plan = { kernel: '6.12', category: 'secure', check: true, seed: 1, shard: [1, 1] } as const;

/** As much of the steps as the model knows, with what it says of them. */
function foretold(steps: readonly Step[]): Step[] {
  const model = new SecureModel();
  const known: Step[] = [];
  for (const { expect: _, ...step } of steps) {
    const expect = model.take(step as Step);
    if (expect === null) break;
    known.push({ ...step, expect } as Step);
  }
  return known;
}

t.test('what is left of a scenario answers as the model says', async (t) => {
  const found: string[] = [];
  let steps = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const document = generateScenario(seed, { kernel: '6.12', category: 'secure' });
    const dice = new Dice(seed);
    // The first three make the guest.
    const left = document.steps.filter((_, index) => index < 4 || !dice.once(4));
    const known = foretold(left);
    steps += known.length;
    const text = unexpected({ ...document, steps: known }, 'plain');
    if (text !== undefined) found.push(`seed ${seed}: ${text}`);
  }
  t.strictSame(found, []);
  t.ok(steps > 3000, `${steps} steps`);
});

t.test('what the model does not know does not hold', async (t) => {
  const document = generateScenario(1, { kernel: '6.12', category: 'secure' });
  t.ok(holdsInModel(document));
  const without = (op: string): ScenarioDocument => ({
    ...document,
    steps: document.steps.filter((step) => step.op !== op && (step.op !== 'driver' || step.command !== op)),
  });
  for (const op of ['open', 'mmap', 'SET_MEMORY', 'GUEST_WRITE']) t.notOk(holdsInModel(without(op)), op);
  const fork = { op: 'fork', child: 'p1' } as const;
  t.notOk(holdsInModel({ ...document, steps: [...document.steps, fork] }));
});

t.test('a finding is shrunk to what is wrong, and is right where nothing is', async (t) => {
  const { uv_page_in } = Ultravisor.prototype;
  t.teardown(() => Object.assign(Ultravisor.prototype, { uv_page_in }));
  const lab = laboratoryOf(new MachinePool(), plan);
  const found = () => {
    for (let seed = 1; ; seed++) {
      const document = scenarioOf(plan, seed);
      const [finding] = findingsOf(lab, document);
      // Zeros are what a scenario without its stores shows as well.
      if (finding !== undefined && /^data 0, not \d+$/.test(finding.reason)) return { document, finding };
    }
  };
  // The Ultravisor loses what it takes in.
  const lose = () => Object.assign(Ultravisor.prototype, { uv_page_in: () => {} });
  lose();
  const { document, finding } = found();
  t.equal(finding.kind, 'expectation');
  const smallest = (one: typeof lab): ScenarioDocument => {
    lose();
    const goal = goalOf(one, document, finding);
    return goal.finish(shrunk(goal.document, goal.interesting).best);
  };
  const small = smallest(lab);
  t.ok(small.steps.length <= 9, `${small.steps.length} of ${document.steps.length} steps are left`);
  t.match(unexpected(small, 'plain'), /data\[0\]: expected \d+, got 0/);
  const { holds: _, ...blind } = lab;
  const nonsense = smallest(blind);
  Object.assign(Ultravisor.prototype, { uv_page_in });
  t.equal(unexpected(small, 'plain'), undefined, 'the whole Ultravisor keeps it');
  t.match(
    unexpected(nonsense, 'plain'),
    /expected/,
    'without the model, what is left expects what nothing would do',
  );
});
