// SPDX-License-Identifier: GPL-2.0-only
/** Buffers of the program's own memory, by the requests of /dev/kfd. What steps can do is in test/derived/amdgpu-userptr*.yaml. */
import t from 'tap';
import { describeMachine } from '../../../src/machine/description.js';
import { Machine } from '../../../src/machine/machine.js';
import { copyPacket, Hsakmt, writePacket } from '../../../src/selftests/kfdtest/hsakmt.js';
import type { Task } from '../../../src/sim/task.js';
import type { CStruct } from '../../../src/uapi/c_struct.js';
import { EADDRINUSE, EAGAIN, EBUSY, EFAULT, EINVAL, ENODEV, ENOMEM } from '../../../src/uapi/errno.js';
import * as uapi from '../../../src/uapi/kfd_ioctl.js';
import {
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/uapi/mman.js';
import type { Sys } from '../../../src/user/api.js';

const USERPTR = (uapi.KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | uapi.KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE) >>> 0;

/** Where GPUs have the buffers: nothing of the program's is there. */
const VA = 0x7000_0000_0000;

const map = (sys: Sys, length: number): Task<number> =>
  sys.mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

/** /dev/kfd with the requests of buffers. */
class Kfd {
  private constructor(
    private readonly sys: Sys,
    private readonly fd: number,
    private readonly scratch: number,
    readonly hsa: Hsakmt,
  ) {}

  static *open(sys: Sys): Task<Kfd> {
    const hsa = (yield* Hsakmt.open(sys))!;
    return new Kfd(sys, yield* sys.open('/dev/kfd', O_RDWR), yield* map(sys, PAGE_SIZE), hsa);
  }

  private *request<Name extends string>(
    request: number,
    struct: CStruct<Name>,
    fields: Partial<Record<Name, number>>,
  ): Task<{ readonly ret: number; readonly out: Record<Name, number> }> {
    const { sys, fd, scratch } = this;
    yield* sys.storeBytes(scratch, uapi.encodeStruct(struct, fields));
    const ret = yield* sys.ioctl(fd, request, scratch);
    return { ret, out: uapi.decodeStruct(struct, yield* sys.loadBytes(scratch, struct.size)) };
  }

  /** Return: the handle, or a negative errno. */
  *alloc(va_addr: number, mmap_offset: number, size: number, gpu_id = this.hsa.gpus[0]!, flags = USERPTR) {
    const fields = { va_addr, mmap_offset, size, gpu_id, flags };
    const struct = uapi.KFD_ALLOC_MEMORY_OF_GPU;
    const { ret, out } = yield* this.request(uapi.AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, struct, fields);
    return ret < 0 ? ret : out.handle;
  }

  *free(handle: number): Task<number> {
    const struct = uapi.KFD_FREE_MEMORY_OF_GPU;
    return (yield* this.request(uapi.AMDKFD_IOC_FREE_MEMORY_OF_GPU, struct, { handle })).ret;
  }

  /** Return: what it answers, and how many GPUs have it now. */
  *map(handle: number, gpus: readonly number[], n_success = 0, request = uapi.AMDKFD_IOC_MAP_MEMORY_TO_GPU) {
    const device_ids_array_ptr = this.scratch + PAGE_SIZE / 2;
    for (const [n, gpu] of gpus.entries()) yield* this.sys.store32(device_ids_array_ptr + n * 4, gpu);
    const fields = { handle, device_ids_array_ptr, n_devices: gpus.length, n_success };
    const { ret, out } = yield* this.request(request, uapi.KFD_MAP_MEMORY_TO_GPU, fields);
    return [ret, out.n_success];
  }

  unmap(handle: number, gpus: readonly number[]): Task<number[]> {
    return this.map(handle, gpus, 0, uapi.AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU);
  }

  /** The GPU copies a word into the program's memory at `to`, which is a buffer too. */
  *gpuReads(gpu: number, va: number, toVa: number, to: number): Task<number> {
    const queue = yield* this.hsa.createQueue(gpu);
    yield* this.hsa.submit(queue, [copyPacket(toVa, va, 4)]);
    if (!(yield* this.hsa.wait(queue, 1000))) return -1;
    yield* this.hsa.destroyQueue(queue);
    return yield* this.sys.load32(to);
  }
}

/** What the program comes to on a machine of these GPUs, which is whole after it. */
function on<R>(
  body: (sys: Sys) => Task<R>,
  params: Record<string, string> = {},
  machineOptions: Partial<Parameters<typeof describeMachine>[0]> = {},
): R {
  const module = { name: 'amdgpu', params } as const;
  const machine = Machine.bootAs(describeMachine({ kernel: '6.12', module, ...machineOptions }));
  t.equal(machine.loadModule('amdgpu', params), 0);
  const result = machine.call(machine.spawn('p0'), body);
  machine.leakCheck();
  return result;
}

const TWO = { sim_gpus: '2' };

t.test('GPUs have the buffer at an address of their own', async (t) => {
  const words = on(
    function* (sys) {
      const kfd = yield* Kfd.open(sys);
      const [one, two] = kfd.hsa.gpus as [number, number];
      const addr = yield* map(sys, 4 * PAGE_SIZE);
      yield* sys.store32(addr + PAGE_SIZE, 5);
      const handle = yield* kfd.alloc(VA, addr, 4 * PAGE_SIZE, two);
      t.equal(Math.floor(handle / 2 ** 32), two, 'the high half is the GPU that it was asked of');
      t.strictSame(yield* kfd.map(handle, [one, two]), [0, 2]);
      t.strictSame(yield* kfd.map(handle, [one, two]), [0, 2], 'once more, which does nothing');
      const words = [yield* kfd.gpuReads(one, VA + PAGE_SIZE, VA, addr)];
      // The page is another one now, and the GPU's too.
      yield* sys.madvise(addr + PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
      words.push(yield* kfd.gpuReads(two, VA + PAGE_SIZE, VA, addr));
      yield* sys.store32(addr + PAGE_SIZE, 7);
      words.push(yield* kfd.gpuReads(one, VA + PAGE_SIZE, VA, addr));
      t.equal(yield* kfd.free(handle), -EBUSY);
      t.strictSame(yield* kfd.unmap(handle, [one, two]), [0, 2]);
      t.strictSame(yield* kfd.unmap(handle, [one]), [-EINVAL, 0]);
      t.equal(yield* kfd.free(handle), 0);
      t.equal(yield* kfd.free(handle), -EINVAL);
      return words;
    },
    TWO,
    { check: true },
  );
  t.strictSame(words, [5, 0, 7]);
});

t.test('what requests refuse', async (t) => {
  on(function* (sys) {
    const kfd = yield* Kfd.open(sys);
    const [gpu] = kfd.hsa.gpus as [number];
    const addr = yield* map(sys, 4 * PAGE_SIZE);
    t.equal(yield* kfd.alloc(VA, addr, 0), -EINVAL, 'no size');
    t.equal(yield* kfd.alloc(VA, 0, PAGE_SIZE), -EINVAL, 'no address');
    t.equal(yield* kfd.alloc(VA, addr, PAGE_SIZE, 1), -EINVAL, 'no such GPU');
    t.equal(yield* kfd.alloc(VA, addr, 2 ** 46), -ENOMEM, 'more than there is');
    yield* sys.munmap(addr + 3 * PAGE_SIZE, PAGE_SIZE);
    t.equal(yield* kfd.alloc(VA, addr + 3 * PAGE_SIZE, PAGE_SIZE), -EFAULT, 'nothing is mapped');
    t.equal(yield* kfd.alloc(VA, addr, 4 * PAGE_SIZE), -EFAULT, 'not all is mapped');
    const nowhere = yield* kfd.alloc(0, addr, PAGE_SIZE);
    t.strictSame(yield* kfd.map(nowhere, [gpu]), [-EINVAL, 0], 'at no address');
    const amid = yield* kfd.alloc(VA + 16, addr, PAGE_SIZE);
    t.strictSame(yield* kfd.map(amid, [gpu]), [-EINVAL, 0], 'amid a page');
    const handle = yield* kfd.alloc(VA, addr, PAGE_SIZE);
    t.strictSame(yield* kfd.map(handle, []), [-EINVAL, 0], 'no GPU');
    t.strictSame(yield* kfd.map(handle, [gpu], 2), [-EINVAL, 2], 'more done than there are');
    t.strictSame(yield* kfd.map(handle, [gpu, 1]), [-EINVAL, 1], 'the second is none');
    t.strictSame(yield* kfd.map(handle + 99, [gpu]), [-ENOMEM, 0], 'no such buffer');
    const again = yield* kfd.alloc(VA, addr + PAGE_SIZE, PAGE_SIZE);
    t.strictSame(yield* kfd.map(again, [gpu]), [-EINVAL, 0], 'where another one is');
    const location = [{ type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: gpu }];
    t.equal(yield* kfd.hsa.svmSet(addr + 2 * PAGE_SIZE, PAGE_SIZE, location), 0);
    t.equal(yield* kfd.alloc(addr + 2 * PAGE_SIZE, addr, PAGE_SIZE), -EADDRINUSE, 'memory is at the address');
    t.equal(yield* kfd.alloc(VA, addr, 3 * PAGE_SIZE), -EADDRINUSE, 'its memory is shared memory');
  });
});

t.test('without a page table there is no buffer', async (t) => {
  const ret = on(function* (sys) {
    const fd = yield* sys.open('/dev/kfd', O_RDWR);
    const addr = yield* map(sys, PAGE_SIZE);
    const gpu_id = 0x9d1c;
    const fields = { va_addr: VA, mmap_offset: addr, size: PAGE_SIZE, gpu_id, flags: USERPTR };
    yield* sys.storeBytes(addr, uapi.encodeStruct(uapi.KFD_ALLOC_MEMORY_OF_GPU, fields));
    return yield* sys.ioctl(fd, uapi.AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, addr);
  });
  t.equal(ret, -ENODEV);
});

t.test('the GPU cannot write a buffer that is not writable', async (t) => {
  const done = on(function* (sys) {
    const kfd = yield* Kfd.open(sys);
    const [gpu] = kfd.hsa.gpus as [number];
    const addr = yield* map(sys, PAGE_SIZE);
    const flags = uapi.KFD_IOC_ALLOC_MEM_FLAGS_USERPTR;
    yield* kfd.map(yield* kfd.alloc(VA, addr, PAGE_SIZE, gpu, flags), [gpu]);
    const queue = yield* kfd.hsa.createQueue(gpu);
    yield* kfd.hsa.submit(queue, [writePacket(VA, 1)]);
    return yield* kfd.hsa.wait(queue, 1000);
  });
  t.equal(done, false);
});

t.test('profilers hear why queues stand still', async (t) => {
  const text = on(function* (sys) {
    const kfd = yield* Kfd.open(sys);
    const [gpu] = kfd.hsa.gpus as [number];
    const addr = yield* map(sys, PAGE_SIZE);
    yield* kfd.map(yield* kfd.alloc(VA, addr, PAGE_SIZE), [gpu]);
    const smi = yield* kfd.hsa.openSmi(gpu);
    const buffer = yield* map(sys, PAGE_SIZE);
    const both = [uapi.KFD_SMI_EVENT_QUEUE_EVICTION, uapi.KFD_SMI_EVENT_QUEUE_RESTORE];
    const mask = both.reduce((bits, event) => bits | uapi.KFD_SMI_EVENT_MASK_FROM_INDEX(event), 0n);
    yield* sys.store32(buffer, Number(mask));
    yield* sys.write(smi, buffer, 8);
    yield* sys.madvise(addr, PAGE_SIZE, MADV_DONTNEED);
    yield* kfd.gpuReads(gpu, VA, VA, addr);
    const length = yield* sys.read(smi, buffer, PAGE_SIZE);
    return String.fromCharCode(...(yield* sys.loadBytes(buffer, length)));
  });
  const lines = text.trimEnd().split('\n');
  t.match(lines[0], /^9 \d+ -\d+ 9d1c 1$/, 'KFD_QUEUE_EVICTION_TRIGGER_USERPTR');
  t.match(lines[1], /^a \d+ -\d+ 9d1c 0$/);
  t.equal(lines.length, 2);
});

/** What the GPU finds in a buffer whose memory the program has unmapped; -1 where it faults. */
const afterUnmap = (kernel: string): number =>
  on(
    function* (sys) {
      const kfd = yield* Kfd.open(sys);
      const [gpu] = kfd.hsa.gpus as [number];
      const addr = yield* map(sys, PAGE_SIZE);
      const result = yield* map(sys, PAGE_SIZE);
      yield* sys.store32(addr, 71);
      yield* kfd.map(yield* kfd.alloc(VA, addr, PAGE_SIZE), [gpu]);
      yield* kfd.map(yield* kfd.alloc(VA + PAGE_SIZE, result, PAGE_SIZE), [gpu]);
      yield* sys.munmap(addr, PAGE_SIZE);
      return yield* kfd.gpuReads(gpu, VA, VA + PAGE_SIZE, result);
    },
    {},
    { kernel },
  );

t.test('memory that is gone: before 7.3 the GPU goes on with the page that is free', async (t) => {
  t.strictSame(['6.1', '6.12', '7.3'].map(afterUnmap), [71, 71, -1]);
});

const GIB = 2 ** 30;

/** Another thread throws a page away that the first of two walks has come by. Return: what the request answers, after how many seconds, and what the GPU reads. */
const whileWalking = (bugs: readonly string[]) =>
  on(
    function* (sys) {
      const kfd = yield* Kfd.open(sys);
      const [gpu] = kfd.hsa.gpus as [number];
      const addr = yield* map(sys, 2 * GIB + PAGE_SIZE);
      const result = yield* map(sys, PAGE_SIZE);
      yield* sys.store32(addr, 71);
      const thread = yield* sys.pthread_create(function* (own) {
        yield* own.nanosleep(100_000);
        yield* own.madvise(addr, PAGE_SIZE, MADV_DONTNEED);
      });
      yield* sys.nanosleep(1);
      const began = sys.gettimeofday();
      let handle = yield* kfd.alloc(VA, addr, 2 * GIB + PAGE_SIZE);
      const seconds = Math.floor((sys.gettimeofday() - began) / 1e6);
      const answer = Math.min(handle, 0);
      if (typeof thread !== 'number') yield* thread.join();
      if (handle < 0) handle = yield* kfd.alloc(VA, addr, 2 * GIB + PAGE_SIZE);
      yield* kfd.map(handle, [gpu]);
      yield* kfd.map(yield* kfd.alloc(VA + 4 * GIB, result, PAGE_SIZE), [gpu]);
      return { answer, seconds, word: yield* kfd.gpuReads(gpu, VA, VA + 4 * GIB, result) };
    },
    {},
    { memory: 8 * GIB, thp: 'always', bugs },
  );

t.test('what is invalidated between two walks is told to whoever asks', async (t) => {
  t.strictSame(whileWalking([]), { answer: -EAGAIN, seconds: 0, word: 0 });
  // The sequence of the second walk is newer than the page; amdkfd has counted, and finds the page again.
  t.strictSame(whileWalking(['amdgpu-sequence-by-walk']), { answer: 0, seconds: 0, word: 0 });
  t.strictSame(whileWalking(['amdgpu-stale-retry']), { answer: -EAGAIN, seconds: 1, word: 0 });
});

t.test('a buffer of 3 GiB', async (t) => {
  const words = on(
    function* (sys) {
      const kfd = yield* Kfd.open(sys);
      const [gpu] = kfd.hsa.gpus as [number];
      const addr = yield* map(sys, 3 * GIB);
      yield* sys.store32(addr + 2 * GIB, 9);
      yield* kfd.map(yield* kfd.alloc(VA, addr, 3 * GIB), [gpu]);
      const words = [yield* kfd.gpuReads(gpu, VA + 2 * GIB, VA, addr)];
      yield* sys.madvise(addr + 2 * GIB, PAGE_SIZE, MADV_DONTNEED);
      words.push(yield* kfd.gpuReads(gpu, VA + 2 * GIB, VA, addr));
      return words;
    },
    {},
    { memory: 8 * GIB, thp: 'always' },
  );
  t.strictSame(words, [9, 0]);
});
