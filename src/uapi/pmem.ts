// SPDX-License-Identifier: GPL-2.0-only
/** Names of persistent memory devices. */

/** Block devices on which DAX file systems are mounted, by minor number. */
export const PMEM_DEVICES = ['pmem0', 'pmem1'] as const;

/** File systems that are mounted there with -o dax. */
export const DAX_TYPES = ['ext4', 'xfs', 'fuse'] as const;

/** The device whose memory programs map as it is. */
export const DEVDAX = 'dax0.0';
