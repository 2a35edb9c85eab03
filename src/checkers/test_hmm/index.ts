// SPDX-License-Identifier: GPL-2.0-only
/** What has to hold of test_hmm alone. */
import type { TestHmm } from '../../drivers/test_hmm/driver.js';
import type { DriverCheckers } from '../index.js';
import { check_chunks } from './chunks.js';
import { check_mirrors, watch_mirrors } from './mirror.js';

export const test_hmm_checkers: DriverCheckers<TestHmm> = {
  watch: ({ module }) => watch_mirrors(module),
  checkers: ({ module }) => ({
    chunks: (census) => check_chunks(census, module),
    mirror: (census) => check_mirrors(census, module),
  }),
};
