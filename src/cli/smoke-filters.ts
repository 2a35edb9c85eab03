// SPDX-License-Identifier: GPL-2.0-only
/** The kselftest harness's filters as options of `smoke`, and what is wrong with a selection. */
import { type Command, Option } from 'commander';
import { generations } from '../generations/index.js';
import type { Suite } from '../selftests/fixture.js';
import { suiteOf } from '../selftests/hmm-tests/suites.js';
import { type FilterOption, knownNames, selectTests, type TestFilter } from '../selftests/test_filter.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from './suggest.js';

const help: readonly [FilterOption, string][] = [
  ['t', 'include test; filters can be repeated, the first that matches decides'],
  ['T', 'exclude test'],
  ['v', 'include variant'],
  ['V', 'exclude variant'],
  ['f', 'include fixture'],
  ['F', 'exclude fixture'],
  ['r', 'run the test of this full name, as its result line shows it'],
];

/** Add the filters. Return: where they gather, in the order of the command line, across all options. */
export function addFilterOptions(command: Command): TestFilter[] {
  const filters: TestFilter[] = [];
  for (const [option, text] of help) {
    const gather = (name: string): string => {
      filters.push({ option, name });
      return name;
    };
    command.addOption(new Option(`-${option} <name>`, text).argParser(gather));
  }
  return filters;
}

/** What a test that other generations have is called by this one; undefined when none of that name is known. */
function nameHere(suite: Suite, name: string): string | undefined {
  const parts = name.split('.');
  const here = suite.fixtures.flatMap(({ instances }) => instances);
  const known = generations.some(({ id }) => {
    const other = suiteOf(id);
    return other !== undefined && knownNames(other, 'r').includes(name);
  });
  if (!known) return undefined;
  const same = here.filter(({ test, fixture }) => test === parts.at(-1) && fixture === parts[0]);
  return same.length === 0 ? undefined : same.map((each) => each.name).join(' or ');
}

function unknownName(suite: Suite, { option, name }: TestFilter): UsageError | undefined {
  const known = knownNames(suite, option);
  if (known.includes(name)) return undefined;
  const kind = { t: 'test', v: 'variant', f: 'fixture', r: 'test' }[
    option.toLowerCase() as 't' | 'v' | 'f' | 'r'
  ];
  const here = option === 'r' ? nameHere(suite, name) : undefined;
  const hint = here === undefined ? didYouMean(name, known) : ` with this --kernel, where it is ${here}`;
  return new UsageError(`there is no ${kind} "${name}"${hint}`, `-${option}`);
}

/** Throws UsageError for an unknown test of -r, and when nothing is selected. */
export function checkFilters(suite: Suite, filters: readonly TestFilter[]): void {
  const selected = selectTests(suite, filters).length > 0;
  for (const filter of filters) {
    if (selected && filter.option !== 'r') continue;
    if (filter.option === 'r' && selectTests(suite, [filter]).length > 0) continue;
    const mistake = unknownName(suite, filter);
    if (mistake !== undefined) throw mistake;
  }
  if (selected) return;
  const given = filters.map(({ option, name }) => `-${option} ${name}`).join(' ');
  throw new UsageError(`${given} selects no test`);
}
