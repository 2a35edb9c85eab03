// SPDX-License-Identifier: GPL-2.0-only
/**
 * Measures what each bug's switch, and each condition of the machine, makes of the suite of each kernel, and writes
 * src/generations/bugs/symptoms.ts. Needs a build; takes some minutes. test/triage/symptoms.test.ts measures a few again.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CONDITIONS, symptomRow } from '../dist/cli/triage-conditions.js';
import { withEarlier } from '../dist/cli/triage-earlier.js';
import { bugs, hasBug } from '../dist/generations/bugs/index.js';
import { generations } from '../dist/generations/index.js';

const target = fileURLToPath(new URL('../src/generations/bugs/symptoms.ts', import.meta.url));

const rows = [];

function measured(of) {
  const row = symptomRow(of);
  if (row !== undefined) rows.push(withEarlier(of, row));
  process.stderr.write(`${of.kernel} ${of.bug ?? '-'} ${of.condition} ${row?.shows.length ?? '-'}\n`);
}

// Kernels whose suite is of another driver have none of these bugs.
for (const generation of generations.filter(({ testModule }) => testModule === undefined)) {
  const kernel = generation.id;
  for (const condition of Object.keys(CONDITIONS)) measured({ kernel, condition });
  for (const bug of bugs) {
    for (const condition of ['spm', 'private', 'thp-always'])
      measured({ kernel, condition, bug: bug.id, has: hasBug(generation, bug) });
  }
}

/** Rows that differ in kernel and condition alone are one. */
function folded(all) {
  const groups = new Map();
  for (const { kernel, condition, ...row } of all) {
    const key = JSON.stringify(row);
    const group = groups.get(key) ?? { cases: [], ...row };
    group.cases.push(`${kernel} ${condition}`);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const text = `// SPDX-License-Identifier: GPL-2.0-only
/** What bugs and conditions make of the suite. Written by scripts/suite-symptoms.js: measured, not derived. */
import type { FoldedSymptoms } from './suite-symptoms.js';

export const measuredSymptoms: readonly FoldedSymptoms[] = ${JSON.stringify(folded(rows), null, 2)};
`;
writeFileSync(target, text);
spawnSync('npx', ['biome', 'check', '--write', target], { stdio: 'inherit' });
