// SPDX-License-Identifier: GPL-2.0-only
/** The machines on which bugs and conditions were measured, by the names that symptoms.ts and commands have for them. */

export interface CaseMachine {
  /** test_hmm has the addresses of special purpose memory. */
  readonly spm: boolean;
  readonly thp?: 'always' | 'never';
  readonly hugepages?: number;
  /** The module is not loaded. */
  readonly load?: false;
}

export const SPM_ADDRESSES: readonly number[] = [0x100000000, 0x140000000];

export const caseMachines: Readonly<Record<string, CaseMachine>> = {
  spm: { spm: true },
  private: { spm: false },
  'thp-always': { spm: true, thp: 'always' },
  'thp-never': { spm: true, thp: 'never' },
  'no-hugepages': { spm: true, hugepages: 0 },
  'no-module': { spm: false, load: false },
};

/** What smoke is called with for such a machine, a space before each. */
export function machineArguments(condition: string): string {
  const { spm = false, thp, hugepages, load } = caseMachines[condition] ?? {};
  const words = [
    ...(spm ? SPM_ADDRESSES.map((address) => `0x${address.toString(16)}`) : []),
    ...(thp === undefined ? [] : ['--thp', thp]),
    ...(hugepages === undefined ? [] : ['--hugepages', String(hugepages)]),
    ...(load === undefined ? [] : ['--no-module']),
  ];
  return words.map((word) => ` ${word}`).join('');
}
