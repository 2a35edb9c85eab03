// SPDX-License-Identifier: GPL-2.0-only
/** Runs tests of one's own, alone or beside hmm-tests, under the kselftest harness. */
import type { Generation } from '../generations/index.js';
import { moduleAt } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import { ktapLines } from '../report/ktap.js';
import {
  type HarnessEvent,
  KSFT_FAIL,
  KSFT_SKIP,
  type ResultEvent,
  type Totals,
} from '../selftests/events.js';
import type { Fixture as BuiltFixture, Suite } from '../selftests/fixture.js';
import { harnessStyles } from '../selftests/harness_style.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { test_harness_run } from '../selftests/kselftest_harness.js';
import { knownNames } from '../selftests/test_filter.js';
import { KernelBug, UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';
import { errnoName } from '../uapi/errno.js';
import { type AnyFixture, Fixture } from './fixtures.js';
import { type BootOptions, describe, Machine } from './machine.js';

/** Tests of two fixtures of one name are of one fixture: those of hmm-tests come first. */
function merged(a: BuiltFixture, b: BuiltFixture): BuiltFixture {
  const twice = b.tests.find((test) => a.tests.includes(test));
  if (twice !== undefined)
    throw new UsageError(`${a.name} has this test already`, `TEST_F(${a.name}, ${twice})`);
  const variants = [...new Set([...a.instances, ...b.instances].map(({ variant }) => variant))];
  const of = (fixture: BuiltFixture, wanted: string) =>
    fixture.instances.filter(({ variant }) => variant === wanted);
  return {
    name: a.name,
    variants: variants.filter((variant) => variant !== ''),
    tests: [...a.tests, ...b.tests],
    instances: variants.flatMap((variant) => [...of(a, variant), ...of(b, variant)]),
  };
}

/** `base` with these fixtures behind its own. Throws UsageError for what is no fixture, or a test that is there twice. */
export function suiteWith(base: Suite, fixtures: readonly unknown[], generation: Generation): Suite {
  const all = new Map(base.fixtures.map((fixture) => [fixture.name, fixture]));
  for (const fixture of fixtures) {
    if (!(fixture instanceof Fixture)) throw new UsageError('expected what FIXTURE() returns', 'fixtures');
    const built = fixture.build(generation);
    if (built.instances.length === 0) throw new UsageError(`${fixture.name} has no test`, 'fixtures');
    const before = all.get(fixture.name);
    all.set(fixture.name, before === undefined ? built : merged(before, built));
  }
  return { ...base, fixtures: [...all.values()] };
}

export interface RunOptions extends BootOptions {
  /** What the harness calls the suite; "selftests" by default. */
  readonly name?: string;
  /** Run hmm-tests as well, first. */
  readonly hmmTests?: boolean;
  /** Full names of the tests to run, "fixture.variant.test"; default: all. */
  readonly only?: readonly string[];
  /** false: the driver is not loaded. */
  readonly module?: boolean;
}

export interface TestResult {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip';
  /** Of a failure: assertions, and how the test ended; of a skip: its reason. */
  readonly lines: readonly string[];
}

export interface SuiteResult {
  /** No test failed. */
  readonly passed: boolean;
  readonly totals: Totals;
  readonly tests: readonly TestResult[];
  /** The same as text, without newlines. */
  readonly ktap: readonly string[];
}

/** Throws UsageError where loading the driver fails: the tests could say nothing. */
function boot(description: MachineDescription): Machine {
  const machine = Machine.bootAs(description);
  if (description.module === null) return machine;
  const { name, params } = description.module;
  try {
    const ret = machine.loadModule(name, params);
    if (ret === 0) return machine;
    throw new UsageError(`loading ${name} answers -${errnoName(-ret)}`, 'runSuite');
  } catch (error) {
    if (!(error instanceof KernelBug)) throw error;
    throw new UsageError(`loading ${name} oopses in ${error.fn}: ${error.reason}`, 'runSuite');
  }
}

class Collector {
  readonly ktap: string[] = [];
  readonly tests: TestResult[] = [];
  totals: Totals = { pass: 0, fail: 0, skip: 0 };
  #lines: string[] = [];

  constructor(private readonly suite: Suite) {}

  onEvent(event: HarnessEvent): void {
    this.ktap.push(...ktapLines(event, this.suite.style));
    if (event.type === 'start') this.#lines = [];
    else if (event.type === 'log') this.#lines.push(event.text.trim());
    else if (event.type === 'result') this.tests.push({ ...this.resultOf(event), lines: this.#lines });
    else if (event.type === 'end') this.totals = event.totals;
  }

  private resultOf({ name, code }: ResultEvent): Pick<TestResult, 'name' | 'result'> {
    const result = code === KSFT_FAIL ? 'fail' : code === KSFT_SKIP ? 'skip' : 'pass';
    return { name, result };
  }
}

function checkOnly(suite: Suite, only: readonly string[]): void {
  const names = knownNames(suite, 'r');
  const unknown = only.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new UsageError(`there is no test "${unknown}"${didYouMean(unknown, names)}`, 'only');
}

/** Run the fixtures' tests. Throws UsageError for mistakes in the options, the fixtures or the use of `yield*`. */
export function runSuite(
  fixtures: AnyFixture | readonly AnyFixture[],
  options: RunOptions = {},
): SuiteResult {
  const {
    name = 'selftests',
    hmmTests: beside = false,
    only = [],
    module = true,
    ...machineOptions
  } = options;
  const described = describe(machineOptions);
  const { generation } = described;
  const loaded = described.module ?? moduleAt([]);
  const description = { ...described, module: module ? loaded : null };
  const empty = { name, style: harnessStyles[generation.harness], fixtures: [] };
  const base = beside ? { ...hmmTests(generation), name } : empty;
  const suite = suiteWith(base, Array.isArray(fixtures) ? fixtures : [fixtures], generation);
  checkOnly(suite, only);
  const collector = new Collector(suite);
  const filters = only.map((test) => ({ option: 'r', name: test }) as const);
  const machine = (): Machine => boot(description);
  for (const _ of test_harness_run({
    suite,
    filters,
    machine,
    onEvent: (event) => collector.onEvent(event),
  }));
  const { ktap, tests, totals } = collector;
  return { passed: totals.fail === 0, totals, tests, ktap };
}
