// SPDX-License-Identifier: GPL-2.0-only
/** FIXTURE, FIXTURE_VARIANT_ADD and TEST_F as values: a suite is a list of fixtures. */
import type { Part } from '../generations/suite-courses.js';
import type { Task } from '../sim/task.js';
import type { Sys } from '../user/api.js';
import type { TestName } from './events.js';
import type { HarnessStyle } from './harness_style.js';
import { type TestBody, TestContext } from './test_context.js';
import type { Metadata, TestEnvironment } from './test_metadata.js';

/** Seconds of simulated time that a test may take. */
const TEST_TIMEOUT_DEFAULT = 30;

export interface FixtureSpec<Self extends object, Variant> {
  readonly name: string;
  /** `self` as a test finds it before setup. */
  readonly data: Self;
  readonly setup: TestBody<Self, Variant>;
  readonly teardown: TestBody<Self, Variant>;
  /** By name; a fixture without variants has one named "". */
  readonly variants: Readonly<Record<string, Variant>>;
  /** By name, in the order in which they run. */
  readonly tests: Readonly<Record<string, TestBody<Self, Variant>>>;
  /** Each test with each value of a parameter, as googletest has it: "fixture.test/variant", test by test. */
  readonly parametrised?: boolean;
  /** Seconds, of tests that may not take TEST_TIMEOUT_DEFAULT. */
  readonly timeouts?: Readonly<Record<string, number>>;
}

/** One test of one variant. */
export interface TestInstance extends TestName {
  readonly timeoutSeconds: number;
  /** The program that the test's process runs; it ends by exit. */
  main(sys: Sys, metadata: Metadata, environment: TestEnvironment): Task<never>;
}

export interface Fixture {
  readonly name: string;
  readonly variants: readonly string[];
  readonly tests: readonly string[];
  /** Every test of every variant, in the order in which they run. */
  readonly instances: readonly TestInstance[];
}

/** The C file, and its line that stands for an assertion. */
export interface SourceInC {
  readonly file: string;
  line(test: TestName, part: Part, made: number): number | undefined;
}

export interface Suite {
  readonly name: string;
  readonly style: HarnessStyle;
  readonly fixtures: readonly Fixture[];
  /** Lines that the program prints before the harness begins. */
  readonly preamble?: readonly string[];
  /** Tests that print times, which are the machine's. */
  readonly timed?: readonly string[];
  /** Lines of the C file that it is ported from. */
  readonly c?: SourceInC;
}

function nameOf(fixture: string, variant: string, test: string, parametrised = false): string {
  if (variant === '') return `${fixture}.${test}`;
  return parametrised ? `${fixture}.${test}/${variant}` : `${fixture}.${variant}.${test}`;
}

function instance<Self extends object, Variant>(
  spec: FixtureSpec<Self, Variant>,
  variant: string,
  test: string,
): TestInstance {
  const { name: fixture, setup, teardown, parametrised } = spec;
  const data = spec.variants[variant]!;
  const body = spec.tests[test]!;
  return {
    name: nameOf(fixture, variant, test, parametrised),
    fixture,
    variant,
    test,
    timeoutSeconds: spec.timeouts?.[test] ?? TEST_TIMEOUT_DEFAULT,
    main(sys, metadata, environment) {
      const t = new TestContext(sys, { ...spec.data }, data, metadata, environment, teardown);
      return t.main(setup, body);
    },
  };
}

/** A fixture with its variants and tests, its types closed over. */
export function FIXTURE<Self extends object, Variant>(spec: FixtureSpec<Self, Variant>): Fixture {
  const variants = Object.keys(spec.variants);
  const tests = Object.keys(spec.tests);
  return {
    name: spec.name,
    variants: variants.filter((variant) => variant !== ''),
    tests,
    instances: spec.parametrised
      ? tests.flatMap((test) => variants.map((variant) => instance(spec, variant, test)))
      : variants.flatMap((variant) => tests.map((test) => instance(spec, variant, test))),
  };
}
