// SPDX-License-Identifier: GPL-2.0-only
/** The interface of mm/gup_test.h: struct gup_test, struct pin_longterm_test and the ioctls of /sys/kernel/debug/gup_test. */

const request = (dir: number, nr: number, size: number): number =>
  ((dir << 30) | (size << 16) | (0x67 << 8) | nr) >>> 0;

/** struct gup_test: u64 get_delta_usec, put_delta_usec, addr, size; u32 nr_pages_per_call, gup_flags, test_flags, which_pages[8]. */
export const GUP_TEST_SIZE = 80;
export const GUP_TEST_GET_DELTA = 0;
export const GUP_TEST_PUT_DELTA = 8;
export const GUP_TEST_ADDR = 16;
export const GUP_TEST_NR_BYTES = 24;
export const GUP_TEST_NR_PAGES_PER_CALL = 32;
export const GUP_TEST_GUP_FLAGS = 36;
export const GUP_TEST_TEST_FLAGS = 40;
export const GUP_TEST_WHICH_PAGES = 44;

export const GUP_FAST_BENCHMARK = request(3, 1, GUP_TEST_SIZE);
export const PIN_FAST_BENCHMARK = request(3, 2, GUP_TEST_SIZE);
export const PIN_LONGTERM_BENCHMARK = request(3, 3, GUP_TEST_SIZE);
export const GUP_BASIC_TEST = request(3, 4, GUP_TEST_SIZE);
export const PIN_BASIC_TEST = request(3, 5, GUP_TEST_SIZE);
export const DUMP_USER_PAGES_TEST = request(3, 6, GUP_TEST_SIZE);

/** struct pin_longterm_test: u64 addr, size; u32 flags. */
export const PIN_LONGTERM_TEST_SIZE = 24;
export const PIN_LONGTERM_TEST_ADDR = 0;
export const PIN_LONGTERM_TEST_NR_BYTES = 8;
export const PIN_LONGTERM_TEST_FLAGS = 16;
export const PIN_LONGTERM_TEST_FLAG_USE_WRITE = 1;
export const PIN_LONGTERM_TEST_FLAG_USE_FAST = 2;

export const PIN_LONGTERM_TEST_START = request(1, 7, PIN_LONGTERM_TEST_SIZE);
export const PIN_LONGTERM_TEST_STOP = request(0, 8, 0);
export const PIN_LONGTERM_TEST_READ = request(1, 9, 8);

export const FOLL_WRITE = 0x01;
