// SPDX-License-Identifier: GPL-2.0-only
/** Files of fuse through a window of device memory: what becomes of them when the window is full. */
import t from 'tap';
import type { Process } from '../../src/kernel/process.js';
import { Machine } from '../../src/machine/machine.js';
import type { FuseConnDax } from '../../src/mm/fuse_dax.js';
import type { Task } from '../../src/sim/task.js';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  PMD_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import {
  encodeHeldRange,
  PAGE_HOLDER_FILE,
  PAGE_HOLDER_GET,
  PAGE_HOLDER_PUT,
} from '../../src/uapi/page_holder.js';
import type { Sys } from '../../src/user/api.js';

const RW = PROT_READ | PROT_WRITE;
const KERNELS = ['6.1', '6.12', '7.3'] as const;

/** A machine whose window has so many ranges of 2 MiB, and a file of `pages` pages, mapped. */
class Guest {
  readonly machine: Machine;
  readonly process: Process;
  readonly fd: number;
  readonly addr: number;

  constructor(kernel: string, ranges: number, pages: number) {
    this.machine = Machine.boot({ kernel, check: true });
    t.equal(this.machine.loadModule('nd_pmem', { sim_size: `${ranges * PMD_SIZE}` }), 0);
    this.process = this.machine.spawn('p0');
    const { fd, addr } = this.run(function* (sys) {
      t.equal(yield* sys.mount('/dev/pmem0', '/mnt/pmem0', 'fuse', 'dax'), 0);
      const file = yield* sys.open('/mnt/pmem0/f', O_CREAT | O_RDWR);
      yield* sys.ftruncate(file, pages * PAGE_SIZE);
      return { fd: file, addr: yield* sys.mmap(0, pages * PAGE_SIZE, RW, MAP_SHARED, file, 0) };
    });
    this.fd = fd;
    this.addr = addr;
  }

  run<T>(main: (sys: Sys) => Task<T>): T {
    return this.machine.call(this.process, main);
  }

  /** Another thread does it, as far as it gets. */
  begin(main: (sys: Sys) => Task<void>): void {
    this.run(function* (sys) {
      yield* sys.pthread_create(main);
    });
    this.machine.settle();
  }

  get sleeping(): string[] {
    return [...this.machine.executor.tasks()].map(({ where }) => where);
  }

  get window(): FuseConnDax {
    const [mapping] = this.machine.kernel.mappings.filter((one) => one?.kind === 'dax');
    return mapping!.dax!.sb.window as FuseConnDax;
  }

  end(): void {
    this.machine.kill(this.process);
    t.strictSame(this.machine.kernel.warnings, 0);
    this.machine.leakCheck();
  }
}

/** Keep a page as DMA does. Return: the holder's file. */
function* hold(sys: Sys, addr: number): Task<number> {
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  const arg = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  yield* sys.storeBytes(arg, encodeHeldRange(addr, 1));
  t.equal(yield* sys.ioctl(holder, PAGE_HOLDER_GET, arg), 1);
  return holder;
}

t.test('a file that is larger than the window is seen whole, a part at a time', (t) => {
  for (const kernel of KERNELS) {
    const guest = new Guest(kernel, 2, 5 * 512);
    const { fd, addr } = guest;
    guest.run(function* (sys) {
      for (let n = 0; n < 5; n++) yield* sys.store32(addr + n * PMD_SIZE, n + 1);
      for (let n = 0; n < 5; n++) t.equal(yield* sys.load32(addr + n * PMD_SIZE), n + 1, kernel);
      // read() and write() take from the file's own ranges what they need.
      const buffer = yield* sys.malloc(8);
      for (let n = 4; n >= 0; n--) {
        t.equal(yield* sys.pread(fd, buffer, 4, n * PMD_SIZE), 4);
        t.equal(yield* sys.load32(buffer), n + 1);
        yield* sys.store32(buffer, 10 + n);
        t.equal(yield* sys.pwrite(fd, buffer, 4, n * PMD_SIZE), 4);
      }
      for (let n = 0; n < 5; n++) t.equal(yield* sys.load32(addr + n * PMD_SIZE), 10 + n, kernel);
    });
    guest.end();
  }
  t.end();
});

t.test('a fault waits for a range, and the worker for whoever has a page of one', (t) => {
  for (const kernel of KERNELS) {
    const guest = new Guest(kernel, 1, 2 * 512);
    const { addr } = guest;
    const order: string[] = [];
    const holder = guest.run(function* (sys) {
      yield* sys.store32(addr, 1);
      return yield* hold(sys, addr);
    });
    guest.begin(function* (sys) {
      yield* sys.store32(addr + PMD_SIZE, 2);
      order.push('stored');
    });
    t.strictSame(guest.sleeping.sort(), ['__fuse_dax_fault', 'fuse_wait_dax_page'], kernel);
    t.strictSame(order, [], kernel);
    t.equal(guest.window.nr_free_ranges, 0);
    guest.run(function* (sys) {
      order.push('put');
      yield* sys.ioctl(holder, PAGE_HOLDER_PUT, 0);
    });
    guest.machine.settle();
    t.strictSame(order, ['put', 'stored'], kernel);
    guest.run(function* (sys) {
      t.equal(yield* sys.load32(addr), 1);
      t.equal(yield* sys.load32(addr + PMD_SIZE), 2);
    });
    guest.end();
  }
  t.end();
});

t.test('read() of a file that has no range waits until another one gives its own back', async (t) => {
  const guest = new Guest('6.12', 1, 512);
  const { addr } = guest;
  const order: string[] = [];
  const { other, holder } = guest.run(function* (sys) {
    const file = yield* sys.open('/mnt/pmem0/g', O_CREAT | O_RDWR);
    yield* sys.ftruncate(file, PAGE_SIZE);
    yield* sys.store32(addr, 1);
    return { other: file, holder: yield* hold(sys, addr) };
  });
  guest.begin(function* (sys) {
    const buffer = yield* sys.malloc(4);
    order.push(`read ${yield* sys.pread(other, buffer, 4, 0)}`);
  });
  t.strictSame(guest.sleeping.sort(), ['alloc_dax_mapping_reclaim', 'fuse_wait_dax_page']);
  guest.run(function* (sys) {
    yield* sys.ioctl(holder, PAGE_HOLDER_PUT, 0);
  });
  guest.machine.settle();
  t.strictSame(order, ['read 4']);
  guest.end();
});

t.test(
  'what is cut off is cut off at the server, shown or not; what is there survives umount()',
  async (t) => {
    const guest = new Guest('6.12', 1, 2 * 512);
    const { addr, fd } = guest;
    guest.run(function* (sys) {
      yield* sys.storeSeq(addr, 1024, 7, 0);
      yield* sys.storeSeq(addr + PMD_SIZE, 1024, 8, 0);
      yield* sys.storeSeq(addr + PMD_SIZE + PAGE_SIZE, 1024, 9, 0);
      // The window shows the first range now.
      t.equal(yield* sys.load32(addr), 7);
      t.equal(yield* sys.ftruncate(fd, PMD_SIZE + 8), 0);
      t.equal(yield* sys.ftruncate(fd, 2 * PMD_SIZE), 0);
      const words: number[] = [];
      for (const at of [4, 8, PAGE_SIZE]) words.push(yield* sys.load32(addr + PMD_SIZE + at));
      t.strictSame(words, [8, 0, 0]);
      yield* sys.munmap(addr, 2 * PMD_SIZE);
      yield* sys.close(fd);
      t.equal(yield* sys.umount('/mnt/pmem0'), 0);
      t.equal(yield* sys.mount('/dev/pmem0', '/mnt/pmem0', 'fuse', 'dax'), 0);
      const again = yield* sys.open('/mnt/pmem0/f', O_RDWR);
      const buffer = yield* sys.malloc(4);
      t.equal(yield* sys.pread(again, buffer, 4, PMD_SIZE + 4), 4);
      t.equal(yield* sys.load32(buffer), 8);
      yield* sys.close(again);
      t.equal(yield* sys.unlink('/mnt/pmem0/f'), 0);
      const empty = yield* sys.open('/mnt/pmem0/f', O_CREAT | O_RDWR);
      yield* sys.ftruncate(empty, PAGE_SIZE);
      t.equal(yield* sys.pread(empty, buffer, 4, 0), 4);
      t.equal(yield* sys.load32(buffer), 0);
    });
    guest.end();
  },
);
