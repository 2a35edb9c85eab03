// SPDX-License-Identifier: GPL-2.0-only
/** docs/DIFFERENCES.md is what `hmm-sim differences` prints, and the scenarios that it names are there. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { changesBetween } from '../../src/generations/differences.js';
import { type Generation, generationById } from '../../src/generations/index.js';
import { differencesJson, differencesLines } from '../../src/report/differences.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { WhichChange } from '../../src/session/which-change.js';
import { hmmSim, root } from '../cli/hmm-sim.js';

const PAIRS = [
  ['6.1', '6.12'],
  ['6.12', '7.3'],
] as const;

t.test('the page', async (t) => {
  const page = readFileSync(`${root}docs/DIFFERENCES.md`, 'utf8');
  const printed = PAIRS.map((pair) => hmmSim('differences', ...pair).stdout);
  t.equal(page.slice(page.indexOf('## ')), printed.join('\n'));
});

t.test('every behaviour with its witness, and JSON', async (t) => {
  for (const pair of PAIRS) {
    const [a, b] = pair.map((id) => generationById(id)!) as [Generation, Generation];
    const text = differencesLines(a, b).join('\n');
    const changes = changesBetween(a, b);
    for (const { behaviour } of changes) t.match(text, `- **${behaviour}** (`);
    t.equal(text.match(/^ {2}- witness: /gm)?.length, changes.length);
    const { kernels, changes: found } = JSON.parse(differencesJson(a, b));
    t.strictSame(kernels, pair);
    t.equal(found.length, changes.length);
    t.ok(found.every(({ witness }: { witness?: unknown }) => witness !== undefined));
  }
  const { status, stderr } = hmmSim('differences', '6.12', '6.2');
  t.equal(status, 64);
  t.match(stderr, 'unknown kernel "6.2"');
});

/** Of `test/x.yaml`, or `test/x.jsonl.gz --name y`. */
function documentOf(scenario: string) {
  const [file, , name] = scenario.split(' ') as [string, string?, string?];
  t.ok(existsSync(`${root}${file}`), file);
  const text = readFileSync(`${root}${file}`);
  const { documents } = name
    ? load(gunzipSync(text).toString(), file, 'jsonl')
    : load(text.toString(), file, 'yaml');
  return documents.find(({ document }) => name === undefined || document.name === name)!.document;
}

/** Their scenarios show them when they alone are flipped; between these two kernels another change hides them. */
const HIDDEN = [
  'faultLocksDevicePage',
  'exclusiveByPage',
  'exclusiveEntriesMap',
  'migrateSplitsInWalk',
  'kswapdWritesFiles',
  'devmemFaultReportsOom',
];

t.test(
  '6.12 and 7.3: the scenario of each is answered otherwise, and because of it, unless another change hides it',
  async (t) => {
    const [a, b] = PAIRS[1].map((id) => generationById(id)!) as [Generation, Generation];
    const machines = new MachinePool();
    const setups = PAIRS[1].map((kernel) => new Setups({ kernel })) as [Setups, Setups];
    const which = new WhichChange();
    const unnamed: string[] = [];
    for (const { behaviour, scenario } of JSON.parse(differencesJson(a, b)).changes) {
      // A program witnesses it: no step shows it.
      if (scenario == null) continue;
      const document = documentOf(scenario);
      const [one, two] = setups.map((each) => each.of(document));
      const { results } = runOn(machines, one!, document);
      const other = { generation: two!.generation, results: runOn(machines, two!, document).results };
      const causes = which.of(document, one!, results, other);
      if (!causes.some(({ behaviours }) => behaviours?.includes(behaviour))) unnamed.push(behaviour);
    }
    t.strictSame(unnamed, HIDDEN);
  },
);
