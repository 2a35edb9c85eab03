// SPDX-License-Identifier: GPL-2.0-only
/** Steps on /sys/kernel/debug/gup_test: short pins of every kind, and the long one that pin and unpin hold. */
import type { Task } from '../sim/task.js';
import {
  FOLL_WRITE,
  GUP_BASIC_TEST,
  GUP_FAST_BENCHMARK,
  GUP_TEST_ADDR,
  GUP_TEST_GUP_FLAGS,
  GUP_TEST_NR_BYTES,
  GUP_TEST_NR_PAGES_PER_CALL,
  GUP_TEST_SIZE,
  PIN_BASIC_TEST,
  PIN_FAST_BENCHMARK,
  PIN_LONGTERM_BENCHMARK,
  PIN_LONGTERM_TEST_ADDR,
  PIN_LONGTERM_TEST_FLAG_USE_WRITE,
  PIN_LONGTERM_TEST_FLAGS,
  PIN_LONGTERM_TEST_NR_BYTES,
  PIN_LONGTERM_TEST_SIZE,
  PIN_LONGTERM_TEST_START,
  PIN_LONGTERM_TEST_STOP,
} from '../uapi/gup_test.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Sys } from '../user/api.js';
import { type Actor, addressOf } from './actor.js';
import { retOf, type StepResult } from './result.js';
import type { StepOf } from './schema.js';

/** FOLL_LONGTERM of 6.12, as a number: 6.1 gives the bit another meaning, and the program does not know. */
const FLAG_0X100 = 0x100;

interface GupCall {
  readonly request: number;
  readonly flags: number;
}

const CALLS: Readonly<Record<StepOf<'gup'>['kind'], GupCall>> = {
  basic: { request: GUP_BASIC_TEST, flags: FOLL_WRITE },
  fast: { request: GUP_FAST_BENCHMARK, flags: FOLL_WRITE },
  pin: { request: PIN_BASIC_TEST, flags: FOLL_WRITE },
  pin_fast: { request: PIN_FAST_BENCHMARK, flags: FOLL_WRITE },
  pin_longterm: { request: PIN_LONGTERM_BENCHMARK, flags: FOLL_WRITE },
  pin_fast_longterm: { request: PIN_FAST_BENCHMARK, flags: FOLL_WRITE | FLAG_0X100 },
};

function setAddress(view: DataView, offset: number, value: number): void {
  view.setBigUint64(offset, BigInt(value), true);
}

export function* gup(sys: Sys, actor: Actor, step: StepOf<'gup'>): Task<StepResult> {
  const { gupFd, scratch } = actor.buffers;
  const { request, flags } = CALLS[step.kind];
  const view = new DataView(new ArrayBuffer(GUP_TEST_SIZE));
  setAddress(view, GUP_TEST_ADDR, addressOf(step.region, step.page));
  setAddress(view, GUP_TEST_NR_BYTES, step.pages * PAGE_SIZE);
  view.setUint32(GUP_TEST_NR_PAGES_PER_CALL, step.pages, true);
  view.setUint32(GUP_TEST_GUP_FLAGS, flags, true);
  yield* sys.storeBytes(scratch, new Uint8Array(view.buffer));

  const ret = yield* sys.ioctl(gupFd, request, scratch);
  if (ret < 0) return retOf(ret);
  const answer = yield* sys.loadBytes(scratch, GUP_TEST_SIZE);
  const bytes = new DataView(answer.buffer, answer.byteOffset).getBigUint64(GUP_TEST_NR_BYTES, true);
  return { ret: 0, pinned: Number(bytes) / PAGE_SIZE };
}

export function* pin(sys: Sys, actor: Actor, step: StepOf<'pin'>): Task<StepResult> {
  const { gupFd, scratch } = actor.buffers;
  const view = new DataView(new ArrayBuffer(PIN_LONGTERM_TEST_SIZE));
  setAddress(view, PIN_LONGTERM_TEST_ADDR, addressOf(step.region, step.page));
  setAddress(view, PIN_LONGTERM_TEST_NR_BYTES, step.pages * PAGE_SIZE);
  view.setUint32(PIN_LONGTERM_TEST_FLAGS, step.write ? PIN_LONGTERM_TEST_FLAG_USE_WRITE : 0, true);
  yield* sys.storeBytes(scratch, new Uint8Array(view.buffer));
  return retOf(yield* sys.ioctl(gupFd, PIN_LONGTERM_TEST_START, scratch));
}

export function* unpin(sys: Sys, actor: Actor): Task<StepResult> {
  return retOf(yield* sys.ioctl(actor.buffers.gupFd, PIN_LONGTERM_TEST_STOP, 0));
}
