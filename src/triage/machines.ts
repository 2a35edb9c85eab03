// SPDX-License-Identifier: GPL-2.0-only
/** The machines on which bugs and conditions were measured, by the names that symptoms.ts and commands have for them. */

export interface CaseMachine {
  /** test_hmm has the addresses of special purpose memory. */
  readonly spm: boolean;
  /** There is no memory there. */
  readonly spmMemory?: false;
  readonly thp?: 'always' | 'never';
  readonly hugepages?: number;
  /** The module is not loaded. */
  readonly load?: false;
}

const SPM_ADDRESSES: readonly number[] = [0x100000000, 0x140000000];

/** Beyond the end of RAM. */
const BARE_ADDRESSES: readonly number[] = [0x240000000, 0x280000000];

export function addressesOf({ spm, spmMemory }: CaseMachine): readonly number[] {
  if (!spm) return [];
  return spmMemory === false ? BARE_ADDRESSES : SPM_ADDRESSES;
}

export const caseMachines: Readonly<Record<string, CaseMachine>> = {
  spm: { spm: true },
  private: { spm: false },
  'thp-always': { spm: true, thp: 'always' },
  'thp-never': { spm: true, thp: 'never' },
  'no-hugepages': { spm: true, hugepages: 0 },
  'no-module': { spm: false, load: false },
  'spm-without-memory': { spm: true, spmMemory: false },
};

/** What smoke is called with for such a machine, a space before each. */
export function machineArguments(condition: string): string {
  const machine = caseMachines[condition] ?? { spm: false };
  const { spmMemory, thp, hugepages, load } = machine;
  const words = [
    ...addressesOf(machine).map((address) => `0x${address.toString(16)}`),
    ...(spmMemory === undefined ? [] : ['--no-spm-memory']),
    ...(thp === undefined ? [] : ['--thp', thp]),
    ...(hugepages === undefined ? [] : ['--hugepages', String(hugepages)]),
    ...(load === undefined ? [] : ['--no-module']),
  ];
  return words.map((word) => ` ${word}`).join('');
}
