// SPDX-License-Identifier: GPL-2.0-only
/**
 * `node scripts/which-change.js OLD NEW FILE.jsonl...`: of the steps of recordings that two kernels answer differently, how
 * many `run --kernel OLD --against NEW` names the behaviours of, and whether flipping just those makes the answer equal, and
 * that of the recording where it was made on NEW. Prints a line for each file, the steps that remain, and the sum. Needs a build; all
 * recordings take some minutes.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { withBehaviours } from '../dist/generations/differences.js';
import { generationById } from '../dist/generations/index.js';
import { compareScenario, sameResult } from '../dist/scenario/compare.js';
import { load } from '../dist/scenario/load.js';
import { bootMachine, MachinePool } from '../dist/session/machine-pool.js';
import { runOn } from '../dist/session/runner.js';
import { Setups } from '../dist/session/setup.js';
import { WhichChange } from '../dist/session/which-change.js';

const [oldId, newId, ...files] = process.argv.slice(2);
const [old, recent] = [oldId, newId].map((id) => generationById(id));
if (old === undefined || recent === undefined || files.length === 0) {
  process.stderr.write('usage: node scripts/which-change.js OLD NEW FILE.jsonl...\n');
  process.exit(64);
}

const setups = new Setups({ kernel: old.id });
const others = new Setups({ kernel: recent.id });
const machines = new MachinePool();

/** The answers of the old kernel with these behaviours as the new one has them. */
function flipped(document, names) {
  const values = Object.fromEntries(names.map((name) => [name, recent.behaviours[name]]));
  const setup = { ...setups.of(document), generation: withBehaviours(old, values) };
  return runOn({ acquire: () => bootMachine(setup), release: () => {} }, setup, document).results;
}

/** The steps of a document: how many differ, how many are named, and what is wrong with the rest. */
function judged(document) {
  const setup = setups.of(document);
  const { results } = runOn(machines, setup, document);
  const other = { generation: recent, results: runOn(machines, others.of(document), document).results };
  const causes = new WhichChange().of(document, setup, results, other);
  const wrong = causes.flatMap(({ step, behaviours }) => {
    const place = `${document.name}, step ${step} (${document.steps[step].cmd ?? document.steps[step].op})`;
    if (behaviours === null) return [`${place}: no set of behaviours`];
    const found = flipped(document, behaviours)[step];
    if (!sameResult(found, other.results[step])) return [`${place}: not equal with ${behaviours}`];
    const recorded = { ...document, steps: [document.steps[step]] };
    if (document.kernel === newId && compareScenario(recorded, [found]) !== null)
      return [`${place}: not as recorded with ${behaviours}`];
    return [];
  });
  return { differ: causes.length, named: causes.length - wrong.length, wrong };
}

function percent({ differ, named }) {
  if (differ === 0) return 'no step differs';
  return `${named} of ${differ} steps named (${((100 * named) / differ).toFixed(2)} %)`;
}

const all = { differ: 0, named: 0 };
for (const file of files) {
  const sum = { differ: 0, named: 0 };
  for (const { document } of load(readFileSync(file, 'utf8'), file, 'jsonl').documents) {
    const { differ, named, wrong } = judged(document);
    sum.differ += differ;
    sum.named += named;
    for (const text of wrong) process.stdout.write(`  ${text}\n`);
  }
  process.stdout.write(`${basename(file)}: ${percent(sum)}\n`);
  all.differ += sum.differ;
  all.named += sum.named;
}
process.stdout.write(`${oldId} and ${newId}: ${percent(all)}\n`);
