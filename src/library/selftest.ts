// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim/selftest`: tests of one's own, written as in kselftest_harness.h, and what hmm-tests.c helps itself with. */

export type { Hmm, Hmm2 } from '../selftests/hmm-tests/fixtures.js';
export * from '../selftests/hmm-tests/helpers.js';
export {
  ASSERT_WORDS,
  ASSERT_WORDS_AND_INCREMENT,
  fill,
  I,
  iPlus,
  MINUS_I,
  type Pattern,
  type Words,
  words,
  ZERO,
} from '../selftests/hmm-tests/words.js';
export type { Operand, TestBody, TestContext } from '../selftests/test_context.js';
export * as errno from '../uapi/errno.js';
export * as mman from '../uapi/mman.js';
export * as dmirror from '../uapi/test_hmm_uapi.js';
export {
  type AnyFixture,
  FIXTURE,
  FIXTURE_SETUP,
  FIXTURE_TEARDOWN,
  FIXTURE_VARIANT_ADD,
  type Fixture,
  hmm2Fixture,
  hmmFixture,
  TEST_F,
  TEST_F_TIMEOUT,
} from './fixtures.js';
export { type RunOptions, runSuite, type SuiteResult, type TestResult } from './run_suite.js';
