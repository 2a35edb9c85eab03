// SPDX-License-Identifier: GPL-2.0-only
/** The harness's command line: which tests run, the listing (-l) and the help (-h). */
import type { TestName } from './events.js';
import type { Suite, TestInstance } from './fixture.js';

/** Lower case includes, upper case excludes: test, variant, fixture; `r` names one test in full. */
export type FilterOption = 't' | 'T' | 'v' | 'V' | 'f' | 'F' | 'r';

export interface TestFilter {
  readonly option: FilterOption;
  readonly name: string;
}

/** "fixture.variant.test"; as in the harness, any character will do in place of the dots. */
function isFullName(test: TestName, name: string): boolean {
  if (name.length !== test.name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const isDot = i === test.fixture.length || i === name.length - test.test.length - 1;
    if (!isDot && name[i] !== test.name[i]) return false;
  }
  return true;
}

/** Whether the filter says something about the test: undefined, or the verdict. */
function verdict(test: TestName, { option, name }: TestFilter): boolean | undefined {
  const includes = option === option.toLowerCase();
  const matches = {
    t: test.test === name,
    v: test.variant === name,
    f: test.fixture === name,
    r: option === 'r' && isFullName(test, name),
  }[option.toLowerCase() as 't' | 'v' | 'f' | 'r'];
  return matches ? includes : undefined;
}

/** The first filter that matches decides; without a match, a test runs unless there is an inclusive filter. */
function test_enabled(test: TestName, filters: readonly TestFilter[]): boolean {
  for (const filter of filters) {
    const decided = verdict(test, filter);
    if (decided !== undefined) return decided;
  }
  return filters.every(({ option }) => option !== option.toLowerCase());
}

/** The tests that the filters select, in the order in which they run. */
export function selectTests(suite: Suite, filters: readonly TestFilter[]): readonly TestInstance[] {
  return suite.fixtures.flatMap(({ instances }) => instances.filter((test) => test_enabled(test, filters)));
}

/** Every name that a filter's option can match, for messages about names that match nothing. */
export function knownNames(suite: Suite, option: FilterOption): readonly string[] {
  const names = {
    t: () => suite.fixtures.flatMap(({ tests }) => tests),
    v: () => suite.fixtures.flatMap(({ variants }) => variants),
    f: () => suite.fixtures.map(({ name }) => name),
    r: () => suite.fixtures.flatMap(({ instances }) => instances.map(({ name }) => name)),
  }[option.toLowerCase() as 't' | 'v' | 'f' | 'r'];
  return [...new Set(names())];
}

const row = (fixture: string, variant: string, test: string): string =>
  `${fixture.padEnd(20)} ${variant.padEnd(25)} ${test}`;

/** The lines of -l. */
export function test_harness_list_tests(suite: Suite): string[] {
  const lines = [...(suite.preamble ?? []), row('# FIXTURE', 'VARIANT', 'TEST'), row('global', '', '')];
  for (const { name, variants, tests } of suite.fixtures) {
    lines.push('-'.repeat(80));
    for (let i = 0; i < Math.max(variants.length, tests.length, 1); i++) {
      lines.push(row(i === 0 ? name : '', variants[i] ?? '', tests[i] ?? ''));
    }
  }
  return lines;
}

/** The lines of -h. */
export function test_harness_help({ name, style, preamble = [] }: Suite): string[] {
  const { hasDebug } = style;
  return [
    ...preamble,
    `Usage: ${name} [-h|-l${hasDebug ? '|-d' : ''}] [-t|-T|-v|-V|-f|-F|-r name]`,
    '\t-h       print help',
    '\t-l       list all tests',
    ...(hasDebug ? ['\t-d       enable debug prints'] : []),
    '',
    '\t-t name  include test',
    '\t-T name  exclude test',
    '\t-v name  include variant',
    '\t-V name  exclude variant',
    '\t-f name  include fixture',
    '\t-F name  exclude fixture',
    '\t-r name  run specified test',
    '',
    'Test filter options can be specified multiple times. The filtering stops',
    "at the first match. For example to include all tests from variant 'bla'",
    "but not test 'foo' specify '-T foo -v bla'.",
  ];
}
