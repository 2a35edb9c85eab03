// SPDX-License-Identifier: GPL-2.0-only
/** The suites that a log can be of, those of the generations and of releases that are none, and their tests' names. */
import { type Generation, generations } from '../generations/index.js';
import { type SuiteLines, suiteLines } from '../generations/suite-lines.js';
import { compareVersions } from '../generations/version.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { shortName } from './run-builder.js';

/** Of what logs there are: hmm-tests. */
const tested = generations.filter(({ testModule }) => testModule === undefined);

export interface KnownSuite {
  /** A generation's id, or a release. */
  readonly id: string;
  /** What runs it here. */
  readonly generation: Generation;
  /** Whether that is the suite's own generation. */
  readonly own: boolean;
  readonly version: string;
  /** Full names, in order. */
  readonly names: readonly string[];
  /** What "Starting ... from N test cases" says of the whole suite. */
  readonly cases: number;
  /** SKIP's result has no name, failed EXPECTs a step. */
  readonly old: boolean;
  readonly lines: SuiteLines | undefined;
}

function ownSuite(generation: Generation): KnownSuite {
  const { id, version } = generation;
  const { fixtures, style } = hmmTests(generation);
  const names = fixtures.flatMap(({ instances }) => instances.map(({ name }) => name));
  const cases = fixtures.reduce((sum, { variants }) => sum + Math.max(variants.length, 1), 0);
  const counted = cases + (style.countsEmptyCases ? 1 : 0);
  const lines = suiteLines[id];
  return { id, generation, own: true, version, names, cases: counted, old: !style.usesResultCode, lines };
}

/** A release without a generation runs on the newest that is not newer. */
function foreignSuite(id: string, lines: SuiteLines): KnownSuite {
  const names = ['private', 'coherent'].flatMap((type) =>
    Object.keys(lines)
      .filter((name) => !name.includes('<'))
      .map((name) => name.replace(/^(\w+)\./, (_, fixture) => `${fixture}.${fixture}_device_${type}.`)),
  );
  const generation = nearest(id);
  return { id, generation, own: false, version: id, names, cases: 4, old: false, lines };
}

/** The newest generation that is not newer than the version; the oldest where all are. */
export function nearest(version: string): Generation {
  const sorted = [...tested].sort((a, b) => compareVersions(b.version, a.version));
  return sorted.find((one) => compareVersions(one.version, version) <= 0) ?? sorted.at(-1)!;
}

const own = tested.map(ownSuite);

export const knownSuites: readonly KnownSuite[] = [
  ...own,
  ...Object.entries(suiteLines)
    .filter(([id]) => !own.some((suite) => suite.id === id))
    .map(([id, lines]) => foreignSuite(id, lines)),
];

const variantOf = (name: string): string => name.split('.').slice(1, -1).join('.');
const fixtureOf = (name: string): string => name.slice(0, Math.max(name.indexOf('.'), 0));

/** What a test is called in the suite, where fixtures have got variants since, or have none yet; undefined: it is not there. */
export function nameIn({ names }: Pick<KnownSuite, 'names'>, name: string): string | undefined {
  if (names.includes(name)) return name;
  const alike = names.filter((one) => shortName(one) === shortName(name));
  const fixture = fixtureOf(name);
  const same = alike.filter((one) => fixture === '' || fixtureOf(one) === fixture);
  const coherent = /coherent/.test(variantOf(name));
  return same.find((one) => /coherent/.test(variantOf(one)) === coherent) ?? same[0];
}

/** The same for whoever does not know the generation: signatures name a test in one way. */
export function canonicalName(name: string): string {
  const [fixture, test, ...more] = name.split('.');
  return more.length === 0 && test !== undefined ? `${fixture}.${fixture}_device_private.${test}` : name;
}
