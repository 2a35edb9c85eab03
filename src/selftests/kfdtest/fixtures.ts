// SPDX-License-Identifier: GPL-2.0-only
/** kfdtest: the fixture, which is run with XNACK off and on, and the ranges that its tests are made of. */
import type { Task } from '../../sim/task.js';
import {
  KFD_IOC_QUEUE_TYPE_SDMA,
  KFD_IOCTL_SVM_ATTR_ACCESS,
  KFD_IOCTL_SVM_ATTR_PREFERRED_LOC,
  KFD_IOCTL_SVM_ATTR_PREFETCH_LOC,
  KFD_IOCTL_SVM_ATTR_SET_FLAGS,
  KFD_IOCTL_SVM_FLAG_COHERENT,
  KFD_IOCTL_SVM_FLAG_HOST_ACCESS,
} from '../../uapi/kfd_ioctl.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import type { TestContext } from '../test_context.js';
import { copyPacket, fillPacket, Hsakmt, writePacket } from './hsakmt.js';

/** The word that a buffer is filled with. */
export const PATTERN = 0x01010101;
export const WORD = 4;

export interface KfdFixture {
  hsa: Hsakmt | null;
  /** The mode to be restored. */
  xnack: number;
}

export interface KfdVariant {
  readonly xnack: number;
}

export type Kfd = TestContext<KfdFixture, KfdVariant>;

export const KFD: KfdFixture = { hsa: null, xnack: 0 };

/** The library of this process. */
export function hsaOf(t: Kfd): Hsakmt {
  return t.self.hsa!;
}

/** The default GPU. */
export const gpuOf = (t: Kfd): number => hsaOf(t).gpus[0]!;

export function* SetUp(t: Kfd): Task {
  const hsa = yield* Hsakmt.open(t.sys);
  t.ASSERT_TRUE({ 'hsaKmtOpenKFD()': hsa === null ? 0 : 1 });
  t.self.hsa = hsa;
  t.self.xnack = yield* hsaOf(t).xnackMode();
  // A refusal is no failure: the test runs in the mode that there is.
  yield* hsaOf(t).setXnackMode(t.variant.xnack);
}

export function* TearDown(t: Kfd): Task {
  yield* hsaOf(t).setXnackMode(t.self.xnack);
  yield* hsaOf(t).close(t.sys);
}

/** A forked child has no use for what its parent opened: it opens /dev/kfd anew. */
export function* reopen(t: Kfd): Task {
  yield* hsaOf(t).close(t.sys);
  yield* SetUp(t);
}

// --- ranges ---------------------------------------------------------------------------------------------------

/** HSASVMRange: memory, and whether it was mapped for the range. Bytes. */
export interface SvmRange {
  readonly addr: number;
  readonly size: number;
  readonly mapped: boolean;
}

export function* anonymous(t: Kfd, size: number): Task<number> {
  const addr = yield* t.sys.mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  t.ASSERT_GT({ addr }, 0);
  return addr;
}

/** Set the attributes of a registered range. Return: what the library answers. */
export function registerRange(t: Kfd, addr: number, size: number, gpu: number, loc: number): Task<number> {
  return hsaOf(t).svmSet(addr, size, [
    { type: KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: loc },
    { type: KFD_IOCTL_SVM_ATTR_PREFERRED_LOC, value: loc },
    {
      type: KFD_IOCTL_SVM_ATTR_SET_FLAGS,
      value: KFD_IOCTL_SVM_FLAG_HOST_ACCESS | KFD_IOCTL_SVM_FLAG_COHERENT,
    },
    { type: KFD_IOCTL_SVM_ATTR_ACCESS, value: gpu },
  ]);
}

/** Register memory that is there. */
export function* rangeAt(t: Kfd, addr: number, size: number, gpu: number, loc = 0): Task<SvmRange> {
  const ret = yield* registerRange(t, addr, size, gpu, loc);
  t.ASSERT_EQ({ RegisterSVMRange: ret }, 0);
  return { addr, size, mapped: false };
}

/** Map and register. */
export function* range(t: Kfd, size: number, gpu: number, loc = 0): Task<SvmRange> {
  const addr = yield* anonymous(t, size);
  yield* rangeAt(t, addr, size, gpu, loc);
  return { addr, size, mapped: true };
}

/** Map alone. */
export function* unregistered(t: Kfd, size: number): Task<SvmRange> {
  return { addr: yield* anonymous(t, size), size, mapped: true };
}

/** What was mapped for the range is unmapped. Nothing is unregistered. */
export function* destroy(t: Kfd, ...ranges: readonly SvmRange[]): Task {
  for (const { addr, size, mapped } of ranges) if (mapped) yield* t.sys.munmap(addr, size);
}

/** Set one attribute. */
export function* setAttribute(t: Kfd, { addr, size }: SvmRange, type: number, value: number): Task {
  const ret = yield* hsaOf(t).svmSet(addr, size, [{ type, value }]);
  t.ASSERT_EQ({ hsaKmtSVMSetAttr: ret }, 0);
}

export function prefetch(t: Kfd, range: SvmRange, loc: number): Task {
  return setAttribute(t, range, KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, loc);
}

/** A part of a range. */
export const part = ({ addr }: SvmRange, offset: number, size: number): SvmRange => ({
  addr: addr + offset,
  size,
  mapped: false,
});

// --- the GPU ------------------------------------------------------------------------------------------------------

export function* createQueue(t: Kfd, gpu: number, type: number = KFD_IOC_QUEUE_TYPE_SDMA): Task<number> {
  const queue = yield* hsaOf(t).createQueue(gpu, type);
  t.ASSERT_GE({ queue }, 0);
  return queue;
}

/** Wait until all that was submitted is done. */
export function* consumed(t: Kfd, queue: number): Task {
  const done = yield* hsaOf(t).wait(queue);
  t.ASSERT_TRUE({ 'Wait4PacketConsumption()': done ? 1 : 0 });
}

/** Bytes that one packet of SDMA copies at most. */
const COPY_MAX = 128 * 2 ** 20;

export function* gpuCopy(t: Kfd, queue: number, dst: number, src: number, size: number): Task {
  for (let done = 0; done < size; done += COPY_MAX) {
    const bytes = Math.min(COPY_MAX, size - done);
    yield* hsaOf(t).submit(queue, [copyPacket(dst + done, src + done, bytes)]);
  }
  yield* consumed(t, queue);
}

/** What the shader does that copies one word. */
export function gpuCopyWord(t: Kfd, queue: number, dst: number, src: number): Task {
  return gpuCopy(t, queue, dst, src, WORD);
}

export function* gpuFill(t: Kfd, queue: number, dst: number, size: number, word: number): Task {
  yield* hsaOf(t).submit(queue, [fillPacket(dst, size, word)]);
  yield* consumed(t, queue);
}

export function* gpuWrite(t: Kfd, queue: number, dst: number, word: number): Task {
  yield* hsaOf(t).submit(queue, [writePacket(dst, word)]);
  yield* consumed(t, queue);
}

// --- the processor ------------------------------------------------------------------------------------------------

/** All words of the range. */
export function fill(t: Kfd, { addr, size }: SvmRange, word: number): Task {
  return t.sys.storeSeq(addr, size / WORD, word, 0);
}

/** One word of each page is what `expected` says of the page's number. */
export function* ASSERT_PAGES(t: Kfd, { addr, size }: SvmRange, expected: (page: number) => number): Task {
  for (let page = 0; page < size / PAGE_SIZE; page++) {
    const seen = yield* t.sys.load32(addr + page * PAGE_SIZE);
    if (seen === expected(page)) continue;
    t.ASSERT_EQ({ [`page ${page}`]: seen }, expected(page));
  }
}

/** All words are first, first + step, and so on. */
export function* ASSERT_SEQUENCE(t: Kfd, { addr, size }: SvmRange, first: number, step: number): Task {
  const { count, index, value, expected } = yield* t.sys.checkSeq(addr, size / WORD, first, step);
  t.ASSERT_EQ_EACH(count, { [`data[${index}]`]: value }, expected);
}

/** What the hardware lacks for the test. */
export function* lacks(t: Kfd, gpus: number): Task<string | null> {
  const { vram } = yield* hsaOf(t).node(gpuOf(t));
  if (vram === 0) return 'no VRAM found';
  return hsaOf(t).gpus.length < gpus ? `at least ${gpus} SVM-capable GPUs are needed` : null;
}
