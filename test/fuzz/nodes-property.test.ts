// SPDX-License-Identifier: GPL-2.0-only
/**
 * Generated scenarios of a device that is a node, and of HMM v25, under the checkers: no campaign of another kernel draws them. What
 * a device stores is what the CPU reads, wherever the page is: the same steps with the CPU in the device's place, and nothing
 * moved, end with the same contents.
 */
import t from 'tap';
import type { Observation } from '../../src/fuzz/findings.js';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { complaint, run } from './generated.js';
import { shrunk } from './shrunk.js';

/** By kernel, the category; null: any that the kernel has. */
const KINDS: readonly (readonly [kernel: string, category: string | null, scenarios: number])[] = [
  ['rfc-cdm', null, 100],
  ['6.12', 'cdm', 60],
  ['7.3', 'cdm', 60],
  ['hmm-v25', null, 150],
];

const MOVES = /^(?:MOVE_TO_|MIGRATE)/;
/** What says where memory is; mbind() splits mappings, which other calls see. */
const PLACES = ['set_mempolicy', 'migrate_pages', 'move_pages'];

/** The command of a driver; undefined of any other step. */
function commandOf(step: Step): string | undefined {
  if (step.op === 'driver') return step.command;
  return step.op === 'ioctl' ? step.cmd : undefined;
}

/** The CPU does what the device did, and nothing moves. */
function byCpu(step: Step): Step {
  const command = commandOf(step);
  const { as } = step;
  const nothing = { as, op: 'mincore', region: 'r0', page: 0, pages: 0 } as Step;
  if (PLACES.includes(step.op) || (command !== undefined && MOVES.test(command))) return nothing;
  if (command === undefined || !('region' in step)) return step;
  const { region, page, pages } = step as { region: string; page: number; pages: number };
  if (command === 'WRITE')
    return { as, op: 'store', region, page, pages, word: (step as { word?: number }).word } as Step;
  return command === 'READ' ? ({ as, op: 'load', region, page, pages } as Step) : nothing;
}

/** Who is told by a userfaultfd, or refused a page because it is a device's, sees where pages are. */
const SEE_PLACES = /^(?:uffd|peek|poke|read$|write$)/;

/** A mirror is of the process that opened it, whoever asks. */
const ofOther = (step: Step): boolean => step.op === 'ioctl' && step.as !== 'p0';

/** Whether all that the device stored has arrived: what it may not do ends its command in the middle. */
const stores = ({ steps }: ScenarioDocument, { results, end }: Observation): boolean =>
  end === undefined &&
  !steps.some((step) => SEE_PLACES.test(step.op) || ofOther(step)) &&
  steps.every((step, n) => commandOf(step) !== 'WRITE' || results[n]?.ret === 0);

/** What each process sees in the end. */
const contents = ({ steps }: ScenarioDocument, { results }: Observation): readonly unknown[] =>
  results.filter((_, n) => steps[n]!.op === 'load').map(({ pages }) => pages);

/** The loads of both differ. */
function differs(document: ScenarioDocument): boolean {
  const cpu = { ...document, steps: document.steps.map(byCpu) };
  const seen = run(document, 'plain');
  if (!stores(document, seen)) return false;
  const other = run(cpu, 'plain');
  // Loads that stand for reads of the device are not among the document's.
  const own = other.results.filter((_, n) => document.steps[n]!.op === 'load').map(({ pages }) => pages);
  return JSON.stringify(contents(document, seen)) !== JSON.stringify(own);
}

const made = (kernel: string, category: string | null, seed: number): ScenarioDocument =>
  generateScenario(seed, { kernel, ...(category === null ? {} : { category }) });

for (const [kernel, category, scenarios] of KINDS) {
  t.test(`${scenarios} scenarios of ${category ?? 'each kind'} on ${kernel}`, async (t) => {
    let [stored, moved] = [0, 0];
    for (let seed = 1; seed <= scenarios; seed++) {
      const document = made(kernel, category, seed);
      const seen = run(document, 'checked');
      t.equal(complaint(document, seen), undefined, document.name);
      t.notOk(differs(document), `${document.name}: what is read differs from what was stored`);
      const wrote = document.steps.some(
        (step, n) => commandOf(step) === 'WRITE' && seen.results[n]?.ret === 0,
      );
      const went = document.steps.some(
        (step, n) => MOVES.test(commandOf(step) ?? '') && (seen.results[n]?.cpages ?? 0) > 0,
      );
      if (wrote && stores(document, seen)) stored++;
      if (went) moved++;
    }
    t.ok(stored > scenarios / 8, `${stored} are compared whose device has stored something`);
    t.ok(moved > scenarios / 4, `in ${moved} a driver has moved pages`);
  });
}

/** Whether a page is on the device's node, told so by move_pages(). */
const there = (document: ScenarioDocument): boolean =>
  run(document, 'checked').results.some(({ nodes }) => nodes?.some((node) => node === 1) === true);

t.test('what is shrunk still has a page on the node, and needs no more steps than that takes', async (t) => {
  const found = Array.from({ length: 20 }, (_, n) => made('rfc-cdm', null, n + 1))
    .filter(there)
    .slice(0, 3);
  t.equal(found.length, 3);
  for (const document of found) {
    const { best } = shrunk(document, there);
    t.ok(there(best), document.name);
    t.ok(best.steps.length <= 5, `${best.steps.length} steps of ${document.steps.length}`);
  }
});
