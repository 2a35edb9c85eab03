// SPDX-License-Identifier: GPL-2.0-only
/** Finds bugs by what somebody has of one: a CVE, a commit, a function, a line of a log, words. */
import { type Bug, bugs, generationsWith } from '../generations/bugs/index.js';
import { type LeftOutBug, leftOutBugs } from '../generations/bugs/left-out.js';
import { suiteSymptoms } from '../generations/bugs/suite-symptoms.js';
import { generations } from '../generations/index.js';
import { didYouMean, editDistance } from '../sim/suggest.js';
import { shortName } from './run-builder.js';
import { withoutAddresses } from './symptoms.js';
import { tapLine } from './tap.js';
import { unwrap } from './unwrap.js';

export type KnownBug = Bug | LeftOutBug;

export interface FoundBug {
  readonly bug: KnownBug;
  readonly points: number;
  /** What of it fits. */
  readonly why: string;
}

type Fit = Omit<FoundBug, 'bug'>;

export const isOnSwitch = (bug: KnownBug): bug is Bug => 'id' in bug;

const known: readonly KnownBug[] = [...bugs, ...leftOutBugs];

const rowsOf = (bug: KnownBug) => (isOnSwitch(bug) ? suiteSymptoms.filter((row) => row.bug === bug.id) : []);

// --- what names a bug ---------------------------------------------------------------------------------------

const CVE = /\b(?:cve-)?(\d{4}-\d{4,})\b/i;
const COMMIT = /^[0-9a-f]{7,40}$/i;

function byCve({ fix }: KnownBug, number: string): Fit | undefined {
  const text = `CVE-${number}`;
  return fix.cve === text ? { points: 1000, why: text } : undefined;
}

function byCommit({ fix: { commit } }: KnownBug, hash: string): Fit | undefined {
  if (commit === undefined || !(commit.startsWith(hash) || hash.startsWith(commit))) return undefined;
  return { points: 1000, why: `commit ${commit}` };
}

// --- what a log shows of it ---------------------------------------------------------------------------------

/** A function, and what oopses name in its place where it is inlined. */
const symbolsOf = (fn: string): string[] => [fn, ...generations.flatMap(({ symbols }) => symbols[fn] ?? [])];

/** How the kernel tells of it, as a scenario's "shows" and a log's title have it. */
const WAYS: readonly { readonly shows: RegExp; readonly log: RegExp }[] = [
  { shows: /warnings/, log: /\bwarn/i },
  { shows: /hang/, log: /hung|hang|stall|lockup|blocked|loop/i },
  { shows: /oops/, log: /oops|\bBUG\b|unable to handle|dereference|fault|KASAN|use.after.free/i },
];

function byFunction(bug: KnownBug, words: ReadonlySet<string>, query: string): Fit | undefined {
  const place = bug.functions.findIndex((fn) =>
    symbolsOf(fn).some((symbol) => words.has(symbol.toLowerCase())),
  );
  if (place < 0) return undefined;
  const shows = isOnSwitch(bug) ? bug.shows : '';
  const alike = WAYS.some((way) => way.shows.test(shows) && way.log.test(query));
  const named = shows.includes(`"${bug.functions[place]}"`);
  const have = isOnSwitch(bug) ? 1 + generationsWith(bug).length : 0;
  const points = 100 - place + (named ? 20 : 0) + (named && alike ? 40 : 0) + have;
  return { points, why: `function ${bug.functions[place]}` };
}

interface Assertion {
  readonly text: string;
  readonly test: string | undefined;
}

/** Of a line of a log, or of what it says alone. */
function assertionIn(query: string): Assertion | undefined {
  const line = tapLine(unwrap(query));
  if (line?.kind === 'assertion') return { text: line.text, test: line.test };
  const at = query.search(/expected /i);
  return at < 0 ? undefined : { text: query.slice(at), test: /(\w+):\s*$/.exec(query.slice(0, at))?.[1] };
}

function byAssertion(bug: KnownBug, { text, test }: Assertion): Fit | undefined {
  const wanted = withoutAddresses(text).toLowerCase();
  let best: Fit | undefined;
  for (const { shows } of rowsOf(bug)) {
    const all = shows.reduce((sum, { tests }) => sum + tests.length, 0);
    for (const { says, tests } of shows) {
      if (!says.toLowerCase().startsWith(wanted)) continue;
      const same = tests.find((name) => shortName(name) === test);
      const points = 200 + (same === undefined ? 0 : 100) + (50 * tests.length) / all;
      if (points > (best?.points ?? 0)) best = { points, why: `${shortName(same ?? tests[0]!)}: ${says}` };
    }
  }
  return best;
}

// --- words --------------------------------------------------------------------------------------------------

const STOP = new Set(
  'a an and are as at be by for from has have in is it its not of on or that the this to was with'.split(' '),
);

const wordsIn = (text: string): string[] => text.toLowerCase().match(/\w+/g) ?? [];

/** Singular, plural, -ed and -ing alike. */
const stem = (word: string): string => (word.length > 4 ? word.replace(/(?:ing|ed|es|s)$/, '') : word);

const stemsOf = (text: string): Set<string> =>
  new Set(
    wordsIn(text)
      .flatMap((word) => [word, ...word.split('_')])
      .map(stem),
  );

/** The id and title count for more than the rest. */
const stems = new Map(
  known.map((bug) => {
    const { title, symptom, functions, fix } = bug;
    const head = stemsOf(`${isOnSwitch(bug) ? bug.id : ''} ${title}`);
    const tests = rowsOf(bug).flatMap(({ shows, load }) => [
      load ?? '',
      ...shows.flatMap(({ says, tests }) => [says, ...tests]),
    ]);
    const more = isOnSwitch(bug) ? [bug.mechanism, bug.existed, bug.shows] : [bug.why];
    const rest = [symptom, ...functions, fix.subject ?? '', fix.note ?? '', ...more, ...tests];
    return [bug, { head, all: new Set([...head, ...stemsOf(rest.join(' '))]) }] as const;
  }),
);

/** Rare words say more. */
function weight(word: string): number {
  const count = [...stems.values()].filter(({ all }) => all.has(word)).length;
  return Math.log(1 + known.length / (1 + count));
}

/** Of the words of a query so many have to be there, and so much of their weight. */
const ENOUGH = { words: 2 / 3, weight: 0.5 };

interface Word {
  readonly text: string;
  readonly stem: string;
  readonly weight: number;
}

const weigh = (words: readonly Word[]): number => words.reduce((sum, { weight }) => sum + weight, 0);

function byWords(bug: KnownBug, words: readonly Word[]): Fit | undefined {
  const { head, all } = stems.get(bug)!;
  const found = words.filter(({ stem }) => all.has(stem));
  if (found.length === 0 || found.length < ENOUGH.words * words.length) return undefined;
  const share = weigh(found) / weigh(words);
  if (share < ENOUGH.weight) return undefined;
  const inHead = weigh(found.filter(({ stem }) => head.has(stem))) / weigh(words);
  return { points: 60 * share + 20 * inHead, why: `words: ${found.map(({ text }) => text).join(' ')}` };
}

/** Numbers and small words find nothing. */
function wordsOf(query: string): Word[] {
  const texts = [...new Set(wordsIn(query))].filter(
    (text) => text.length > 1 && !STOP.has(text) && !/^(?:0x)?\d+$/.test(text),
  );
  return texts.map((text) => ({ text, stem: stem(text), weight: weight(stem(text)) }));
}

// --- all of them --------------------------------------------------------------------------------------------

/** The way to compare a bug with what is asked for. */
function comparing(query: string): (bug: KnownBug) => Fit | undefined {
  const cve = CVE.exec(query)?.[1];
  if (cve !== undefined) return (bug) => byCve(bug, cve);
  const hash = query.trim().toLowerCase();
  if (COMMIT.test(hash) && /\d/.test(hash)) return (bug) => byCommit(bug, hash);
  const assertion = assertionIn(query);
  const words = wordsOf(query);
  const texts = new Set(words.map(({ text }) => text));
  return (bug) =>
    (assertion === undefined ? undefined : byAssertion(bug, assertion)) ??
    byFunction(bug, texts, query) ??
    byWords(bug, words);
}

/** Those that fit, the most fitting first; none that fits far worse than the first. */
export function findBugs(query: string): FoundBug[] {
  const fit = comparing(query);
  const found = known.flatMap((bug) => {
    const how = fit(bug);
    return how === undefined ? [] : [{ bug, ...how }];
  });
  found.sort((a, b) => b.points - a.points);
  return found.filter(({ points }) => points >= 0.5 * found[0]!.points);
}

const isNumber = (query: string): boolean => CVE.test(query) || COMMIT.test(query);

/** What was meant by a query that finds nothing, as " (did you mean ...?)". */
export function nearMiss(query: string): string {
  const facts = known.flatMap(({ fix }) => [fix.cve, fix.commit].filter((text) => text !== undefined));
  // Other numbers are other bugs; a slip of one or two digits is none.
  if (isNumber(query)) {
    const close = facts.filter((fact) => editDistance(query.toUpperCase(), fact.toUpperCase()) <= 2);
    return didYouMean(query, close);
  }
  const ids = bugs.map(({ id }) => id);
  return didYouMean(query, [...ids, ...known.flatMap(({ functions }) => functions)]);
}
