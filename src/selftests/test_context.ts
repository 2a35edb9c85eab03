// SPDX-License-Identifier: GPL-2.0-only
/** What a test is written against: its process, its fixture's data, ASSERT_*, EXPECT_* and SKIP. */
import type { Part } from '../generations/suite-courses.js';
import { isThrownByStranger } from '../sim/stranger.js';
import type { Task } from '../sim/task.js';
import type { Sys } from '../user/api.js';
import { KSFT_FAIL, KSFT_SKIP } from './events.js';
import { captureStack } from './source_location.js';
import { type Metadata, TestAborted, type TestEnvironment } from './test_metadata.js';
import { runToExit } from './test_process.js';

/** A value under test: a literal, or `{ expression: value }` to show the expression as C's macros do. */
export type Operand = number | bigint | Readonly<Record<string, number | bigint>>;

export type TestBody<Self extends object, Variant> = (t: TestContext<Self, Variant>) => Task;

type Relation = '==' | '!=' | '<' | '<=' | '>' | '>=';
type Comparison = (a: number | bigint, b: number | bigint) => boolean;

const relations: Readonly<Record<Relation, Comparison>> = {
  // biome-ignore lint/suspicious/noDoubleEquals: compares a number with a bigint by value
  '==': (a, b) => a == b,
  // biome-ignore lint/suspicious/noDoubleEquals: compares a number with a bigint by value
  '!=': (a, b) => a != b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function split(operand: Operand): [string, number | bigint] {
  if (typeof operand !== 'object') return [String(operand), operand];
  const [text, value] = Object.entries(operand)[0]!;
  return [text, value];
}

function describe(expected: Operand, relation: Relation, seen: Operand): string {
  const [expectedText, a] = split(expected);
  const [seenText, b] = split(seen);
  return `Expected ${expectedText} (${a}) ${relation} ${seenText} (${b})`;
}

export class TestContext<Self extends object, Variant> {
  /** Where the test is, and how many assertions it has made there. */
  private part: Part = 'own';
  private made = 0;

  constructor(
    readonly sys: Sys,
    readonly self: Self,
    readonly variant: Variant,
    readonly metadata: Metadata,
    readonly environment: TestEnvironment,
    private readonly teardown: TestBody<Self, Variant>,
  ) {}

  /** Runs the test in its process: setup, body, teardown, exit. */
  *main(setup: TestBody<Self, Variant>, body: TestBody<Self, Variant>): Task<never> {
    return yield* runToExit(this, {
      setup: () => this.enter('setup', setup),
      body: () => this.enter('own', body),
      teardown: () => this.enter('teardown', this.teardown),
    });
  }

  ASSERT_EQ(expected: Operand, seen: Operand): void {
    this.compare(expected, '==', seen, true);
  }
  ASSERT_NE(expected: Operand, seen: Operand): void {
    this.compare(expected, '!=', seen, true);
  }
  ASSERT_LT(expected: Operand, seen: Operand): void {
    this.compare(expected, '<', seen, true);
  }
  ASSERT_LE(expected: Operand, seen: Operand): void {
    this.compare(expected, '<=', seen, true);
  }
  ASSERT_GT(expected: Operand, seen: Operand): void {
    this.compare(expected, '>', seen, true);
  }
  ASSERT_GE(expected: Operand, seen: Operand): void {
    this.compare(expected, '>=', seen, true);
  }
  ASSERT_TRUE(seen: Operand): void {
    this.compare(0, '!=', seen, true);
  }
  ASSERT_FALSE(seen: Operand): void {
    this.compare(0, '==', seen, true);
  }
  ASSERT_STREQ(expected: string, seen: string): void {
    this.compareStrings(expected, seen, true);
  }

  EXPECT_EQ(expected: Operand, seen: Operand): void {
    this.compare(expected, '==', seen, false);
  }
  EXPECT_NE(expected: Operand, seen: Operand): void {
    this.compare(expected, '!=', seen, false);
  }
  EXPECT_LT(expected: Operand, seen: Operand): void {
    this.compare(expected, '<', seen, false);
  }
  EXPECT_LE(expected: Operand, seen: Operand): void {
    this.compare(expected, '<=', seen, false);
  }
  EXPECT_GT(expected: Operand, seen: Operand): void {
    this.compare(expected, '>', seen, false);
  }
  EXPECT_GE(expected: Operand, seen: Operand): void {
    this.compare(expected, '>=', seen, false);
  }
  EXPECT_TRUE(seen: Operand): void {
    this.compare(0, '!=', seen, false);
  }
  EXPECT_FALSE(seen: Operand): void {
    this.compare(0, '==', seen, false);
  }
  EXPECT_STREQ(expected: string, seen: string): void {
    this.compareStrings(expected, seen, false);
  }

  /**
   * `for (...) ASSERT_EQ(expected, seen);` with `mismatches` failures, the operands being those of the first. C prints
   * every mismatch before it bails out; this prints the first and how many followed.
   */
  ASSERT_EQ_EACH(mismatches: number, expected: Operand, seen: Operand): void {
    if (mismatches > 0) {
      this.fail(describe(expected, '==', seen));
      if (mismatches > 1) this.fail(`${mismatches - 1} more like this followed`, false);
    }
    // Bails out if it failed, now or (where a teardown follows) before.
    this.assert(true, '', true);
  }

  /** Say why and count the test as skipped. The caller then returns, or exits. */
  SKIP(reason: string): void {
    const { metadata, environment } = this;
    environment.skipped(reason);
    metadata.exit_code = KSFT_SKIP;
    metadata.trigger = false;
    environment.log({ type: 'log', kind: 'skip', text: `     SKIP      ${reason}` });
  }

  /** A line on the program's stdout that the harness knows nothing of. */
  printf(text: string): void {
    this.environment.log({ type: 'log', kind: 'output', text });
  }

  /**
   * fork(2) for a test: the child has its own copy of the fixture's data. `part` is what its assertions belong to.
   * Return: the pid, or -1.
   */
  *fork(child: TestBody<Self, Variant>, part: Part = 'child'): Task<number> {
    const { environment, variant, teardown } = this;
    const self = { ...this.self };
    const metadata = environment.style.sharesMetadata ? this.metadata : { ...this.metadata };
    const pid = yield* this.sys.fork(function* (sys) {
      const t = new TestContext(sys, self, variant, metadata, environment, teardown);
      return yield* runToExit(t, {
        body: () => t.enter(part, child),
        teardown: () => t.enter('teardown', teardown),
      });
    });
    if (pid < 0) {
      [this.part, this.made] = ['unforked', 0];
      return -1;
    }
    environment.forked(pid);
    return pid;
  }

  /** What a stranger's test throws fails it, at its line. */
  private *enter(part: Part, body: TestBody<Self, Variant>): Task {
    [this.part, this.made] = [part, 0];
    try {
      yield* body(this);
    } catch (error) {
      if (error instanceof TestAborted || !isThrownByStranger(error)) throw error;
      this.fail(`${error.name}: ${error.message}`, false, error.stack);
      this.metadata.aborted = true;
      throw new TestAborted(error.message);
    }
  }

  private compare(expected: Operand, relation: Relation, seen: Operand, fatal: boolean): void {
    const holds = relations[relation](split(expected)[1], split(seen)[1]);
    this.assert(holds, holds ? '' : describe(expected, relation, seen), fatal);
  }

  private compareStrings(expected: string, seen: string, fatal: boolean): void {
    this.assert(expected === seen, `Expected '${expected}' == '${seen}'.`, fatal);
  }

  private assert(holds: boolean, text: string, fatal: boolean): void {
    const { metadata } = this;
    if (fatal && metadata.exit_code !== KSFT_FAIL && metadata.step < 253) metadata.step++;
    if (!holds) this.fail(text);
    this.made++;
    if (!metadata.trigger) return;
    if (fatal) {
      metadata.aborted = true;
      throw new TestAborted(text);
    }
    metadata.trigger = false;
  }

  /** `first`: of what C's loop prints again and again. */
  private fail(text: string, first = true, stack = captureStack()): void {
    const { metadata, environment } = this;
    const location = environment.locate(stack);
    const line = `${location.file}:${location.line}:${metadata.name}:${text}`;
    const inC = first ? environment.locateInC(this.part, this.made) : undefined;
    environment.log({
      type: 'log',
      kind: 'assertion',
      text: line,
      location,
      ...(inC === undefined ? {} : { inC }),
    });
    metadata.exit_code = KSFT_FAIL;
    metadata.failures++;
    metadata.trigger = true;
  }
}
