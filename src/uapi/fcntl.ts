// SPDX-License-Identifier: GPL-2.0-only
/** Modes of fallocate(2) (include/uapi/linux/falloc.h). */

export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
