// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of DAX files under the checkers: no campaign draws the category, as other machines have no such devices. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { forCategory, run } from './generated.js';
import { shrunk } from './shrunk.js';

const SCENARIOS = 60;

const are = (documents: readonly ScenarioDocument[], wanted: (step: Step) => boolean): number =>
  documents.flatMap(({ steps }) => steps.filter(wanted)).length;

forCategory('dax', SCENARIOS, (t, runs) => {
  const documents = runs.map(({ document }) => document);
  const kinds: Readonly<Record<string, (step: Step) => boolean>> = {
    'a shared mapping': (step) => step.op === 'mmap' && step.backing === 'dax' && step.share === 'shared',
    'a private mapping': (step) => step.op === 'mmap' && step.backing === 'dax' && step.share === 'private',
    'a write through the file': (step) => step.op === 'fwrite',
    'direct I/O': (step) => 'direct' in step && step.direct === true,
    truncate: ({ op }) => op === 'truncate',
    'a hole': ({ op }) => op === 'punch',
    unlink: ({ op }) => op === 'unlink',
    umount: ({ op }) => op === 'umount',
    'a longterm pin': ({ op }) => op === 'pin',
  };
  for (const [name, wanted] of Object.entries(kinds)) t.ok(are(documents, wanted) > 2, name);
  const waits = runs.filter(({ observation }) =>
    observation.results.some((result) => result.waits !== undefined),
  );
  t.ok(waits.length > 2, 'somebody waits for a page');
});

/** Whether somebody waits for a page of a DAX file, and how that ends is as it was. */
const waits = (document: ScenarioDocument): boolean =>
  run(document, 'checked').results.some(({ waits }) => waits?.endsWith('_wait_dax_page') === true);

t.test('what is shrunk still waits for a page, and needs no more steps than that takes', (t) => {
  const seeds = Array.from({ length: SCENARIOS }, (_, n) => n + 1);
  const found = seeds
    .map((seed) => generateScenario(seed, { kernel: '6.12', category: 'dax' }))
    .filter(waits)
    .slice(0, 3);
  t.equal(found.length, 3);
  for (const document of found) {
    const { best } = shrunk(document, waits);
    t.ok(waits(best), document.name);
    t.strictSame(
      best.steps.map(({ op }) => op),
      ['mount', 'mmap', 'get', best.steps[3]!.op],
      document.name,
    );
    t.match(best.steps[3]!.op, /^(truncate|punch)$/);
  }
  t.end();
});
