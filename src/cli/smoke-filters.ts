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

/** What to give instead of a test's bare name, or of a full one. */
function otherName(suite: Suite, { option, name }: TestFilter): string | undefined {
  const full = suite.fixtures.flatMap(({ instances }) => instances.map((each) => each.name));
  if (option !== 'r') return full.includes(name) ? `: this is a full name, which -r takes` : undefined;
  const named = full.filter((each) => each.endsWith(`.${name}`));
  return named.length === 0 ? undefined : `: expected a full name, ${named.join(' or ')}`;
}

function unknownName(suite: Suite, filter: TestFilter, where: string): UsageError | undefined {
  const { option, name } = filter;
  const known = knownNames(suite, option);
  if (known.includes(name)) return undefined;
  const kind = { t: 'test', v: 'variant', f: 'fixture', r: 'test' }[
    option.toLowerCase() as 't' | 'v' | 'f' | 'r'
  ];
  const here = option === 'r' ? nameHere(suite, name) : undefined;
  const other = otherName(suite, filter) ?? didYouMean(name, known);
  const hint = here === undefined ? other : ` with this --kernel, where it is ${here}`;
  return new UsageError(`there is no ${kind} "${name}"${hint}`, where);
}

/** Throws UsageError for an unknown test of -r, and when nothing is selected. `where` is said instead of the option. */
export function checkFilters(suite: Suite, filters: readonly TestFilter[], where?: string): void {
  const selected = selectTests(suite, filters).length > 0;
  for (const filter of filters) {
    if (selected && filter.option !== 'r') continue;
    if (filter.option === 'r' && selectTests(suite, [filter]).length > 0) continue;
    const mistake = unknownName(suite, filter, where ?? `-${filter.option}`);
    if (mistake !== undefined) throw mistake;
  }
  if (selected) return;
  const given = filters.map(({ option, name }) => `-${option} ${name}`).join(' ');
  throw new UsageError(`${given} selects no test`);
}
