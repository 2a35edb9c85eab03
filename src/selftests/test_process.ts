// SPDX-License-Identifier: GPL-2.0-only
/** The life of a test's process: setup, body, teardown, exit; and what a failed ASSERT cuts short. */
import type { Task } from '../sim/task.js';
import type { Sys } from '../user/api.js';
import { KSFT_FAIL, KSFT_PASS, KSFT_SKIP } from './events.js';
import { type Metadata, TestAborted, type TestEnvironment } from './test_metadata.js';

/** Silent rounds of a teardown that bails out of itself, before it is left to the timeout. */
const TEARDOWN_ROUNDS = 3;
const A_SECOND_NS = 1e9;

/** The parts of a test, bound to its context. A forked child has no setup: that is behind it. */
export interface TestSteps {
  readonly setup?: () => Task;
  readonly body: () => Task;
  readonly teardown: () => Task;
}

/** A process of a test. */
export interface TestProcess {
  readonly sys: Sys;
  readonly metadata: Metadata;
  readonly environment: TestEnvironment;
}

/** Runs `step`. Return: false when a failed ASSERT ended it. */
function* completes(step: () => Task): Task<boolean> {
  try {
    yield* step();
    return true;
  } catch (error) {
    if (error instanceof TestAborted) return false;
    throw error;
  }
}

/** Setup, and the body unless setup has failed (or skipped the test, where that ends it). */
function* setupAndBody(steps: TestSteps, { metadata, environment }: TestProcess): Task {
  if (steps.setup !== undefined) {
    yield* steps.setup();
    if (metadata.exit_code === KSFT_FAIL) return;
    if (environment.style.sharesMetadata && metadata.exit_code !== KSFT_PASS) return;
    metadata.setup_completed = true;
  }
  yield* steps.body();
}

/** One teardown for all processes of the test: the first to end does it. Return: false when a failed ASSERT ended it. */
function* teardownOnce(steps: TestSteps, { metadata }: TestProcess): Task<boolean> {
  if (!metadata.setup_completed || metadata.torn_down) return true;
  metadata.torn_down = true;
  return yield* completes(steps.teardown);
}

/**
 * The teardown of a harness whose failed ASSERT jumps to before the teardown, also from inside of it.
 *
 * DIVERGES: a real one prints the same line until the timeout; this prints it once, says so, and sleeps.
 */
function* teardownAgain(steps: TestSteps, { sys, metadata, environment }: TestProcess): Task<boolean> {
  if (!metadata.setup_completed) return true;
  const failures = metadata.failures;
  for (let round = 1; !(yield* completes(steps.teardown)); round++) {
    if (metadata.failures === failures && round < TEARDOWN_ROUNDS) continue;
    const text = `${metadata.name}: Teardown starts again and again until the timeout`;
    environment.log({ type: 'log', kind: 'death', text });
    for (;;) yield* sys.nanosleep(A_SECOND_NS);
  }
  return true;
}

function* abort(sys: Sys): Task<never> {
  yield* sys.kill(sys.pid, 'SIGABRT');
  return yield* sys.exit(128 + 6);
}

/** The exit status by which a process with metadata of its own tells the harness how the test went. */
function ownStatus(metadata: Metadata, skipStatus: number): number {
  if (metadata.exit_code === KSFT_SKIP) return skipStatus;
  return metadata.exit_code === KSFT_PASS ? 0 : metadata.step;
}

/** Runs a test's process, or a child of it, to its end. */
export function* runToExit(process: TestProcess, steps: TestSteps): Task<never> {
  const { sys, metadata, environment } = process;
  const { style } = environment;
  const completed = yield* completes(() => setupAndBody(steps, process));
  const tornDown = yield* (style.teardownStartsAgain ? teardownAgain : teardownOnce)(steps, process);
  if (style.assertAborts && !(completed && tornDown)) return yield* abort(sys);
  if (style.sharesMetadata) return yield* sys.exit(0);
  if (metadata.aborted) return yield* abort(sys);
  return yield* sys.exit(ownStatus(metadata, style.skipStatus));
}
