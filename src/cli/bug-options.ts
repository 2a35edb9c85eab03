// SPDX-License-Identifier: GPL-2.0-only
/** --bug and --fix, of every command that boots machines. */
import { type Command, Option } from 'commander';
import { bugById, withoutEffect } from '../generations/bugs/index.js';
import type { ScenarioDocument } from '../scenario/schema.js';

export interface BugFlags {
  readonly bug: readonly string[];
  readonly fix: readonly string[];
}

/** IDs with commas between them, added to those given before. Throws UsageError for one that is unknown. */
function parseIds(option: string) {
  return (text: string, previous: readonly string[] = []): readonly string[] => {
    return [...previous, ...text.split(',').map((id) => bugById(id.trim(), option).id)];
  };
}

/** --bug alone, undefined unless it is given. */
export function bugOption(): Option {
  return new Option('--bug <id,...>', 'bugs to bring back (hmm-sim bugs lists them); repeatable').argParser(
    parseIds('--bug'),
  );
}

export function addBugOptions(command: Command): Command {
  return command
    .addOption(bugOption().default([], 'none'))
    .addOption(
      new Option('--fix <id,...>', 'bugs that the kernel has, to be fixed; repeatable')
        .default([], 'none')
        .argParser(parseIds('--fix')),
    );
}

/** Does a document itself fix what --bug brings back, or bring back what --fix fixes? Then the switch does change something. */
export function isTakenBack(
  { machine }: Pick<ScenarioDocument, 'machine'>,
  { bug = [], fix = [] }: Partial<BugFlags>,
): boolean {
  const { bugs = [], fixes = [] } = machine ?? {};
  return bug.some((id) => fixes.includes(id)) || fix.some((id) => bugs.includes(id));
}

/** Say which of the switches change nothing on the kernels that run. */
export function tellWithoutEffect(
  { bug = [], fix = [] }: Partial<BugFlags>,
  kernels: Iterable<string>,
  tell: (line: string) => void,
): void {
  for (const kernel of new Set(kernels)) withoutEffect(kernel, bug, fix).forEach(tell);
}
