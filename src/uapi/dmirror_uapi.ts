// SPDX-License-Identifier: GPL-2.0-only
/** What of the test_hmm interface differs by generation. */

export type DmirrorOp =
  | 'READ'
  | 'WRITE'
  | 'MIGRATE'
  | 'MIGRATE_TO_DEV'
  | 'MIGRATE_TO_SYS'
  | 'SNAPSHOT'
  | 'EXCLUSIVE'
  | 'CHECK_EXCLUSIVE'
  | 'RELEASE'
  | 'GET_MEM_DEV_TYPE';

export interface DmirrorUapi {
  /** sizeof(struct hmm_dmirror_cmd) in bytes. */
  readonly structSize: number;
  /** The nr of each ioctl that the generation has. */
  readonly nr: Readonly<Partial<Record<DmirrorOp, number>>>;
  readonly hasZoneDeviceType: boolean;
  readonly hasAllocToDevmem: boolean;
}
