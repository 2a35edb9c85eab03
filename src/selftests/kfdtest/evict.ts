// SPDX-License-Identifier: GPL-2.0-only
/** KFDSVMEvictTest: two processes that take each other's VRAM. */

import { putU64 } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  anonymous,
  consumed,
  createQueue,
  destroy,
  gpuOf,
  hsaOf,
  type Kfd,
  lacks,
  range,
  registerRange,
  reopen,
  type SvmRange,
  setAttribute,
} from './fixtures.js';
import { wavesPacket } from './hsakmt.js';

const SECOND = 1_000_000_000;
const MIB = 2 ** 20;
const BUFFER = 64 * MIB;
const RETRIES = 4;
const WAVES = 512;
const PROCESSES = 2;
const STOP = 0x5678;
const GRANULARITY = 0xff;

/** Why the test has nothing to do; null where it has. */
function* nothingToDo(t: Kfd): Task<boolean> {
  if ((yield* hsaOf(t).xnackMode()) === 1) return false;
  t.printf('# Skip: XNACK is off, the system memory that evicted ranges need is limited');
  return true;
}

/** Bytes that each of the processes has: together more than the VRAM. */
function* share(t: Kfd): Task<number> {
  const { vram, system } = yield* hsaOf(t).node(gpuOf(t));
  return (vram + Math.min(system / 3, vram / 2)) / PROCESSES;
}

/** AllocBuffers(): as many as there is room for; what fails is tried again for some seconds. */
function* allocBuffers(t: Kfd, count: number, size: number): Task<SvmRange[]> {
  const gpu = gpuOf(t);
  const buffers: SvmRange[] = [];
  for (let n = 0; n < count; n++) {
    const addr = yield* anonymous(t, size);
    let ret = yield* registerRange(t, addr, size, gpu, gpu);
    for (let again = 0; ret !== 0 && again < RETRIES; again++) {
      yield* t.sys.nanosleep(SECOND);
      ret = yield* registerRange(t, addr, size, gpu, gpu);
    }
    if (ret !== 0) break;
    buffers.push({ addr, size, mapped: true });
  }
  return buffers;
}

function* basic(t: Kfd): Task {
  const buffers = yield* allocBuffers(t, Math.ceil((yield* share(t)) / BUFFER), BUFFER);
  t.EXPECT_GT({ buffers: buffers.length }, 0);
  yield* t.sys.nanosleep(3 * SECOND);
  yield* destroy(t, ...buffers);
}

function* basicChild(t: Kfd): Task {
  yield* reopen(t);
  yield* basic(t);
}

/** Both processes do the same, each with a /dev/kfd of its own. */
function* inTwoProcesses(t: Kfd, child: (t: Kfd) => Task, own: (t: Kfd) => Task): Task {
  if (yield* nothingToDo(t)) return;
  const lack = yield* lacks(t, 1);
  if (lack !== null) return t.SKIP(lack);
  const pid = yield* t.fork(child);
  t.ASSERT_GT({ pid }, 0);
  yield* own(t);
  const status = yield* t.sys.waitpid(pid);
  t.EXPECT_TRUE({ WIFEXITED: typeof status !== 'number' && status.exitCode === 0 ? 1 : 0 });
}

export function BasicTest(t: Kfd): Task {
  return inTwoProcesses(t, basicChild, basic);
}

/** Waves read the buffers for five seconds, while the other process takes their memory away again and again. */
function* queue(t: Kfd): Task {
  const gpu = gpuOf(t);
  const size = Math.floor((yield* share(t)) / WAVES / PAGE_SIZE) * PAGE_SIZE;
  const buffers = yield* allocBuffers(t, WAVES, size);
  for (const buffer of buffers) {
    yield* setAttribute(t, buffer, uapi.KFD_IOCTL_SVM_ATTR_GRANULARITY, GRANULARITY);
  }
  const table = yield* range(t, WAVES * 8, gpu);
  const result = yield* range(t, PAGE_SIZE, gpu);
  const addresses = new Uint8Array(buffers.length * 8);
  for (const [n, { addr }] of buffers.entries()) putU64(addresses, n * 8, addr);
  yield* t.sys.storeBytes(table.addr, addresses);
  const waves = yield* createQueue(t, gpu, uapi.KFD_IOC_QUEUE_TYPE_COMPUTE);
  yield* hsaOf(t).submit(waves, [wavesPacket(result.addr, table.addr, buffers.length, STOP)]);
  yield* t.sys.nanosleep(5 * SECOND);
  yield* t.sys.store32(result.addr, STOP);
  yield* consumed(t, waves);
  for (const n of buffers.keys()) {
    t.EXPECT_EQ({ [`result[${n}]`]: yield* t.sys.load32(result.addr + (n + 1) * 4) }, STOP);
  }
  yield* destroy(t, ...buffers, table, result);
}

function* queueChild(t: Kfd): Task {
  yield* reopen(t);
  yield* queue(t);
}

export function QueueTest(t: Kfd): Task {
  return inTwoProcesses(t, queueChild, queue);
}
