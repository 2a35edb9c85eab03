// SPDX-License-Identifier: GPL-2.0-only
/** KFDSVMRangeTest: ranges and their attributes, in system memory and in VRAM. */
import type { Task } from '../../sim/task.js';
import { EBUSY, EPERM } from '../../uapi/errno.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  anonymous,
  createQueue,
  destroy,
  fill,
  gpuCopyWord,
  gpuFill,
  gpuOf,
  gpuWrite,
  hsaOf,
  type Kfd,
  lacks,
  PATTERN,
  part,
  prefetch,
  range,
  rangeAt,
  registerRange,
  unregistered,
} from './fixtures.js';

const UNDEFINED = uapi.KFD_IOCTL_SVM_LOCATION_UNDEFINED;
const DEFAULT_FLAGS = uapi.KFD_IOCTL_SVM_FLAG_HOST_ACCESS | uapi.KFD_IOCTL_SVM_FLAG_COHERENT;

export function* BasicSystemMemTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu, uapi.KFD_IOC_QUEUE_TYPE_COMPUTE);
  const src = yield* range(t, PAGE_SIZE, gpu);
  const dst = yield* range(t, PAGE_SIZE, gpu);
  yield* fill(t, src, PATTERN);
  yield* gpuCopyWord(t, queue, dst.addr, src.addr);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, PATTERN);
  yield* destroy(t, src, dst);
}

/** The attributes that are asked and set together. */
const asked = (gpu: number): uapi.SvmAttribute[] => [
  { type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: 0 },
  { type: uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC, value: 0 },
  { type: uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS, value: 0 },
  { type: uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY, value: 0 },
  { type: uapi.KFD_IOCTL_SVM_ATTR_ACCESS, value: gpu },
];

const GRANULARITY = 0x3f;

export function* SetGetAttributesTest(t: Kfd): Task {
  const gpu = gpuOf(t);
  const { addr, size } = yield* unregistered(t, PAGE_SIZE);
  const xnack = yield* hsaOf(t).xnackMode();
  const before = yield* hsaOf(t).svmGet(addr, size, asked(gpu));
  t.ASSERT_TRUE({ 'hsaKmtSVMGetAttr()': typeof before === 'number' ? 0 : 1 });
  const [prefetchLoc, preferred, flags, , access] = before as uapi.SvmAttribute[];
  t.EXPECT_EQ({ prefetch: prefetchLoc!.value }, UNDEFINED);
  t.EXPECT_EQ({ preferred: preferred!.value }, UNDEFINED);
  t.EXPECT_EQ({ flags: flags!.value }, DEFAULT_FLAGS);
  const accessible = xnack === 1 ? uapi.KFD_IOCTL_SVM_ATTR_ACCESS : uapi.KFD_IOCTL_SVM_ATTR_NO_ACCESS;
  t.EXPECT_EQ({ access: access!.type }, accessible);

  const wanted: uapi.SvmAttribute[] = [
    { type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: gpu },
    { type: uapi.KFD_IOCTL_SVM_ATTR_PREFERRED_LOC, value: gpu },
    { type: uapi.KFD_IOCTL_SVM_ATTR_SET_FLAGS, value: DEFAULT_FLAGS | uapi.KFD_IOCTL_SVM_FLAG_GPU_EXEC },
    { type: uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY, value: GRANULARITY },
    { type: uapi.KFD_IOCTL_SVM_ATTR_ACCESS, value: gpu },
  ];
  t.ASSERT_EQ({ 'hsaKmtSVMSetAttr()': yield* hsaOf(t).svmSet(addr, size, wanted) }, 0);
  const after = yield* hsaOf(t).svmGet(addr, size, asked(gpu));
  t.ASSERT_TRUE({ 'hsaKmtSVMGetAttr()': typeof after === 'number' ? 0 : 1 });
  for (const [n, { type, value }] of (after as uapi.SvmAttribute[]).entries()) {
    t.EXPECT_EQ({ [`outputAttributes[${n}].type`]: type }, wanted[n]!.type);
    t.EXPECT_EQ({ [`outputAttributes[${n}].value`]: value }, wanted[n]!.value);
  }
  yield* t.sys.munmap(addr, size);
}

export function* XNACKModeTest(t: Kfd): Task {
  const hsa = hsaOf(t);
  let mode = yield* hsa.xnackMode();
  t.ASSERT_GE({ mode }, 0);
  for (let round = 0; round < 2; round++) {
    const flipped = yield* hsa.setXnackMode(1 - mode);
    if (flipped !== 0) {
      t.EXPECT_EQ({ 'hsaKmtSetXNACKMode()': flipped }, -EPERM);
      continue;
    }
    mode = 1 - mode;
    for (const gpu of hsa.gpus) {
      const queue = yield* createQueue(t, gpu);
      t.EXPECT_EQ({ 'hsaKmtSetXNACKMode()': yield* hsa.setXnackMode(1 - mode) }, -EBUSY);
      t.EXPECT_EQ({ 'queue.Destroy()': yield* hsa.destroyQueue(queue) }, 0);
    }
  }
}

/** Where nothing is mapped. */
const NOWHERE = 0x10000;

export function* InvalidRangeTest(t: Kfd): Task {
  const gpu = gpuOf(t);
  const ret = yield* registerRange(t, NOWHERE, PAGE_SIZE, gpu, 0);
  t.EXPECT_NE({ RegisterSVMRange: ret }, 0);
}

const PAGES = 16;
const SIZE = PAGES * PAGE_SIZE;

/** Ranges that lie in, over and across others. */
function* split_range(t: Kfd, loc: number): Task {
  const gpu = gpuOf(t);
  // Beyond what is registered first there is room, too.
  const room = yield* unregistered(t, 4 * SIZE);
  const at = (offset: number, size: number) => rangeAt(t, room.addr + offset, size, gpu, loc);
  // One page in the midst.
  yield* at(0, SIZE);
  yield* at(8192, PAGE_SIZE);
  // To the end, and past it.
  yield* at(0, SIZE);
  yield* at(4096, SIZE - 4096);
  yield* at(8192, SIZE);
  // The first pages.
  yield* at(0, SIZE - 8192);
  // The same again, and what lies behind with it.
  yield* at(0, SIZE);
  yield* at(0, SIZE + 8192);
  // Two in the midst, then all and more.
  yield* at(8192, 8192);
  yield* at(32768, 8192);
  yield* at(0, SIZE + 65536);
  yield* destroy(t, room);
  // A part that is unmapped while it is registered.
  const last = yield* range(t, SIZE, gpu, loc);
  yield* rangeAt(t, last.addr + 8192, 8192, gpu, loc);
  yield* t.sys.munmap(last.addr + 8192, 8192);
  yield* destroy(t, last);
}

export function SplitSystemRangeTest(t: Kfd): Task {
  return split_range(t, 0);
}

export function* SplitVramRangeTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  yield* split_range(t, gpuOf(t));
}

/** A child that does nothing until somebody ends it. */
function* spin(t: Kfd): Task {
  for (;;) yield* t.sys.spin();
}

const [FIRST, SECOND] = [0x12345678, 0xd0bed0be];

export function* EvictSystemRangeTest(t: Kfd): Task {
  const gpu = gpuOf(t);
  const compute = yield* createQueue(t, gpu, uapi.KFD_IOC_QUEUE_TYPE_COMPUTE);
  const sdma = yield* createQueue(t, gpu);
  // The original has them on the stack.
  const src = yield* range(t, PAGE_SIZE, gpu);
  const dst = yield* range(t, PAGE_SIZE, gpu);
  const third = yield* range(t, PAGE_SIZE, gpu);
  yield* fill(t, src, PATTERN);
  yield* gpuCopyWord(t, compute, dst.addr, src.addr);
  yield* gpuWrite(t, sdma, third.addr, FIRST);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, PATTERN);
  t.EXPECT_EQ({ third: yield* t.sys.load32(third.addr) }, FIRST);

  const pid = yield* t.fork(spin);
  t.ASSERT_GT({ pid }, 0);
  // Copies on write: the child keeps the pages that the GPU knew.
  yield* t.sys.store32(src.addr, 0xd00bed00);
  yield* t.sys.store32(dst.addr, 0xdeadbeef);
  yield* t.sys.store32(third.addr, 0xdeadbeef);
  t.EXPECT_EQ({ 'kill()': yield* t.sys.kill(pid, 'SIGTERM') }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.ASSERT_TRUE({ WIFSIGNALED: typeof status !== 'number' && status.signal === 'SIGTERM' ? 1 : 0 });

  yield* gpuCopyWord(t, compute, dst.addr, src.addr);
  yield* gpuWrite(t, sdma, third.addr, SECOND);
  t.EXPECT_EQ({ source: yield* t.sys.load32(src.addr) }, 0xd00bed00);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, 0xd00bed00);
  t.EXPECT_EQ({ third: yield* t.sys.load32(third.addr) }, SECOND);
  yield* destroy(t, src, dst, third);
}

export function* PartialUnmapSysMemTest(t: Kfd): Task {
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu, uapi.KFD_IOC_QUEUE_TYPE_COMPUTE);
  const memory = yield* unregistered(t, SIZE);
  const dst = yield* range(t, PAGE_SIZE, gpu);
  yield* fill(t, memory, PATTERN);
  yield* rangeAt(t, memory.addr, SIZE, gpu);
  yield* t.sys.munmap(memory.addr + 2 * PAGE_SIZE, 4 * PAGE_SIZE);
  yield* gpuCopyWord(t, queue, dst.addr, memory.addr + 6 * PAGE_SIZE);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, PATTERN);
  yield* fill(t, dst, 0);
  yield* gpuCopyWord(t, queue, dst.addr, memory.addr);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, PATTERN);
  yield* destroy(t, memory, dst);
}

export function* BasicVramTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu, uapi.KFD_IOC_QUEUE_TYPE_COMPUTE);
  const src = yield* range(t, PAGE_SIZE, gpu);
  const local = yield* range(t, PAGE_SIZE, gpu, gpu);
  const dst = yield* range(t, PAGE_SIZE, gpu);
  yield* fill(t, src, PATTERN);
  yield* gpuCopyWord(t, queue, local.addr, src.addr);
  yield* gpuCopyWord(t, queue, dst.addr, local.addr);
  t.EXPECT_EQ({ dest: yield* t.sys.load32(dst.addr) }, PATTERN);
  yield* destroy(t, src, local, dst);
}

/** SVMRangeGetPrefetchNode(). Return: the node, or a negative errno. */
function* prefetchNode(t: Kfd, addr: number, size: number): Task<number> {
  const found = yield* hsaOf(t).svmGet(addr, size, [
    { type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: 0 },
  ]);
  return typeof found === 'number' ? found : found[0]!.value;
}

export function* PrefetchTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const size = 4 * PAGE_SIZE;
  const gone = yield* range(t, size, gpu, gpu);
  yield* destroy(t, gone);
  const access = yield* hsaOf(t).svmGet(gone.addr, size, [
    { type: uapi.KFD_IOCTL_SVM_ATTR_ACCESS, value: gpu },
  ]);
  t.EXPECT_TRUE({ 'node != gpu': typeof access === 'number' || access[0]!.value !== gpu ? 1 : 0 });

  const memory = yield* range(t, size, gpu);
  t.EXPECT_EQ({ node: yield* prefetchNode(t, memory.addr, size) }, 0);
  const half = part(memory, size / 2, size / 2);
  yield* prefetch(t, half, gpu);
  t.EXPECT_EQ({ node: yield* prefetchNode(t, half.addr, half.size) }, gpu);
  t.EXPECT_EQ({ node: yield* prefetchNode(t, memory.addr, size) }, UNDEFINED);
  yield* destroy(t, memory);
}

/** Only the middle was ever touched by the processor: the rest of the range is in VRAM all the same. */
export function* PrefaultPartialRangeTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu);
  const addr = yield* anonymous(t, 4 * PAGE_SIZE);
  yield* t.sys.store32(addr + PAGE_SIZE, 2);
  yield* t.sys.store32(addr + 2 * PAGE_SIZE, 3);
  const memory = { ...(yield* rangeAt(t, addr, 4 * PAGE_SIZE, gpu)), mapped: true };
  yield* prefetch(t, memory, gpu);
  yield* gpuFill(t, queue, addr, PAGE_SIZE, 1);
  yield* gpuFill(t, queue, addr + 3 * PAGE_SIZE, PAGE_SIZE, 4);
  for (let page = 0; page < 4; page++) {
    t.EXPECT_EQ({ [`page ${page}`]: yield* t.sys.load32(addr + page * PAGE_SIZE) }, page + 1);
  }
  yield* destroy(t, memory);
}
