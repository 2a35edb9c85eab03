// SPDX-License-Identifier: GPL-2.0-only
/** KFDSVMRangeTest: files, memory that may not be written, and what the driver tells of migrations. */
import { putU32 } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { MAP_SHARED, O_EXCL, O_RDWR, O_TMPFILE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import {
  createQueue,
  destroy,
  gpuCopy,
  gpuFill,
  gpuOf,
  hsaOf,
  type Kfd,
  lacks,
  prefetch,
  range,
  rangeAt,
  reopen,
  type SvmRange,
  unregistered,
} from './fixtures.js';
import { writePacket } from './hsakmt.js';

export function* MigrateFileBackedRangeTest(t: Kfd): Task {
  const { sys } = t;
  const gpu = gpuOf(t);
  const queue = yield* createQueue(t, gpu);
  const fd = yield* sys.open('/tmp', O_TMPFILE | O_EXCL | O_RDWR, 0o600);
  t.ASSERT_GE({ fd }, 0);
  const buffer = yield* sys.malloc(PAGE_SIZE);
  yield* sys.storeSeq(buffer, PAGE_SIZE / 4, 0x30303030, 0);
  t.ASSERT_EQ({ 'write()': yield* sys.pwrite(fd, buffer, PAGE_SIZE, 0) }, PAGE_SIZE);
  const addr = yield* sys.mmap(0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  t.ASSERT_GT({ addr }, 0);
  yield* rangeAt(t, addr, PAGE_SIZE, gpu, gpu);
  yield* gpuFill(t, queue, addr, PAGE_SIZE, 0x33333333);
  yield* sys.munmap(addr, PAGE_SIZE);
  // The original opens it again by its name.
  t.ASSERT_EQ({ 'read()': yield* sys.pread(fd, buffer, 1, 0) }, 1);
  t.EXPECT_EQ({ 'first byte': (yield* sys.load32(buffer)) & 0xff }, 0x33);
  yield* sys.close(fd);
  yield* sys.free(buffer);
}

const EVENT_TIMEOUT = 5000;

/** In a process of its own: a fault that cannot be resolved stops its queues for good. */
function* readOnlyChild(t: Kfd): Task {
  yield* reopen(t);
  const gpu = gpuOf(t);
  const memory = yield* unregistered(t, 2 * PAGE_SIZE);
  yield* t.sys.store32(memory.addr, 0x55);
  const sink = yield* range(t, PAGE_SIZE, gpu);
  t.ASSERT_EQ({ 'mprotect()': yield* t.sys.mprotect(memory.addr, memory.size, PROT_READ) }, 0);
  yield* rangeAt(t, memory.addr, memory.size, gpu);
  const event = yield* hsaOf(t).createMemoryEvent();
  const queue = yield* createQueue(t, gpu);
  yield* gpuCopy(t, queue, sink.addr, memory.addr, 4);
  t.EXPECT_EQ({ 'what the GPU read': yield* t.sys.load32(sink.addr) }, 0x55);
  yield* hsaOf(t).submit(queue, [writePacket(memory.addr, 0xaa)]);
  const fault = yield* hsaOf(t).waitMemoryEvent(event, EVENT_TIMEOUT);
  t.ASSERT_TRUE({ 'hsaKmtWaitOnEvent()': fault === null ? 0 : 1 });
  t.EXPECT_EQ({ VirtualAddress: fault!.va }, memory.addr);
  t.EXPECT_EQ({ 'the page': yield* t.sys.load32(memory.addr) }, 0x55);
}

export function* ReadOnlyRangeTest(t: Kfd): Task {
  const pid = yield* t.fork(readOnlyChild);
  t.ASSERT_GT({ pid }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.EXPECT_TRUE({ WIFEXITED: typeof status !== 'number' && status.exitCode === 0 ? 1 : 0 });
}

// --- events ---------------------------------------------------------------------------------------------------

const SMI_BYTES = 128;
const POLL_NS = 1_000_000;
const POLLS = 1000;

/** A thread that reads one message of the SMI file. */
class SmiReader {
  enabled = false;
  message = '';

  constructor(private readonly t: Kfd) {}

  /** Return: 0, 1 where no message came within a second. */
  *read(sys: Sys): Task<number> {
    const fd = yield* hsaOf(this.t).openSmi(gpuOf(this.t));
    const buffer = yield* sys.malloc(SMI_BYTES);
    const mask = new Uint8Array(8);
    putU32(mask, 0, 0xffffffff);
    yield* sys.storeBytes(buffer, mask);
    yield* sys.write(fd, buffer, 8);
    this.enabled = true;
    for (let n = 0; n < POLLS; n++) {
      const bytes = yield* sys.read(fd, buffer, SMI_BYTES);
      if (bytes > 0) {
        this.message = String.fromCharCode(...(yield* sys.loadBytes(buffer, bytes)));
        yield* sys.close(fd);
        return 0;
      }
      yield* sys.nanosleep(POLL_NS);
    }
    return 1;
  }
}

/** What a line of the SMI file must be, by the number of its event. */
function ASSERT_MESSAGE(t: Kfd, message: string, { addr, size }: SvmRange): void {
  const [line = ''] = message.split('\n');
  const [event = '', , pid = '', ...rest] = line.split(' ');
  t.EXPECT_EQ({ pid: -Number(pid) }, t.sys.pid);
  const [where = ''] = rest;
  const pages = (size / PAGE_SIZE).toString(16);
  const at = `@${(addr / PAGE_SIZE).toString(16)}(${pages})`;
  switch (Number.parseInt(event, 16)) {
    case uapi.KFD_SMI_EVENT_MIGRATE_START:
      t.ASSERT_STREQ(at, where);
      t.EXPECT_EQ({ trigger: Number(rest.at(-1)) }, uapi.KFD_MIGRATE_TRIGGER_PREFETCH);
      return;
    case uapi.KFD_SMI_EVENT_QUEUE_EVICTION:
      t.EXPECT_EQ({ trigger: Number(rest.at(-1)) }, uapi.KFD_QUEUE_EVICTION_TRIGGER_SVM);
      return;
    case uapi.KFD_SMI_EVENT_QUEUE_RESTORE:
      return;
    case uapi.KFD_SMI_EVENT_UNMAP_FROM_GPU:
      t.EXPECT_TRUE({ size: where.endsWith(`(${pages})`) ? 1 : 0 });
      t.EXPECT_EQ({ trigger: Number(rest.at(-1)) }, uapi.KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU);
      return;
    default:
      t.ASSERT_STREQ('an event of SVM', line);
  }
}

export function* HMMProfilingEventTest(t: Kfd): Task {
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const { major, minor } = yield* hsaOf(t).version();
  if (major !== uapi.KFD_IOCTL_MAJOR_VERSION || minor < 10) return t.SKIP('the KFD has no such events');
  const gpu = gpuOf(t);
  if ((yield* hsaOf(t).node(gpu)).apu) return t.SKIP('nothing migrates on an APU');
  const reader = new SmiReader(t);
  const memory = yield* unregistered(t, 16384);
  const thread = yield* t.sys.pthread_create((sys) => reader.read(sys));
  t.ASSERT_TRUE({ 'pthread_create()': typeof thread === 'number' ? 0 : 1 });
  while (!reader.enabled) yield* t.sys.nanosleep(POLL_NS);
  yield* prefetch(t, memory, gpu);
  if (typeof thread !== 'number') t.ASSERT_EQ({ 'no message': yield* thread.join() }, 0);
  ASSERT_MESSAGE(t, reader.message, memory);
  yield* destroy(t, memory);
}
