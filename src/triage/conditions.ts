// SPDX-License-Identifier: GPL-2.0-only
/** Conditions of the machine that a log shows, and which skips and failures each explains. */
import type { LoggedTest, Signs, SuiteRun } from './log.js';
import { shortName } from './run-builder.js';
import type { Condition } from './verdict.js';

const TEXTS = {
  'no-module': 'test_hmm is not loaded: its first device cannot be opened',
  'no-spm': 'there are no coherent devices: test_hmm was loaded without spm_addr_dev0 and spm_addr_dev1',
  'spm-without-memory':
    'there is no memory behind the SPM addresses: stores to coherent pages are lost, and loads give zeros',
  'no-hugepages': 'no 2 MiB page could be had from the hugetlb pool (nr_hugepages)',
  'no-hugetlb': 'the kernel tells no size of huge pages: it has no hugetlbfs',
  'no-gup-test':
    'gup_test is missing: the kernel was built without CONFIG_GUP_TEST, or debugfs is not mounted',
  'no-userfaultfd': 'userfaultfd is missing, or not allowed',
  'thp-always': 'transparent huge pages are set to "always"',
  'page-size': 'pages are larger than 4 KiB, and the mirror buffer of double_map is too small for them',
  'coherent-small':
    'pages of coherent devices are never huge: the allocation that the test makes fail is that of a small page, for which there is no smaller one',
} as const;

export type ConditionId = keyof typeof TEXTS;

export function condition(id: ConditionId): Condition {
  return { id, text: TEXTS[id] };
}

const REASONS: readonly [RegExp, ConditionId][] = [
  [/DEVICE_COHERENT not available/, 'no-spm'],
  [/Huge page could not be allocated/i, 'no-hugepages'],
  [/Huge page size could not be determined/i, 'no-hugetlb'],
  [/gup_test/, 'no-gup-test'],
  [/userfaultfd/i, 'no-userfaultfd'],
  [/not enough huge ?pages|huge ?pages? (?:not|un)available/i, 'no-hugepages'],
];

const isFirstDevice = (path: string): boolean => /(?:dmirror|mirror)[01]$/.test(path);

export function withoutModule(run: SuiteRun, signs: Signs): boolean {
  if (signs.noModule !== undefined && run.tests.every(({ status }) => status !== 'pass')) return true;
  return (
    [...run.noDevice].some(isFirstDevice) ||
    run.tests.some(({ assertions }) =>
      assertions.some(({ text }) => /^Expected self->fd0? \(-1\) >= 0/.test(text)),
    )
  );
}

/** What a skip's reason tells of the machine. */
export function skipCondition(test: LoggedTest, noModule: boolean): Condition | undefined {
  const id = REASONS.find(([pattern]) => pattern.test(test.reason))?.[1];
  if (id === 'no-spm' && noModule) return condition('no-module');
  return id === undefined ? undefined : condition(id);
}

const isCoherent = ({ name }: LoggedTest): boolean => name.includes('coherent');

/** Coherent tests that read zeros back, while private ones do not. */
function losesStores(test: LoggedTest, run: SuiteRun): boolean {
  if (!isCoherent(test) || test.zeros === 0) return false;
  const zeros = run.tests.filter(({ zeros }) => zeros > 0);
  return zeros.every(isCoherent) && (zeros.length > 1 || test.zeros > 1);
}

/** What a failure tells of the machine by itself. */
export function failureCondition(test: LoggedTest, run: SuiteRun, signs: Signs): Condition | undefined {
  const text = test.assertions[0]?.text ?? '';
  if (/^Expected self->fd[01]? \(-1\) >= 0/.test(text) || test.noDevice.some(isFirstDevice))
    return condition('no-module');
  if (losesStores(test, run)) return condition('spm-without-memory');
  const large = signs.pageSize !== undefined && signs.pageSize > 4096;
  if (shortName(test.name) === 'double_map' && /\(-14\) == 0/.test(text) && (large || signs.arm64))
    return condition('page-size');
  // Tests that set HMM_DMIRROR_FLAG_FAIL_ALLOC, and count on the fallback from a huge page to small ones.
  if (isCoherent(test) && /_huge_(?:zero_)?err$/.test(test.name) && /\(-12\) == 0/.test(text))
    return condition('coherent-small');
  return undefined;
}
