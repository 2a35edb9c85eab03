// SPDX-License-Identifier: GPL-2.0-only
/** Long ranges: what is told of them, without a verdict for every page, and the same as with one. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type ExplainedStep, explainedLines, explainScenario } from '../../src/explain/explain.js';
import { rowLines } from '../../src/explain/rows.js';
import { verdictText } from '../../src/explain/text.js';
import { Verdicts } from '../../src/explain/verdict.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { PageStates } from '../../src/watch/page-states.js';
import { describe } from './lines.js';

const PAGES = 4096;

const STEPS = `
  - open d0 0
  - mmap r0 ${PAGES} rw
  - store r0 1
  - MIGRATE_TO_DEV d0 r0
  - SNAPSHOT d0 r0
  - load r0 1
  - READ d0 r0
  - EXCLUSIVE d0 r0[100..199]
  - store r0[150] 7
  - fork p1
  - store r0[1000..1999] 9
  - mprotect r0[0..2999] r
  - madvise r0[3..3500] dontneed
  - MIGRATE_TO_DEV d0 r0
  - munmap r0
`;

function documentOf(steps: string, kernel = '6.12'): ScenarioDocument {
  const text = `name: long\nkernel: "${kernel}"\nsteps:${steps}`;
  return load(text, 'long.yaml', 'yaml').documents[0]!.document;
}

function rangesOf({ commands, touched, mapping }: ExplainedStep): Verdicts[] {
  const ranges = [...commands, touched, mapping].filter((range) => range !== undefined);
  return ranges.map(({ pages }) => pages);
}

t.test('a verdict is made for few of the pages that are alike', async (t) => {
  const { at } = PageStates.prototype;
  t.teardown(() => {
    PageStates.prototype.at = at;
  });
  let read = 0;
  PageStates.prototype.at = function (index) {
    read++;
    return at.call(this, index);
  };
  for (const kernel of ['v5-generic', '6.12']) {
    read = 0;
    const document = documentOf(STEPS, kernel);
    const lines = describe(document, (machine, setup) =>
      [...explainScenario(machine, setup, document)].map(explainedLines),
    );
    t.match(lines, [/^# |^step 0/], kernel);
    t.ok(lines.length < 600, `${kernel}: ${lines.length} lines`);
    t.ok(read > 0 && read < 6000, `${kernel}: ${read} states of ${PAGES * 20} were made`);
  }
});

t.test('pages are folded early as they are when every verdict is made', async (t) => {
  const files = ['test/fixtures/explain/kinds.yaml', 'test/fixtures/explain/history.yaml'];
  const documents = [
    documentOf(STEPS),
    documentOf(STEPS, '6.1'),
    documentOf(STEPS, 'v5-generic'),
    ...files.flatMap((file) =>
      load(readFileSync(file, 'utf8'), file, 'yaml').documents.map((one) => one.document),
    ),
  ];
  let folded = 0;
  for (const document of documents) {
    describe(document, (machine, setup) => {
      for (const step of explainScenario(machine, setup, document)) {
        for (const early of rangesOf(step)) {
          const each = new Verdicts(early.length, (index) => early.at(index));
          t.same(rowLines(early, verdictText), rowLines(each, verdictText), `${document.name} ${step.index}`);
          for (let i = 1; i < early.length; i++) {
            const next = early.skipAlike(i);
            folded += next - i;
            i = next;
          }
        }
      }
      return [];
    });
  }
  t.ok(folded > 4 * PAGES, `${folded} pages were known to be alike`);
});
