// SPDX-License-Identifier: GPL-2.0-only
/** How often triage is right, over every sample in every wrapping, whole and reduced. */
import t from 'tap';
import { generations } from '../../src/generations/index.js';
import { kcidbText } from '../../src/report/triage-kcidb.js';
import { judge, type LogVerdict } from '../../src/triage/judge.js';
import { bugSamples, recordings, type Sample } from './corpus.js';
import { kcidbMistakes } from './kcidb.js';
import { readLog } from './log-text.js';
import { wrappings } from './wrappings.js';

const banner = ({ kernel }: Sample) => `Linux version ${kernel} (build@host) #1 SMP`;

/** What is left of a log, and what may then be unknown. */
const reductions: Readonly<Record<string, (sample: Sample) => readonly string[]>> = {
  whole: ({ lines }) => lines,
  'with banner': (sample) => [banner(sample), ...sample.lines],
  'what grep leaves': (sample) => [
    banner(sample),
    ...sample.lines.filter((line) => /^not ok|hmm-tests\.c:|^# \w+: Test|WARNING|RIP/.test(line)),
  ],
  'cut behind the last failure': (sample) => {
    const last = sample.lines.findLastIndex((line) => line.startsWith('not ok'));
    return [banner(sample), ...sample.lines.slice(0, last < 0 ? undefined : last + 1)];
  },
};

type What = 'tests' | 'generation' | 'condition' | 'bug';

interface Rates {
  readonly right: Record<What, number>;
  readonly all: Record<What, number>;
  /** Right bugs of all, by generation. */
  readonly bugsOf: Map<string, { right: number; all: number }>;
  /** What was wrong of a sample and its reduction, with the wrappings in which it was. */
  readonly wrong: Map<string, string[]>;
  /** Where --json is not what KCIDB takes. */
  readonly malformed: string[];
}

/** Tests that failed; those beside which the kernel only warned passed. */
const failuresOf = ({ runs }: LogVerdict) =>
  runs.flatMap(({ findings }) =>
    findings.filter(
      ({ status, name, symptoms }) =>
        status === 'FAIL' && name !== '' && symptoms.some((text) => !text.startsWith('warns: ')),
    ),
  );

/** `got` is told where it is wrong. */
function count(
  { all, right, wrong }: Rates,
  what: What,
  isRight: boolean,
  { where, wrapping }: Place,
  got: string,
): void {
  all[what]++;
  if (isRight) right[what]++;
  else wrong.set(`${what}: ${where}: ${got}`, [...(wrong.get(`${what}: ${where}: ${got}`) ?? []), wrapping]);
}

interface Place {
  readonly where: string;
  readonly wrapping: string;
}

function judged(rates: Rates, sample: Sample, reduction: string, wrapping: string): void {
  const kept = reductions[reduction]!(sample);
  const verdict = judge(readLog(wrappings[wrapping]!(kept)));
  const name = `${sample.name}, ${reduction}, ${wrapping}`;
  const place = { where: `${sample.name}, ${reduction}`, wrapping };
  if (reduction === 'whole' || wrapping === Object.keys(wrappings)[0])
    rates.malformed.push(...kcidbMistakes(kcidbText([{ name, verdict }])));
  const told = failuresOf(verdict).map(({ name }) => name);
  const wanted = sample.failed;
  const right = told.join() === wanted.join();
  count(rates, 'tests', right, place, `${told.join()} instead of ${wanted.join()}`);
  const [run] = verdict.runs;
  if (run === undefined) return;
  const { here, alike } = run.fit;
  const generation =
    here.id === sample.generation || (reduction === 'whole' && alike.includes(sample.generation));
  count(rates, 'generation', generation, place, here.id);
  if (sample.condition !== undefined && run.findings.length > 0) {
    const ids = run.conditions.map(({ id }) => id);
    count(rates, 'condition', ids.includes(sample.condition), place, ids.join());
  }
  if (sample.bug === undefined) return;
  const anyway = (what: string): boolean => sample.anyway?.has(what) === true;
  const [first] = run.findings.filter(
    ({ status, name, symptoms }) =>
      status === 'FAIL' && !anyway(name) && !(name === '' && symptoms.every(anyway)),
  );
  if (first === undefined) return;
  const bug = first.candidates[0]?.bug;
  count(rates, 'bug', bug === sample.bug, place, `${first.name} ${bug}`);
  const of = rates.bugsOf.get(sample.generation) ?? { right: 0, all: 0 };
  rates.bugsOf.set(sample.generation, of);
  of.all++;
  if (bug === sample.bug) of.right++;
}

function newRates(): Rates {
  const none = () => ({ tests: 0, generation: 0, condition: 0, bug: 0 });
  return { right: none(), all: none(), bugsOf: new Map(), wrong: new Map(), malformed: [] };
}

t.test('at least 95 of 100 are right', { timeout: 280_000 }, async (t) => {
  const rates = newRates();
  const samples = [...recordings, ...bugSamples()];
  for (const sample of samples) {
    for (const reduction of Object.keys(reductions))
      for (const wrapping of Object.keys(wrappings)) judged(rates, sample, reduction, wrapping);
  }
  t.comment(`${samples.length} samples; ${JSON.stringify(rates.right)} of ${JSON.stringify(rates.all)}`);
  for (const [what, wrappings] of rates.wrong) t.comment(`${what} (${wrappings.length} wrappings)`);
  t.strictSame(rates.malformed.slice(0, 5), []);
  for (const what of ['tests', 'generation', 'condition', 'bug'] as const) {
    t.ok(rates.all[what] > 100, `${rates.all[what]} ${what}`);
    t.ok(rates.right[what] >= 0.95 * rates.all[what], `${what}: ${rates.right[what]} of ${rates.all[what]}`);
  }
  t.strictSame(
    [...rates.bugsOf.keys()].sort(),
    generations
      .filter(({ testModule }) => testModule === undefined)
      .map(({ id }) => id)
      .sort(),
  );
  for (const [id, { right, all }] of rates.bugsOf)
    t.ok(right >= 0.95 * all, `${id}: ${right} of ${all} bugs`);
});

t.test('nothing is wrong in a log of a run that passed', async (t) => {
  for (const sample of recordings.filter(({ failed }) => failed.length === 0)) {
    for (const [wrapping, wrap] of Object.entries(wrappings)) {
      const { runs, reports, others } = judge(readLog(wrap(sample.lines)));
      const bad = runs.flatMap(({ findings }) => findings.filter(({ status }) => status !== 'SKIP'));
      t.strictSame([runs.length, bad, reports, others], [1, [], [], []], `${sample.name}, ${wrapping}`);
    }
  }
});
