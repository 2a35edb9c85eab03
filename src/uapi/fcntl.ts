// SPDX-License-Identifier: GPL-2.0-only
/**
 * Commands of fcntl(2), modes of fallocate(2), flags of sync_file_range(2) (include/uapi/asm-generic/fcntl.h, include/uapi/linux/falloc.h
 * and fs.h).
 */

export const F_GETFL = 3;
export const F_SETFL = 4;

export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;

export const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
export const SYNC_FILE_RANGE_WRITE = 2;
export const SYNC_FILE_RANGE_WAIT_AFTER = 4;
