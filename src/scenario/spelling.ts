// SPDX-License-Identifier: GPL-2.0-only
/** How documents spell the driver's permission bytes, the device types and /proc/self/pagemap entries. */
import type { Generation } from '../generations/index.js';
import {
  HMM_DMIRROR_MEMORY_DEVICE_COHERENT,
  HMM_DMIRROR_MEMORY_DEVICE_PRIVATE,
  HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL,
  HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE,
  HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL,
  HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE,
  HMM_DMIRROR_PROT_ERROR,
  HMM_DMIRROR_PROT_NONE,
  HMM_DMIRROR_PROT_PMD,
  HMM_DMIRROR_PROT_PUD,
  HMM_DMIRROR_PROT_READ,
  HMM_DMIRROR_PROT_WRITE,
  HMM_DMIRROR_PROT_ZERO,
} from '../uapi/test_hmm_uapi.js';

/** Turns permission bytes and device types of one generation into words. */
export interface Spelling {
  permission(byte: number): string;
  deviceType(value: number): string;
}

function baseNames(generic: boolean): Readonly<Record<number, string>> {
  const names = {
    [HMM_DMIRROR_PROT_ZERO]: 'ZERO',
    [HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL]: 'DEV_PRIVATE_LOCAL',
    [HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE]: 'DEV_PRIVATE_REMOTE',
    [HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL]: 'DEV_COHERENT_LOCAL',
    [HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE]: 'DEV_COHERENT_REMOTE',
  };
  // DEVICE_GENERIC does not tell local from remote; its one value became COHERENT_LOCAL's.
  return generic ? { ...names, [HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL]: 'DEV_GENERIC' } : names;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function spell(byte: number, bases: Readonly<Record<number, string>>): string {
  if (byte === HMM_DMIRROR_PROT_ERROR) return 'ERROR';
  if (byte === HMM_DMIRROR_PROT_NONE) return 'NONE';

  const words: string[] = [];
  const base = byte & 0xf0;
  if (base !== 0) {
    const name = bases[base];
    if (name === undefined) return hex(byte);
    words.push(name);
  }
  if (byte & HMM_DMIRROR_PROT_READ) words.push('READ');
  if (byte & HMM_DMIRROR_PROT_WRITE) words.push('WRITE');
  if (byte & HMM_DMIRROR_PROT_PMD) words.push('PMD');
  if (byte & HMM_DMIRROR_PROT_PUD) words.push('PUD');
  return words.join('|');
}

const known = new WeakMap<Generation, Spelling>();

/** The spelling of a generation, made once. */
export function spellingOf(generation: Generation): Spelling {
  let spelling = known.get(generation);
  if (spelling === undefined) {
    spelling = makeSpelling(generation);
    known.set(generation, spelling);
  }
  return spelling;
}

function makeSpelling({ behaviours }: Generation): Spelling {
  const generic = !behaviours.coherentHasSides;
  const bases = baseNames(generic);
  const permissions = Array.from({ length: 256 }, (_, byte) => spell(byte, bases));
  return {
    permission: (byte) => permissions[byte]!,
    deviceType(value) {
      if (value === HMM_DMIRROR_MEMORY_DEVICE_PRIVATE) return 'PRIVATE';
      if (value === HMM_DMIRROR_MEMORY_DEVICE_COHERENT) return generic ? 'GENERIC' : 'COHERENT';
      return String(value);
    },
  };
}

const PM_PRESENT = 1 << 31;
const PM_SWAP = 1 << 30;
const PM_FILE = 1 << 29;
const PM_MMAP_EXCLUSIVE = 1 << 24;

/** `.`, or P or S with f and x, from the upper 32 bits of a pagemap entry. */
export function spellPagemap(high: number): string {
  if ((high & (PM_PRESENT | PM_SWAP)) === 0) return '.';
  const state = high & PM_PRESENT ? 'P' : 'S';
  return state + (high & PM_FILE ? 'f' : '') + (high & PM_MMAP_EXCLUSIVE ? 'x' : '');
}
