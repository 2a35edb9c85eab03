// SPDX-License-Identifier: GPL-2.0-only
/** What src/generations/bugs/symptoms.ts says was measured is still so, for a few rows; and every row is of something known. */
import t from 'tap';
import { CONDITIONS, symptomRow } from '../../src/cli/triage-conditions.js';
import { withEarlier } from '../../src/cli/triage-earlier.js';
import { bugById, hasBug } from '../../src/generations/bugs/index.js';
import { suiteSymptoms } from '../../src/generations/bugs/suite-symptoms.js';
import { generationById } from '../../src/generations/index.js';

const AGAIN: readonly [kernel: string, condition: string, bug?: string][] = [
  ['6.12', 'spm', 'mixedmap-rejected'],
  ['6.12', 'thp-always', 'exclusive-thp-tail'],
  ['6.12', 'private', 'chunk-result-inverted'],
  ['6.1', 'private', 'foreign-private-refused'],
  ['6.1', 'private', 'spurious-zap-warning'],
  ['v4-coherent', 'spm', 'coherent-minor-unset'],
  ['v5-generic', 'spm', 'generic-forced-private'],
  ['6.12', 'thp-always'],
];

for (const [kernel, condition, bug] of AGAIN) {
  t.test([kernel, condition, bug].join(' '), async (t) => {
    const told = suiteSymptoms.find(
      (row) => row.kernel === kernel && row.condition === condition && row.bug === bug,
    );
    t.ok(told, 'is in the table');
    const of = bug === undefined ? {} : { bug, has: hasBug(generationById(kernel)!, bugById(bug, 'test')) };
    const on = { kernel, condition, ...of };
    t.strictSame(withEarlier(on, symptomRow(on)!), told);
  });
}

t.test('a bug that no test sees is in no row', async (t) => {
  t.equal(symptomRow({ kernel: '6.12', condition: 'private', bug: 'dead-mirror-loop' }), undefined);
  t.strictSame(
    suiteSymptoms.filter(({ bug }) => bug === 'dead-mirror-loop'),
    [],
  );
});

t.test('rows are of kernels, conditions and bugs that there are', async (t) => {
  for (const { kernel, condition, bug } of suiteSymptoms) {
    t.ok(generationById(kernel) !== undefined && condition in CONDITIONS, `${kernel} ${condition}`);
    if (bug !== undefined) t.equal(bugById(bug, 'test').id, bug);
  }
});
