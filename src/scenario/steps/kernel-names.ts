// SPDX-License-Identifier: GPL-2.0-only
/** What kernel people call things, and what documents and the shell call them. The one table for both. */

/** Names of one field's values in the kernel's headers. */
export interface KernelNames {
  /** What they begin with, and ours do not. */
  readonly prefix: string;
  /** Those that differ by more than that. */
  readonly others: Readonly<Record<string, string>>;
}

const names = (prefix: string, others: Readonly<Record<string, string>> = {}): KernelNames => ({
  prefix,
  others,
});

/** By the field of the step. */
export const VALUES: Readonly<Record<string, KernelNames>> = {
  cmd: names('HMM_DMIRROR_'),
  advice: names('MADV_'),
  share: names('MAP_'),
  backing: names('MAP_', { MAP_ANONYMOUS: 'anon' }),
  kind: names('', {
    GUP_BASIC_TEST: 'basic',
    GUP_FAST_BENCHMARK: 'fast',
    PIN_BASIC_TEST: 'pin',
    PIN_FAST_BENCHMARK: 'pin_fast',
    PIN_LONGTERM_BENCHMARK: 'pin_longterm',
  }),
};

/** Words for the bits of a protection. */
export const PROTECTIONS: Readonly<Record<string, readonly string[]>> = {
  r: ['R', 'READ', 'PROT_READ'],
  w: ['W', 'WRITE', 'PROT_WRITE'],
  rw: ['RW', 'WR'],
  none: ['NONE', 'PROT_NONE'],
};

/** Flags of mmap() as fields of the step. */
export const MAP_FLAGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  MAP_PRIVATE: { share: 'private' },
  MAP_SHARED: { share: 'shared' },
  MAP_ANON: { backing: 'anon' },
  MAP_ANONYMOUS: { backing: 'anon' },
  MAP_HUGETLB: { backing: 'hugetlb' },
  MAP_FIXED: { replace: true },
};

/** A minor number, or a device file, as a pattern. */
export const DEVICE_NAME =
  '^(?:(?:/dev/)?hmm_dmirror)?(?:0x[0-9a-f]+|[0-9]+)$|^/dev/(?!hmm_dmirror)[a-z][a-z0-9_.-]*$';

/** Requests of gup_test, by the command that they are here. */
export const COMMANDS: Readonly<Record<string, string>> = {
  PIN_LONGTERM_TEST_START: 'pin',
  PIN_LONGTERM_TEST_STOP: 'unpin',
};

/** What a step is like that does not say so, in the shell and in documents; by its op, or its cmd. */
export const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  mmap: { prot: 'rw', share: 'private', backing: 'anon' },
  pin: { write: false },
  MIGRATE: { toDevice: true },
};
