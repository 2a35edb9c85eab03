// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim/selftest`: tests of one's own, written as in kselftest_harness.h, and what hmm-tests.c helps itself with. */

import * as helpers from '../selftests/hmm-tests/helpers.js';
import * as ofWords from '../selftests/hmm-tests/words.js';
import { helper } from './careful.js';

export type { Hmm, Hmm2 } from '../selftests/hmm-tests/fixtures.js';
export * from '../selftests/hmm-tests/helpers.js';
export {
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

// What sleeps notices a forgotten "yield*".
export const hmm_open = helper('hmm_open', helpers.hmm_open);
export const hmm_dmirror_cmd = helper('hmm_dmirror_cmd', helpers.hmm_dmirror_cmd);
export const hmm_migrate_sys_to_dev = helper('hmm_migrate_sys_to_dev', helpers.hmm_migrate_sys_to_dev);
export const hmm_migrate_dev_to_sys = helper('hmm_migrate_dev_to_sys', helpers.hmm_migrate_dev_to_sys);
export const newBuffer = helper('newBuffer', helpers.newBuffer);
export const allocMirror = helper('allocMirror', helpers.allocMirror);
export const mapBuffer = helper('mapBuffer', helpers.mapBuffer);
export const tryBuffer = helper('tryBuffer', helpers.tryBuffer);
export const bufferOf = helper('bufferOf', helpers.bufferOf);
export const hmm_buffer_alloc = helper('hmm_buffer_alloc', helpers.hmm_buffer_alloc);
export const hmm_buffer_free = helper('hmm_buffer_free', helpers.hmm_buffer_free);
export const hmm_create_file = helper('hmm_create_file', helpers.hmm_create_file);
export const close = helper('close', helpers.close);
export const mirrorBytes = helper('mirrorBytes', helpers.mirrorBytes);
export const hugetlbBuffer = helper('hugetlbBuffer', helpers.hugetlbBuffer);
export const unmapBuffer = helper('unmapBuffer', helpers.unmapBuffer);
export const ASSERT_WORDS = helper('ASSERT_WORDS', ofWords.ASSERT_WORDS);
export const ASSERT_WORDS_AND_INCREMENT = helper(
  'ASSERT_WORDS_AND_INCREMENT',
  ofWords.ASSERT_WORDS_AND_INCREMENT,
);
export const fill = helper('fill', ofWords.fill);
