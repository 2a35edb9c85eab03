// SPDX-License-Identifier: GPL-2.0-only
/** The interface of the test_hmm module (lib/test_hmm_uapi.h): ioctl numbers and the snapshot's permission bytes. */
import type { DmirrorStruct } from './dmirror_cmd.js';

export type DmirrorOp =
  | 'READ'
  | 'READ_UNLOCKED'
  | 'FLAGS'
  | 'WRITE'
  | 'MIGRATE'
  | 'MIGRATE_TO_DEV'
  | 'MIGRATE_TO_SYS'
  | 'SNAPSHOT'
  | 'EXCLUSIVE'
  | 'CHECK_EXCLUSIVE'
  | 'RELEASE'
  | 'GET_MEM_DEV_TYPE';

/** What of the interface differs by generation. */
export interface DmirrorUapi {
  readonly cmd: DmirrorStruct;
  /** The nr of each ioctl that the generation has. */
  readonly nr: Readonly<Partial<Record<DmirrorOp, number>>>;
}

/** _IOWR('H', nr, size) */
export function IOWR_H(nr: number, size: number): number {
  return (0xc0000000 | (size << 16) | (0x48 << 8) | nr) >>> 0;
}

/** The request number of `op`, or undefined where the generation has no such ioctl. */
export function dmirrorRequest(uapi: DmirrorUapi, op: DmirrorOp): number | undefined {
  const nr = uapi.nr[op];
  return nr === undefined ? undefined : IOWR_H(nr, uapi.cmd.size);
}

/** FLAGS: the next allocation of a migration fails. */
export const HMM_DMIRROR_FLAG_FAIL_ALLOC = 1 << 0;

export const HMM_DMIRROR_PROT_ERROR = 0xff;
export const HMM_DMIRROR_PROT_NONE = 0x00;
export const HMM_DMIRROR_PROT_READ = 0x01;
export const HMM_DMIRROR_PROT_WRITE = 0x02;
export const HMM_DMIRROR_PROT_PMD = 0x04;
export const HMM_DMIRROR_PROT_PUD = 0x08;
export const HMM_DMIRROR_PROT_ZERO = 0x10;
export const HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL = 0x20;
export const HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE = 0x30;
/** v5-generic: a generic page, of this device or another. The same value as COHERENT_LOCAL later. */
export const HMM_DMIRROR_PROT_DEV_GENERIC = 0x40;
export const HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL = 0x40;
export const HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE = 0x50;

export const HMM_DMIRROR_MEMORY_DEVICE_PRIVATE = 1;
/** GENERIC in v5-generic, COHERENT later. */
export const HMM_DMIRROR_MEMORY_DEVICE_COHERENT = 2;
