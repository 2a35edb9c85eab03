// SPDX-License-Identifier: GPL-2.0-only
/**
 * FIXTURE, FIXTURE_SETUP, TEST_F and their kin (kselftest_harness.h), to be written one under the other as in C. What
 * they build is a fixture of the suite's harness, as soon as the kernel is known.
 */
import type { Generation } from '../generations/index.js';
import { type Fixture as BuiltFixture, FIXTURE as build, type FixtureSpec } from '../selftests/fixture.js';
import type {
  Hmm2Fixture,
  Hmm2FixtureVariant,
  HmmFixture,
  HmmFixtureVariant,
} from '../selftests/hmm-tests/fixtures.js';
import { hmm2Spec, hmmSpec } from '../selftests/hmm-tests/suites.js';
import type { TestBody } from '../selftests/test_context.js';
import { UsageError } from '../sim/errors.js';
import { done } from '../sim/task.js';

type Spec<Self extends object, Variant> = Omit<FixtureSpec<Self, Variant>, 'tests' | 'timeouts'>;

/** Any fixture, as those take it who run it. */
export interface AnyFixture {
  readonly name: string;
  build(generation: Generation): BuiltFixture;
}

/** A fixture and the tests that have been added to it. */
export class Fixture<Self extends object, Variant> implements AnyFixture {
  readonly tests: Record<string, TestBody<Self, Variant>> = {};
  readonly timeouts: Record<string, number> = {};

  constructor(
    readonly name: string,
    /** What the fixture is on a kernel. */
    readonly specOf: (generation: Generation) => Spec<Self, Variant>,
  ) {}

  /** Its tests on a kernel. */
  build(generation: Generation): BuiltFixture {
    return build({ ...this.specOf(generation), tests: this.tests, timeouts: this.timeouts });
  }
}

/** A fixture that is written here, not one of hmm-tests. */
class OwnFixture<Self extends object, Variant> extends Fixture<Self, Variant> {
  readonly variants: Record<string, Variant> = {};
  setup: TestBody<Self, Variant> = () => done<void>(undefined);
  teardown: TestBody<Self, Variant> = () => done<void>(undefined);

  constructor(name: string, data: Self) {
    super(name, () => ({
      name,
      data,
      setup: (t) => this.setup(t),
      teardown: (t) => this.teardown(t),
      variants: Object.keys(this.variants).length === 0 ? { '': undefined as Variant } : this.variants,
    }));
  }
}

const NAME = /^\w+$/;

function checkName(name: string, where: string): void {
  if (!NAME.test(name)) throw new UsageError(`"${name}" is no name (letters, digits and _)`, where);
}

/** Throws UsageError for what is no `function* (t) { ... }`. */
function checkBody(body: unknown, where: string): void {
  const isGenerator = typeof body === 'function' && body.constructor.name === 'GeneratorFunction';
  if (!isGenerator) throw new UsageError('expected a generator, function* (t) { ... }', where);
}

function own<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  where: string,
): OwnFixture<Self, Variant> {
  if (fixture instanceof OwnFixture) return fixture as OwnFixture<Self, Variant>;
  const what =
    fixture instanceof Fixture ? `${fixture.name} has its own` : 'the first argument is no FIXTURE';
  throw new UsageError(what, where);
}

/** FIXTURE(name) { data }: `data` is t.self as setup finds it, a copy for each test. */
export function FIXTURE<Self extends object, Variant = undefined>(
  name: string,
  data: Self,
): Fixture<Self, Variant> {
  checkName(name, 'FIXTURE');
  return new OwnFixture<Self, Variant>(name, data);
}

/** FIXTURE_VARIANT_ADD(fixture, name) { variant }: each test runs once for each variant, as t.variant. */
export function FIXTURE_VARIANT_ADD<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  name: string,
  variant: Variant,
): void {
  checkName(name, 'FIXTURE_VARIANT_ADD');
  const { variants } = own(fixture, 'FIXTURE_VARIANT_ADD');
  if (Object.hasOwn(variants, name)) {
    throw new UsageError(`${fixture.name} has a variant ${name}`, 'FIXTURE_VARIANT_ADD');
  }
  variants[name] = variant;
}

/** FIXTURE_SETUP(fixture) { ... } */
export function FIXTURE_SETUP<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  body: TestBody<Self, Variant>,
): void {
  checkBody(body, 'FIXTURE_SETUP');
  own(fixture, 'FIXTURE_SETUP').setup = body;
}

/** FIXTURE_TEARDOWN(fixture) { ... } */
export function FIXTURE_TEARDOWN<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  body: TestBody<Self, Variant>,
): void {
  checkBody(body, 'FIXTURE_TEARDOWN');
  own(fixture, 'FIXTURE_TEARDOWN').teardown = body;
}

/** TEST_F(fixture, name) { ... } */
export function TEST_F<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  name: string,
  body: TestBody<Self, Variant>,
): void {
  const where = `TEST_F(${fixture instanceof Fixture ? fixture.name : '?'}, ${name})`;
  if (!(fixture instanceof Fixture)) throw new UsageError('the first argument is no FIXTURE', where);
  checkName(name, where);
  checkBody(body, where);
  if (Object.hasOwn(fixture.tests, name))
    throw new UsageError(`${fixture.name} has this test already`, where);
  fixture.tests[name] = body;
}

/** TEST_F_TIMEOUT(fixture, name, seconds) { ... }: simulated seconds instead of 30. */
export function TEST_F_TIMEOUT<Self extends object, Variant>(
  fixture: Fixture<Self, Variant>,
  name: string,
  seconds: number,
  body: TestBody<Self, Variant>,
): void {
  TEST_F(fixture, name, body);
  fixture.timeouts[name] = seconds;
}

/** The fixture `hmm` of hmm-tests.c, without tests: t.self.fd is the device's. New for each suite that adds to it. */
export const hmmFixture = (): Fixture<HmmFixture, HmmFixtureVariant> => new Fixture('hmm', hmmSpec);

/** The fixture `hmm2`: t.self.fd0 and t.self.fd1. */
export const hmm2Fixture = (): Fixture<Hmm2Fixture, Hmm2FixtureVariant> => new Fixture('hmm2', hmm2Spec);
