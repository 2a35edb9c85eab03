// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim bugs`: what --bug and --fix know, and which bug somebody has before them. */
import type { Command } from 'commander';
import {
  type Bug,
  type BugFix,
  bugById,
  bugs,
  generationsOf,
  generationsWith,
} from '../generations/bugs/index.js';
import type { LeftOutBug } from '../generations/bugs/left-out.js';
import { findBugs, isOnSwitch, type KnownBug, nearMiss } from '../triage/bug-search.js';
import { type SeenBy, testsThatSee } from '../triage/bug-tests.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { asPastedHere } from './own-files.js';
import { printErrorLine, printLine } from './terminal.js';

const WIDTH = 100;
const LABEL = 12;
/** Of the bugs that are found, no more are told, and of all but the first only this much. */
const MAX_FOUND = 8;
const MAX_TESTS = 4;

export function configure(command: Command): void {
  command
    .argument('[query...]', 'ids, or what there is of a bug: all that is known of what it finds')
    .option('--verify', "run each bug's scenario without and with it; exit 1 when one does not behave")
    .addHelpText(
      'after',
      `
A query is an id, a CVE ("CVE-2026-46280"), a commit (seven digits or more), a function, a line of a log ("WARNING in
zap_pte_range", "Expected ret (-14) == 0 (0)"), or words. The most fitting bug comes first; exit 1 when none fits.`,
    )
    .action(async (query: string[], { verify }: { verify?: true }) => {
      if (verify) {
        const chosen = query.length === 0 ? bugs : query.map((id) => bugById(id, 'bugs'));
        const { verifyBugs } = await import('./bugs-verify.js');
        process.exitCode = (await verifyBugs(chosen, printLine)) ? EXIT_OK : EXIT_FAILED;
        return;
      }
      process.exitCode = tell(query);
    });
}

/** Return: the exit status. */
function tell(query: readonly string[]): number {
  const named = query.flatMap((id) => bugs.find((bug) => bug.id === id.toLowerCase()) ?? []);
  if (named.length === query.length) {
    (query.length === 0 ? listLines(bugs) : named.flatMap(bugLines)).forEach(printLine);
    return EXIT_OK;
  }
  const text = query.join(' ');
  const found = findBugs(text);
  for (const [place, { bug, why }] of found.slice(0, MAX_FOUND).entries())
    (place === 0 ? knownLines(bug, why) : shortLines(bug, why)).forEach(printLine);
  if (found.length > MAX_FOUND) printLine(`and ${found.length - MAX_FOUND} more`);
  if (found.length > 0) return EXIT_OK;
  printErrorLine(`hmm-sim: bugs: nothing known fits "${text}"${nearMiss(text)}; "hmm-sim bugs" lists them`);
  return EXIT_FAILED;
}

/** Ids of the kernels here that have the bug as they are. */
function owners(bug: Bug): string {
  const found = generationsWith(bug);
  if (found.length === 0) return '-';
  return found.length === generationsOf(bug).length ? 'all' : found.map(({ id }) => id).join(' ');
}

/** One line a bug, below a heading. */
export function listLines(list: readonly Bug[]): string[] {
  const rows = [['BUG', 'IN', ''], ...list.map((bug) => [bug.id, owners(bug), bug.title])];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)) + 2);
  return rows.map(([id, kernels, title]) =>
    `${id!.padEnd(widths[0]!)}${kernels!.padEnd(widths[1]!)}${title}`.trimEnd(),
  );
}

/** Words in lines of at most `width`. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function field(label: string, text: string): string[] {
  return wrap(text, WIDTH - LABEL).map((line, n) => `  ${(n === 0 ? label : '').padEnd(LABEL - 2)}${line}`);
}

function fixText({ subject, commit, cve, note }: BugFix): string {
  if (subject === undefined) return note ?? '';
  const known = [commit, cve].filter((text) => text !== undefined);
  return known.length === 0 ? `"${subject}"` : `"${subject}" (${known.join(', ')})`;
}

/** Which option does what with which kernel. */
function optionText(bug: Bug): string {
  const having = generationsWith(bug).map(({ id }) => id);
  const others = generationsOf(bug)
    .map(({ id }) => id)
    .filter((id) => !having.includes(id));
  const bring = others.length === 0 ? [] : [`--bug ${bug.id} brings it to ${others.join(', ')}`];
  const fix = having.length === 0 ? [] : [`--fix ${bug.id} takes it from ${having.join(', ')}`];
  return [...bring, ...fix].join('; ');
}

function seenText({ tests, kernels, huge, warns }: SeenBy): string {
  const more = tests.length > MAX_TESTS ? ` and ${tests.length - MAX_TESTS} more` : '';
  const how = [...(huge ? ['with --thp always'] : []), ...(warns ? ['by a WARN alone'] : [])];
  return `suite: ${tests.slice(0, MAX_TESTS).join(', ')}${more} (${[...kernels, ...how].join(', ')})`;
}

/** Tests of the suite that see it. */
function seenLines({ id }: Bug): string[] {
  const seen = testsThatSee(id).map(seenText);
  if (seen.length === 0) return field('seen by', 'no test of the suite; its scenario does');
  return seen.flatMap((text, n) => field(n === 0 ? 'seen by' : '', text));
}

/** All that is known of a bug that was found, and why it was. */
function knownLines(bug: KnownBug, why: string): string[] {
  const [title, ...more] = isOnSwitch(bug) ? bugLines(bug) : leftOutLines(bug);
  return [title!, ...field('fits', why), ...more];
}

/** The same of those that fit less. */
function shortLines(bug: KnownBug, why: string): string[] {
  if (!isOnSwitch(bug)) return [bug.title, ...field('fits', why), ...field('here', 'no switch')];
  return [`${bug.id}: ${bug.title}`, ...field('fits', why), ...seenLines(bug)];
}

function leftOutLines({ title, symptom, fix, functions, why }: LeftOutBug): string[] {
  return [
    title,
    ...field('symptom', symptom),
    ...field('fix', fixText(fix)),
    ...(functions.length === 0 ? [] : field('functions', functions.join(', '))),
    ...field('here', `no switch: ${why}`),
  ];
}

/** All that is known of one bug. */
export function bugLines(bug: Bug): string[] {
  const { id, title, mechanism, symptom, fix, functions, existed, overrides, shows, check } = bug;
  const switches = Object.entries(overrides).map(([name, value]) => `${name}=${value}`);
  return [
    `${id}: ${title}`,
    ...field('cause', mechanism),
    ...field('symptom', symptom),
    ...field('fix', fixText(fix)),
    ...field('functions', functions.join(', ')),
    ...field('existed', existed),
    ...field('here', optionText(bug)),
    ...field('switch', switches.join(' ')),
    ...field('scenario', asPastedHere(`test/bugs/${id}.yaml`)),
    ...seenLines(bug),
    ...field('shows', check ? `${shows} (with --check)` : shows),
  ];
}
