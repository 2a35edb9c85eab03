// SPDX-License-Identifier: GPL-2.0-only
/** KFDSVMRangeTest: memory that goes to GPUs and comes back. */
import type { Task } from '../../sim/task.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import {
  ASSERT_PAGES,
  ASSERT_SEQUENCE,
  consumed,
  createQueue,
  destroy,
  fill,
  gpuCopy,
  gpuFill,
  gpuOf,
  hsaOf,
  type Kfd,
  lacks,
  prefetch,
  range,
  rangeAt,
  type SvmRange,
  setAttribute,
  unregistered,
  WORD,
} from './fixtures.js';
import { copyPacket } from './hsakmt.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const { KFD_IOCTL_SVM_ATTR_ACCESS, KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE, KFD_IOCTL_SVM_ATTR_GRANULARITY } =
  uapi;

const ROUNDS = 8;

export function* MigrateTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const size = 16 * MIB;
  const before = yield* hsaOf(t).node(gpu);
  const queue = yield* createQueue(t, gpu);
  const data = yield* range(t, size, gpu);
  yield* t.sys.storeSeq(data.addr, size / WORD, 0, 1);
  const buffers = [yield* unregistered(t, size), yield* unregistered(t, size)];
  for (const { addr } of buffers) yield* rangeAt(t, addr, size, gpu);
  for (const buffer of buffers) yield* prefetch(t, buffer, 0);
  for (let round = 0; round < ROUNDS; round++) {
    for (const buffer of buffers) yield* prefetch(t, buffer, gpu);
    for (const { addr } of buffers) yield* gpuCopy(t, queue, addr, data.addr, size);
    for (const buffer of buffers) yield* ASSERT_SEQUENCE(t, buffer, 0, 1);
  }
  yield* gpuCopy(t, queue, buffers[0]!.addr, data.addr, size);
  yield* ASSERT_SEQUENCE(t, buffers[0]!, 0, 1);
  yield* ASSERT_ALL_HOME(t, before.vram_used, data, ...buffers);
  yield* destroy(t, data, ...buffers);
}

/** Prefetched to system memory, the ranges leave nothing in VRAM, even where the CPU reads it. The original does not look. */
function* ASSERT_ALL_HOME(t: Kfd, before: number, ...ranges: readonly SvmRange[]): Task {
  for (const memory of ranges) yield* prefetch(t, memory, 0);
  const { vram_used } = yield* hsaOf(t).node(gpuOf(t));
  t.EXPECT_EQ({ 'VRAM that is left in use': Math.max(0, vram_used - before) }, 0);
}

export function* MigrateAccessInPlaceTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const { vram } = yield* hsaOf(t).node(gpu);
  const queue = yield* createQueue(t, gpu);
  const memory = yield* range(t, Math.min(256 * MIB, vram / 2), gpu);
  yield* setAttribute(t, memory, KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE, gpu);
  yield* prefetch(t, memory, gpu);
  for (let at = 0; at < memory.size; at += PAGE_SIZE) yield* t.sys.store32(memory.addr + at, at);
  yield* gpuFill(t, queue, memory.addr, memory.size, 0x55aaaa55);
  yield* ASSERT_PAGES(t, memory, () => 0x55aaaa55);
  yield* destroy(t, memory);
}

const GRANULARITY_PAGES = 16384;
const GRANULARITY_MOST = 14;

/** The CPU brings a granule home with each fault. The original leaves it to who reads the log how many there were. */
export function* MigrateGranularityTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const size = GRANULARITY_PAGES * PAGE_SIZE;
  const queue = yield* createQueue(t, gpu);
  // A granule begins where its size divides the address.
  const room = yield* unregistered(t, 2 * size);
  const addr = Math.ceil(room.addr / size) * size;
  const memory = yield* rangeAt(t, addr, size, gpu);
  const pattern = yield* range(t, size, gpu);
  for (let page = 0; page < GRANULARITY_PAGES; page++) {
    yield* t.sys.storeSeq(pattern.addr + page * PAGE_SIZE, PAGE_SIZE / WORD, page, 0);
  }
  const { apu, coherent } = yield* hsaOf(t).node(gpu);
  const apart = apu || coherent ? 0 : 1;
  for (let granularity = GRANULARITY_MOST; granularity >= 0; granularity--) {
    yield* prefetch(t, memory, gpu);
    yield* setAttribute(t, memory, KFD_IOCTL_SVM_ATTR_GRANULARITY, granularity);
    yield* gpuCopy(t, queue, memory.addr, pattern.addr, size);
    const { cpu_faults } = yield* hsaOf(t).node(gpu);
    yield* ASSERT_PAGES(t, memory, (page) => page);
    const after = yield* hsaOf(t).node(gpu);
    const faults = after.cpu_faults - cpu_faults;
    t.EXPECT_EQ(
      { [`CPU faults with granularity ${granularity}`]: faults },
      apart * (yield* granules(t, memory, granularity)),
    );
  }
  yield* destroy(t, room, pattern);
}

/** Parts that the range comes home in: no granule goes beyond what the driver keeps as one range. */
function* granules(t: Kfd, { size }: SvmRange, granularity: number): Task<number> {
  const { vram } = yield* hsaOf(t).node(gpuOf(t));
  const most = Math.min(Math.max(vram / 2 ** 17, 512), 2 ** 18);
  const pages = Math.min(2 ** granularity, 2 ** Math.floor(Math.log2(most)));
  return size / PAGE_SIZE / pages;
}

export function* MigrateLargeBufTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const { vram, system } = yield* hsaOf(t).node(gpu);
  const size = Math.min(GIB, (vram / 4) * 3);
  if (system < 4 * size) return t.SKIP('not enough system memory');
  const queue = yield* createQueue(t, gpu);
  const a = yield* range(t, size, gpu);
  const b = yield* range(t, size, gpu);
  yield* fill(t, a, 1);
  yield* fill(t, b, 2);
  yield* rangeAt(t, a.addr, size, gpu, gpu);
  yield* gpuCopy(t, queue, b.addr, a.addr, size);
  yield* ASSERT_PAGES(t, b, () => 1);
  yield* fill(t, b, 3);
  yield* gpuCopy(t, queue, a.addr, b.addr, size);
  yield* setAttribute(t, a, KFD_IOCTL_SVM_ATTR_GRANULARITY, 30);
  yield* ASSERT_PAGES(t, a, () => 3);
  yield* fill(t, a, 4);
  yield* gpuCopy(t, queue, b.addr, a.addr, size);
  yield* ASSERT_PAGES(t, b, () => 4);
  yield* destroy(t, a, b);
}

/** 64-bit numbers from `first` on, as words. */
function* storeNumbers(t: Kfd, { addr, size }: SvmRange, first: number): Task {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < size / 8; i++) view.setUint32(i * 8, first + i, true);
  yield* t.sys.storeBytes(addr, bytes);
}

/** The first number of each page. */
function ASSERT_NUMBERS(t: Kfd, memory: SvmRange, first: number): Task {
  return ASSERT_PAGES(t, memory, (page) => first + (page * PAGE_SIZE) / 8);
}

export function* MigratePolicyTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu);
  const data = yield* range(t, MIB, gpu);
  const buffer = yield* range(t, MIB, gpu);
  yield* storeNumbers(t, data, 0);
  yield* prefetch(t, buffer, gpu);
  yield* gpuCopy(t, queue, buffer.addr, data.addr, MIB);
  yield* ASSERT_NUMBERS(t, buffer, 0);
  yield* storeNumbers(t, buffer, 1);
  yield* gpuCopy(t, queue, data.addr, buffer.addr, MIB);
  yield* ASSERT_NUMBERS(t, data, 1);
  yield* destroy(t, data, buffer);
}

/** Each GPU in turn has both buffers, then each copies one to the other. */
function* multiGpu(t: Kfd, access: number): Task {
  const lack = yield* lacks(t, 2);
  if (lack !== null) return t.SKIP(lack);
  const { gpus } = hsaOf(t);
  const src = yield* range(t, MIB, gpus[0]!);
  const dst = yield* range(t, MIB, gpus[0]!);
  const queues: number[] = [];
  for (const gpu of gpus) {
    for (const buffer of [src, dst]) {
      yield* setAttribute(t, buffer, access, gpu);
      yield* prefetch(t, buffer, gpu);
    }
    queues.push(yield* createQueue(t, gpu));
  }
  for (const [n, queue] of queues.entries()) {
    yield* fill(t, src, n + 1);
    yield* gpuCopy(t, queue, dst.addr, src.addr, MIB);
    yield* ASSERT_PAGES(t, dst, () => n + 1);
  }
  yield* destroy(t, src, dst);
}

export function MultiGPUMigrationTest(t: Kfd): Task {
  return multiGpu(t, KFD_IOCTL_SVM_ATTR_ACCESS);
}

export function MultiGPUAccessInPlaceTest(t: Kfd): Task {
  return multiGpu(t, KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE);
}

const THREAD_BYTES = 128 * MIB;

/** What the second thread does while the first one has the GPU read, or has the range prefetched to the CPU. */
class Threads {
  constructor(
    private readonly t: Kfd,
    private readonly memory: SvmRange,
  ) {}

  /** Return: 1 where a prefetch failed. */
  *prefetches(): Task<number> {
    const { addr, size } = this.memory;
    const attr = { type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: gpuOf(this.t) };
    return (yield* this.own.svmSet(addr, size, [attr])) === 0 ? 0 : 1;
  }

  /** Return: how many pages hold what they should not. */
  *reads(sys: Sys): Task<number> {
    let wrong = 0;
    for (let at = 0; at < THREAD_BYTES; at += PAGE_SIZE) {
      if ((yield* sys.load32(this.memory.addr + at)) !== at / WORD) wrong++;
    }
    return wrong;
  }

  private get own() {
    return hsaOf(this.t);
  }
}

export function* MultiThreadMigrationTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu);
  const memory = yield* range(t, THREAD_BYTES, gpu);
  const sink = yield* range(t, THREAD_BYTES, gpu);
  yield* t.sys.storeSeq(memory.addr, THREAD_BYTES / WORD, 0, 1);
  const threads = new Threads(t, memory);
  for (let round = 0; round < 2; round++) {
    yield* hsaOf(t).submit(queue, [copyPacket(sink.addr, memory.addr, THREAD_BYTES)]);
    const prefetching = yield* t.sys.pthread_create(() => threads.prefetches());
    t.ASSERT_TRUE({ 'pthread_create()': typeof prefetching === 'number' ? 0 : 1 });
    if (typeof prefetching !== 'number') t.EXPECT_EQ({ prefetch: yield* prefetching.join() }, 0);
    yield* consumed(t, queue);
    const reading = yield* t.sys.pthread_create((sys) => threads.reads(sys));
    t.ASSERT_TRUE({ 'pthread_create()': typeof reading === 'number' ? 0 : 1 });
    yield* prefetch(t, memory, 0);
    if (typeof reading !== 'number') t.EXPECT_EQ({ 'pages that differ': yield* reading.join() }, 0);
  }
  yield* destroy(t, memory, sink);
}

const OVERCOMMIT_PIECE = 512 * MIB;

/** Bytes that are more than the VRAM of the GPU; or why that is too much for the machine. */
function* overcommitted(t: Kfd): Task<number | string> {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return lack;
  const { vram, system } = yield* hsaOf(t).node(gpuOf(t));
  const size = vram + GIB;
  return size > system / 2 ? 'not enough system memory' : size;
}

export function* VramOvercommitTest(t: Kfd): Task {
  const size = yield* overcommitted(t);
  if (typeof size === 'string') return t.SKIP(size);
  const gpu = gpuOf(t);
  const ranges: SvmRange[] = [];
  for (let at = 0; at < size; at += OVERCOMMIT_PIECE) {
    ranges.push(yield* range(t, Math.min(OVERCOMMIT_PIECE, size - at), gpu, gpu));
    yield* ASSERT_IN_VRAM(t, ranges.at(-1)!);
  }
  yield* destroy(t, ...ranges);
}

export function* VramOvercommitGiantRangeTest(t: Kfd): Task {
  const size = yield* overcommitted(t);
  if (typeof size === 'string') return t.SKIP(size);
  const gpu = gpuOf(t);
  const giant = yield* range(t, size, gpu, gpu);
  yield* ASSERT_IN_VRAM(t, giant);
  yield* destroy(t, giant);
}

/**
 * The begin of the range, which is what was prefetched last, is there: two pages of it come home when the CPU touches them. The
 * original does not look.
 */
function* ASSERT_IN_VRAM(t: Kfd, { addr, size }: SvmRange): Task {
  const before = yield* hsaOf(t).node(gpuOf(t));
  if (before.apu || before.coherent) return;
  t.EXPECT_EQ({ 'first word': yield* t.sys.load32(addr) }, 0);
  t.EXPECT_EQ({ 'word further on': yield* t.sys.load32(addr + size / 8) }, 0);
  const { cpu_faults } = yield* hsaOf(t).node(gpuOf(t));
  t.EXPECT_EQ({ 'CPU faults of two pages': cpu_faults - before.cpu_faults }, 2);
}
