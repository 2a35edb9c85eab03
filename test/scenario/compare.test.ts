// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { compareScenario, sameResult } from '../../src/scenario/compare.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';

/** What a scenario of one step differs in. */
function compareStep(expect: StepResult | undefined, actual: StepResult) {
  const document = { name: 'a', steps: [{ op: 'exit', expect }] } as ScenarioDocument;
  const difference = compareScenario(document, [actual]);
  if (difference === null) return null;
  const { step, ...rest } = difference;
  t.equal(step, 0);
  return rest;
}

t.test('only the named keys count, and the first that differs is told', (t) => {
  const actual = { ret: 0, cpages: 2, faults: 1, data: [1, 2] } as const;
  t.equal(compareStep(undefined, actual), null);
  t.equal(compareStep({ faults: 1 }, actual), null);
  t.strictSame(compareStep({ faults: 2, data: [9] }, actual), { key: 'faults', expected: 2, actual: 1 });
  t.strictSame(compareStep({ ret: 0, data: [1, 3] }, actual), { key: 'data[1]', expected: 3, actual: 2 });
  t.strictSame(compareStep({ data: [1] }, actual), { key: 'data[1]', expected: undefined, actual: 2 });
  t.strictSame(compareStep({ data: [1, 2, 3] }, actual), { key: 'data[2]', expected: 3, actual: undefined });
  t.strictSame(compareStep({ data: [] }, { ret: 'EFAULT' }), {
    key: 'data',
    expected: [],
    actual: undefined,
  });
  t.end();
});

t.test('an oops or a hang has to be expected', (t) => {
  t.equal(compareStep({ oops: 'f' }, { oops: 'f' }), null);
  t.strictSame(compareStep({ oops: 'f' }, { oops: 'g' }), { key: 'oops', expected: 'f', actual: 'g' });
  t.strictSame(compareStep(undefined, { oops: 'f' }), { key: 'oops', expected: undefined, actual: 'f' });
  t.strictSame(compareStep({ ret: 0 }, { hang: 'f' }), { key: 'hang', expected: undefined, actual: 'f' });
  t.strictSame(compareStep({ hang: 'f' }, { ret: 0 }), { key: 'hang', expected: 'f', actual: undefined });
  t.end();
});

t.test('a scenario fails at its first differing step', (t) => {
  const steps = [
    { op: 'exit', expect: { ret: 0 } },
    { op: 'exit', expect: { ret: 'ESRCH' } },
    { op: 'exit' },
  ];
  const document = { name: 'a', steps } as ScenarioDocument;
  t.equal(compareScenario(document, [{ ret: 0 }, { ret: 'ESRCH' }, { ret: 'ESRCH' }]), null);
  const difference = { step: 1, key: 'ret', expected: 'ESRCH', actual: 0 };
  t.strictSame(compareScenario(document, [{ ret: 0 }, { ret: 0 }]), difference);
  t.end();
});

t.test('results are the same in every key', (t) => {
  t.ok(sameResult({ ret: 0, data: [1] }, { data: [1], ret: 0 }));
  t.notOk(sameResult({ ret: 0 }, { ret: 0, pinned: 0 }));
  t.notOk(sameResult({ ret: 0 }, undefined));
  t.ok(sameResult(undefined, undefined));
  t.end();
});
