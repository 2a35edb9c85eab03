// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim bugs`: what --bug and --fix know. */
import type { Command } from 'commander';
import { type Bug, type BugFix, bugById, bugs, generationsWith } from '../generations/bugs/index.js';
import { generations } from '../generations/index.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { printLine } from './terminal.js';

const WIDTH = 100;
const LABEL = 12;

export function configure(command: Command): void {
  command
    .argument('[ids...]', 'only these, and all that is known of them')
    .option('--verify', "run each bug's scenario without and with it; exit 1 when one does not behave")
    .action(async (ids: string[], { verify }: { verify?: true }) => {
      const chosen = ids.length === 0 ? bugs : ids.map((id) => bugById(id, 'bugs'));
      if (verify) {
        const { verifyBugs } = await import('./bugs-verify.js');
        process.exitCode = verifyBugs(chosen, printLine) ? EXIT_OK : EXIT_FAILED;
        return;
      }
      const lines = ids.length === 0 ? listLines(bugs) : chosen.flatMap(bugLines);
      lines.forEach(printLine);
    });
}

/** Ids of the kernels here that have the bug as they are. */
function owners(bug: Bug): string {
  const found = generationsWith(bug);
  if (found.length === 0) return '-';
  return found.length === generations.length ? 'all' : found.map(({ id }) => id).join(' ');
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
  const others = generations.map(({ id }) => id).filter((id) => !having.includes(id));
  const bring = others.length === 0 ? [] : [`--bug ${bug.id} brings it to ${others.join(', ')}`];
  const fix = having.length === 0 ? [] : [`--fix ${bug.id} takes it from ${having.join(', ')}`];
  return [...bring, ...fix].join('; ');
}

/** All that is known of one bug. */
export function bugLines(bug: Bug): string[] {
  const { id, title, mechanism, symptom, fix, existed, overrides, shows, check } = bug;
  const switches = Object.entries(overrides).map(([name, value]) => `${name}=${value}`);
  return [
    `${id}: ${title}`,
    ...field('cause', mechanism),
    ...field('symptom', symptom),
    ...field('fix', fixText(fix)),
    ...field('existed', existed),
    ...field('here', optionText(bug)),
    ...field('switch', switches.join(' ')),
    ...field('scenario', `test/bugs/${id}.yaml`),
    ...field('shows', check ? `${shows} (with --check)` : shows),
  ];
}
