// SPDX-License-Identifier: GPL-2.0-only
/** The interface of mm/gup_test.h: struct gup_test, struct pin_longterm_test and the ioctls of /sys/kernel/debug/gup_test. */
import { exactU64At, putU32, putU64, type U64, u32At } from '../sim/bytes.js';
import { CStruct } from './c_struct.js';

const request = (dir: number, nr: number, size: number): number =>
  ((dir << 30) | (size << 16) | (0x67 << 8) | nr) >>> 0;

export interface GupTest {
  get_delta_usec: U64;
  put_delta_usec: U64;
  addr: U64;
  /** In bytes. */
  size: U64;
  nr_pages_per_call: number;
  gup_flags: number;
  test_flags: number;
  /** Pages to dump, counted from 1; 0 is none. */
  which_pages: number[];
}

const WHICH_PAGES = 8;

export const GUP_TEST = new CStruct<keyof GupTest>('gup_test', [
  { name: 'get_delta_usec', type: 'uint64_t' },
  { name: 'put_delta_usec', type: 'uint64_t' },
  { name: 'addr', type: 'uint64_t' },
  { name: 'size', type: 'uint64_t' },
  { name: 'nr_pages_per_call', type: 'uint32_t' },
  { name: 'gup_flags', type: 'uint32_t' },
  { name: 'test_flags', type: 'uint32_t' },
  { name: 'which_pages', type: 'uint32_t', count: WHICH_PAGES },
]);

const GET_DELTA = GUP_TEST.offset('get_delta_usec');
const PUT_DELTA = GUP_TEST.offset('put_delta_usec');
const GUP_ADDR = GUP_TEST.offset('addr');
const GUP_BYTES = GUP_TEST.offset('size');
const PER_CALL = GUP_TEST.offset('nr_pages_per_call');
const GUP_FLAGS = GUP_TEST.offset('gup_flags');
const TEST_FLAGS = GUP_TEST.offset('test_flags');
const WHICH = GUP_TEST.offset('which_pages');

/** Writes every member, those that are not given as 0, and leaves the padding. Return: `bytes`. */
export function encodeGupTest(bytes: Uint8Array, gup: Partial<GupTest>): Uint8Array {
  putU64(bytes, GET_DELTA, gup.get_delta_usec ?? 0);
  putU64(bytes, PUT_DELTA, gup.put_delta_usec ?? 0);
  putU64(bytes, GUP_ADDR, gup.addr ?? 0);
  putU64(bytes, GUP_BYTES, gup.size ?? 0);
  putU32(bytes, PER_CALL, gup.nr_pages_per_call ?? 0);
  putU32(bytes, GUP_FLAGS, gup.gup_flags ?? 0);
  putU32(bytes, TEST_FLAGS, gup.test_flags ?? 0);
  for (let i = 0; i < WHICH_PAGES; i++) putU32(bytes, WHICH + 4 * i, gup.which_pages?.[i] ?? 0);
  return bytes;
}

export function decodeGupTest(bytes: Uint8Array): GupTest {
  return {
    get_delta_usec: exactU64At(bytes, GET_DELTA),
    put_delta_usec: exactU64At(bytes, PUT_DELTA),
    addr: exactU64At(bytes, GUP_ADDR),
    size: exactU64At(bytes, GUP_BYTES),
    nr_pages_per_call: u32At(bytes, PER_CALL),
    gup_flags: u32At(bytes, GUP_FLAGS),
    test_flags: u32At(bytes, TEST_FLAGS),
    which_pages: Array.from({ length: WHICH_PAGES }, (_, i) => u32At(bytes, WHICH + 4 * i)),
  };
}

export interface PinLongtermTest {
  addr: U64;
  /** In bytes. */
  size: U64;
  flags: number;
}

export const PIN_LONGTERM_TEST = new CStruct<keyof PinLongtermTest>('pin_longterm_test', [
  { name: 'addr', type: 'uint64_t' },
  { name: 'size', type: 'uint64_t' },
  { name: 'flags', type: 'uint32_t' },
]);

const PIN_ADDR = PIN_LONGTERM_TEST.offset('addr');
const PIN_BYTES = PIN_LONGTERM_TEST.offset('size');
const PIN_FLAGS = PIN_LONGTERM_TEST.offset('flags');

/** Writes every member, and leaves the padding. Return: `bytes`. */
export function encodePinLongtermTest(bytes: Uint8Array, pin: PinLongtermTest): Uint8Array {
  putU64(bytes, PIN_ADDR, pin.addr);
  putU64(bytes, PIN_BYTES, pin.size);
  putU32(bytes, PIN_FLAGS, pin.flags);
  return bytes;
}

export function decodePinLongtermTest(bytes: Uint8Array): PinLongtermTest {
  return {
    addr: exactU64At(bytes, PIN_ADDR),
    size: exactU64At(bytes, PIN_BYTES),
    flags: u32At(bytes, PIN_FLAGS),
  };
}

export const GUP_FAST_BENCHMARK = request(3, 1, GUP_TEST.size);
export const PIN_FAST_BENCHMARK = request(3, 2, GUP_TEST.size);
export const PIN_LONGTERM_BENCHMARK = request(3, 3, GUP_TEST.size);
export const GUP_BASIC_TEST = request(3, 4, GUP_TEST.size);
export const PIN_BASIC_TEST = request(3, 5, GUP_TEST.size);
export const DUMP_USER_PAGES_TEST = request(3, 6, GUP_TEST.size);

export const PIN_LONGTERM_TEST_FLAG_USE_WRITE = 1;
export const PIN_LONGTERM_TEST_FLAG_USE_FAST = 2;

export const PIN_LONGTERM_TEST_START = request(1, 7, PIN_LONGTERM_TEST.size);
export const PIN_LONGTERM_TEST_STOP = request(0, 8, 0);
export const PIN_LONGTERM_TEST_READ = request(1, 9, 8);

export const FOLL_WRITE = 0x01;

/** FOLL_LONGTERM before Linux 6.3, and from then on. */
const FOLL_LONGTERMS = [0x10000, 0x100];

/** FOLL_LONGTERM of a program: the kernel's number, or the other where the program was built for another kernel. */
export function foll_longterm(kernels: number, known: boolean): number {
  return FOLL_LONGTERMS.find((flag) => (flag === kernels) === known)!;
}
