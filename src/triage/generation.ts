// SPDX-License-Identifier: GPL-2.0-only
/** Which generation a run of the suite fits: by the banner, the tests, the style of the harness, and lines of hmm-tests.c. */
import { compareVersions } from '../generations/version.js';
import type { SuiteRun } from './log.js';
import { shortName } from './run-builder.js';
import { type KnownSuite, knownSuites, nameIn, nearest } from './suites.js';

export interface Fit {
  readonly suite: KnownSuite;
  /** What stands for it here: the same, or that of the nearest generation. */
  readonly here: KnownSuite;
  /** The kernel's version, from its banner. */
  readonly kernel: string | undefined;
  /** The suite is one that runs here, and the kernel of its series. */
  readonly exact: boolean;
  /** What spoke for it. */
  readonly why: readonly string[];
  /** Suites that fit as well. */
  readonly alike: readonly string[];
}

interface Score {
  readonly suite: KnownSuite;
  points: number;
  readonly why: string[];
}

const version = (release: string): string => /^\d+\.\d+(?:\.\d+)?/.exec(release)![0];
const series = (release: string): string => /^\d+\.\d+/.exec(release)![0];

type Points = readonly [points: number, why?: string];

function banner({ suite, kernel }: { suite: KnownSuite; kernel: string | undefined }): Points {
  if (kernel === undefined) return [0];
  if (suite.own && kernel === suite.generation.release) return [1000, `Linux ${kernel}`];
  if (series(kernel) === series(suite.version)) return [400, `Linux ${kernel}`];
  const near: Points = [40, `nearest to Linux ${kernel}`];
  if (suite.own && nearest(version(kernel)) === suite.generation) return near;
  // Newer than every generation: the newest suite that is known.
  const newest = [...knownSuites].sort((a, b) => compareVersions(b.version, a.version))[0]!;
  return suite === newest && compareVersions(version(kernel), suite.version) > 0 ? near : [0];
}

function names({ suite }: Score, run: SuiteRun): Points {
  const full = run.tests.filter(({ name }) => name.includes('.'));
  const known = full.filter(({ name }) => suite.names.includes(name)).length;
  const mapped = full.filter(({ name }) => nameIn(suite, name) !== undefined).length;
  const points = known + (mapped - known) * 0.2 - (full.length - mapped) * 20;
  const told = known === 1 ? 'the name of its test' : `${known} names of tests`;
  return [points, known > 0 && known === full.length ? told : undefined];
}

/** The number of a result is the place of its test in the suite, if all of it ran. */
function numbers({ suite }: Score, run: SuiteRun): Points {
  const numbered = run.tests.filter(({ number }) => number !== undefined);
  const hits = numbered.filter(({ name, number }) => suite.names[number! - 1] === name).length;
  if (numbered.length === 0) return [0];
  return [(5 * hits) / numbered.length, hits > 0 ? 'their numbers' : undefined];
}

function sizes({ suite }: Score, { plan, cases, totals, passed }: SuiteRun): Points {
  const total = plan ?? passed?.run ?? (totals && totals.pass + totals.fail + totals.skip);
  let points = 0;
  const why: string[] = [];
  if (total === suite.names.length) {
    points += 40;
    why.push(`${total} tests`);
  }
  if (cases !== undefined && cases === suite.cases) {
    points += 30;
    why.push(`${cases} test cases`);
  }
  return [points, why.length === 0 ? undefined : why.join(', ')];
}

function style({ suite }: Score, run: SuiteRun): Points {
  const has = (name: 'unnamed-skip' | 'step' | 'named-skip' | 'no-step') => run.style.has(name);
  if (!has('unnamed-skip') && !has('step') && !has('named-skip') && !has('no-step')) {
    const silent = run.tests.filter(
      ({ status, noDevice }) => status === 'skip' && noDevice.length > 0,
    ).length;
    return silent > 0 && suite.old ? [30, 'the style of the harness'] : [0];
  }
  const old = has('unnamed-skip') || has('step');
  return old === suite.old ? [30, 'the style of the harness'] : [-30];
}

function lines({ suite }: Score, run: SuiteRun): Points {
  let [hits, misses] = [0, 0];
  for (const { name, assertions } of run.tests) {
    for (const { file, line } of assertions.slice(0, 3)) {
      if (!file.endsWith('.c')) continue;
      const fixture = name.startsWith('hmm2.') ? 'hmm2' : 'hmm';
      const places = [
        `${fixture}.${shortName(name)}`,
        `hmm2.${shortName(name)}`,
        `${fixture}.<setup>`,
        `${fixture}.<teardown>`,
      ];
      if (places.some((place) => suite.lines?.[place]?.includes(line))) hits++;
      else misses++;
    }
  }
  if (hits + misses === 0) return [0];
  const points = (20 * (hits - misses * 0.5)) / (hits + misses);
  return [points, hits > 0 ? `lines of hmm-tests.c` : undefined];
}

/** The suite that fits the run best; the newest of several that fit alike. */
export function fit(run: SuiteRun, kernel = run.kernel): Fit {
  const scores = knownSuites.map((suite): Score => {
    const score: Score = { suite, points: 0, why: [] };
    const parts = [
      banner({ suite, kernel }),
      names(score, run),
      numbers(score, run),
      sizes(score, run),
      style(score, run),
      lines(score, run),
    ];
    for (const [points, why] of parts) {
      score.points += points;
      if (why !== undefined) score.why.push(why);
    }
    return score;
  });
  // Of suites that fit alike, one that runs here, and the newest.
  scores.sort(
    (a, b) =>
      b.points - a.points ||
      Number(b.suite.own) - Number(a.suite.own) ||
      compareVersions(b.suite.version, a.suite.version),
  );
  const [best] = scores;
  const { suite, why, points } = best!;
  const exact = suite.own && (kernel === undefined || series(kernel) === series(suite.version));
  const alike = scores.slice(1).filter((score) => points - score.points < 0.01);
  const here = knownSuites.find(({ id }) => id === suite.generation.id)!;
  return { suite, here, kernel, exact, why, alike: alike.map((score) => score.suite.id) };
}
