// SPDX-License-Identifier: GPL-2.0-only
/** Files of DAX file systems: who waits for whose page, until when, and what references idle pages have. */
import t from 'tap';
import { Machine, type Process } from '../../src/machine/machine.js';
import { idle_device_refs } from '../../src/mm/memremap.js';
import { Hang, ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { EBUSY, EINVAL, ENODEV, ENOENT, ENOSPC, ENOTBLK } from '../../src/uapi/errno.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../../src/uapi/fcntl.js';
import {
  decodeGupTest,
  encodeGupTest,
  GUP_TEST,
  PIN_BASIC_TEST,
  PIN_LONGTERM_BENCHMARK,
} from '../../src/uapi/gup_test.js';
import {
  MADV_REMOVE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
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
const PATH = '/mnt/pmem0/f';
const KERNELS = ['v5-generic', 'v4-coherent', '6.1', '6.12', '7.3'] as const;

/** What sleeps, by the file system. */
const WAITS = { ext4: 'ext4_wait_dax_page', xfs: 'xfs_wait_dax_page', fuse: 'fuse_wait_dax_page' } as const;

function boot(kernel: string, bugs: readonly string[] = []): Machine {
  const machine = Machine.boot({ kernel, bugs, check: true });
  t.equal(machine.loadModule('nd_pmem', {}), 0);
  return machine;
}

/** A file of `pages` pages, mapped and written: page i is full of i + 1. */
function* mappedFile(sys: Sys, fs: string, pages: number): Task<{ fd: number; addr: number }> {
  yield* sys.mount('/dev/pmem0', '/mnt/pmem0', fs, 'dax');
  const fd = yield* sys.open(PATH, O_CREAT | O_RDWR);
  yield* sys.ftruncate(fd, pages * PAGE_SIZE);
  const addr = yield* sys.mmap(0, pages * PAGE_SIZE, RW, MAP_SHARED, fd, 0);
  for (let i = 0; i < pages; i++) yield* sys.storeSeq(addr + i * PAGE_SIZE, 1024, i + 1, 0);
  return { fd, addr };
}

/** Keep a page as DMA does. Return: the holder's file. */
function* hold(sys: Sys, addr: number): Task<number> {
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  const arg = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  yield* sys.storeBytes(arg, encodeHeldRange(addr, 1));
  yield* sys.ioctl(holder, PAGE_HOLDER_GET, arg);
  return holder;
}

interface Held {
  readonly machine: Machine;
  readonly process: Process;
  readonly holder: number;
  readonly fd: number;
  readonly addr: number;
}

/** A machine where the second of two pages of a file is kept. */
function held(kernel: string, fs: string, bugs: readonly string[] = []): Held {
  const machine = boot(kernel, bugs);
  const process = machine.spawn('p0');
  const { fd, addr, holder } = machine.call(process, function* (sys) {
    const file = yield* mappedFile(sys, fs, 2);
    return { ...file, holder: yield* hold(sys, file.addr + PAGE_SIZE) };
  });
  return { machine, process, holder, fd, addr };
}

/** The tasks that sleep, by where they do. */
const sleeping = (machine: Machine): string[] => [...machine.executor.tasks()].map(({ where }) => where);

/** Let another thread of the process do it, as far as it gets. */
function inThread({ machine, process }: Held, body: (sys: Sys) => Task<void>): void {
  machine.call(process, function* (sys) {
    yield* sys.pthread_create(body);
  });
  machine.settle();
}

/** What takes the page away, in one way or another. */
const TAKES = {
  truncate: (sys: Sys, { fd }: Held) => sys.ftruncate(fd, PAGE_SIZE),
  punch: (sys: Sys, { fd }: Held) =>
    sys.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE_SIZE, PAGE_SIZE),
  remove: (sys: Sys, { addr }: Held) => sys.madvise(addr + PAGE_SIZE, PAGE_SIZE, MADV_REMOVE),
} as const;

/** Before 6.15 and its backports, fuse waits for the first page of a file alone. */
const FIRST_ALONE = ['v5-generic', 'v4-coherent'];

const waits = (kernel: string, fs: string): boolean => fs !== 'fuse' || !FIRST_ALONE.includes(kernel);

t.test('who takes a page from a file waits until it is let go of', (t) => {
  for (const kernel of KERNELS) {
    for (const [fs, where] of Object.entries(WAITS).filter(([fs]) => waits(kernel, fs))) {
      for (const [way, take] of Object.entries(TAKES)) {
        const it = held(kernel, fs);
        const { machine, process, holder } = it;
        const order: string[] = [];
        inThread(it, function* (sys) {
          const ret = yield* take(sys, it);
          order.push(`${way} ${ret}`);
        });
        t.strictSame(sleeping(machine), [where], `${kernel} ${fs} ${way}`);
        machine.call(process, function* (sys) {
          order.push('put');
          return yield* sys.ioctl(holder, PAGE_HOLDER_PUT, 0);
        });
        machine.settle();
        t.strictSame(order, ['put', `${way} 0`], `${kernel} ${fs} ${way}`);
        t.strictSame(machine.kernel.warnings, 0);
        machine.leakCheck();
      }
    }
  }
  t.end();
});

t.test('fuse once waited for the first page of a file alone, whatever was to go', (t) => {
  for (const kernel of FIRST_ALONE) {
    for (const take of Object.values(TAKES)) {
      const { machine, process, ...it } = held(kernel, 'fuse');
      t.equal(
        machine.call(process, (sys) => take(sys, { machine, process, ...it })),
        0,
      );
      t.match(machine.dmesg.join(), /WARNING: dax_disassociate_entry: the page is in use/, kernel);
    }
    const it = held(kernel, 'fuse');
    const { machine, process, addr, fd } = it;
    machine.call(process, (sys) => hold(sys, addr));
    inThread(it, function* (sys) {
      yield* sys.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE_SIZE, PAGE_SIZE);
    });
    t.strictSame(sleeping(machine), [WAITS.fuse], kernel);
  }
  t.end();
});

t.test('what nobody maps any more is waited for since 6.15', (t) => {
  for (const kernel of KERNELS) {
    const it = held(kernel, 'xfs');
    const { machine, process, addr, fd } = it;
    machine.call(process, (sys) => sys.munmap(addr, 2 * PAGE_SIZE));
    inThread(it, function* (sys) {
      yield* sys.ftruncate(fd, 0);
    });
    const looks = kernel === '7.3';
    t.strictSame(sleeping(machine), looks ? [WAITS.xfs] : [], kernel);
    t.equal(machine.kernel.warnings, looks ? 0 : 1, kernel);
  }
  t.end();
});

t.test('a hole behind the end of a file is waited for, but on ext4 before 6.14', (t) => {
  const looksFirst = ['v5-generic', 'v4-coherent', '6.1'];
  const behind = (sys: Sys, { fd }: Held) =>
    sys.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE_SIZE, PAGE_SIZE);
  for (const kernel of KERNELS) {
    for (const [fs, where] of Object.entries(WAITS).filter(([fs]) => waits(kernel, fs))) {
      const it = held(kernel, fs);
      const { machine, process, holder } = it;
      let ret: number | undefined;
      inThread(it, function* (sys) {
        ret = yield* behind(sys, it);
      });
      const at = fs === 'ext4' && looksFirst.includes(kernel) ? [] : [where];
      t.strictSame(sleeping(machine), at, `${kernel} ${fs}`);
      machine.call(process, (sys) => sys.ioctl(holder, PAGE_HOLDER_PUT, 0));
      machine.settle();
      t.equal(ret, 0, `${kernel} ${fs}`);
      machine.leakCheck();
    }
  }
  t.end();
});

t.test('a hole that is mapped shows what is written to it through the file, as generic/428 asks', (t) => {
  for (const kernel of KERNELS) {
    const machine = boot(kernel);
    const seen = machine.call(machine.spawn('p0'), function* (sys) {
      yield* sys.mount('/dev/pmem0', '/mnt/pmem0', 'ext4', 'dax');
      const fd = yield* sys.open(PATH, O_CREAT | O_RDWR);
      yield* sys.ftruncate(fd, PAGE_SIZE);
      const own = [MAP_SHARED, MAP_PRIVATE];
      const addrs: number[] = [];
      for (const flags of own) addrs.push(yield* sys.mmap(0, PAGE_SIZE, PROT_READ, flags, fd, 0));
      const words: number[] = [];
      for (const addr of addrs) words.push(yield* sys.load32(addr));
      const buffer = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      yield* sys.storeSeq(buffer, 1024, 64, 0);
      yield* sys.pwrite(fd, buffer, PAGE_SIZE, 0);
      for (const addr of addrs) words.push(yield* sys.load32(addr));
      return words;
    });
    t.strictSame(seen, [0, 0, 64, 64], kernel);
    machine.leakCheck();
  }
  t.end();
});

t.test('a hole with ragged ends frees whole pages, and clears the rest of those at its ends', (t) => {
  for (const kernel of KERNELS) {
    for (const fs of Object.keys(WAITS)) {
      const machine = boot(kernel);
      const words = machine.call(machine.spawn('p0'), function* (sys) {
        const { fd, addr } = yield* mappedFile(sys, fs, 4);
        const half = PAGE_SIZE / 2;
        yield* sys.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, half, 3 * PAGE_SIZE);
        const seen: number[] = [];
        for (let at = 0; at < 4 * PAGE_SIZE; at += half) seen.push(yield* sys.load32(addr + at));
        return seen;
      });
      t.strictSame(words, [1, 0, 0, 0, 0, 0, 0, 4], `${kernel} ${fs}`);
      machine.leakCheck();
    }
  }
  t.end();
});

t.test('a signal ends the wait, and the file is as it was', (t) => {
  for (const kernel of KERNELS) {
    const it = held(kernel, 'ext4');
    const { machine, process } = it;
    let answered: number | undefined;
    inThread(it, function* (sys) {
      answered = yield* TAKES.truncate(sys, it);
    });
    t.strictSame(sleeping(machine), [WAITS.ext4], kernel);
    machine.kill(process);
    t.notOk(process.alive, kernel);
    // The call never comes back to the program, which is gone.
    t.equal(answered, undefined, kernel);
    const other = machine.spawn('p1');
    const bytes = machine.call(other, function* (sys) {
      const fd = yield* sys.open(PATH, O_RDWR);
      const buffer = yield* sys.mmap(0, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return yield* sys.pread(fd, buffer, 2 * PAGE_SIZE, 0);
    });
    t.equal(bytes, 2 * PAGE_SIZE, kernel);
    machine.leakCheck();
  }
  t.end();
});

t.test('a wait that nobody ends is a hang', (t) => {
  const it = held('6.12', 'xfs');
  t.throws(
    () => it.machine.call(it.process, (sys) => TAKES.truncate(sys, it)),
    new Hang(WAITS.xfs, 'waits for ever'),
  );
  t.end();
});

t.test('where nobody waits, dax_disassociate_entry() warns', (t) => {
  for (const kernel of KERNELS) {
    const it = held(kernel, 'ext4', ['dax-truncate-early']);
    const { machine, process } = it;
    t.equal(
      machine.call(process, (sys) => TAKES.truncate(sys, it)),
      0,
      kernel,
    );
    t.match(machine.dmesg.join(), /WARNING: dax_disassociate_entry: the page is in use/, kernel);
  }
  t.end();
});

t.test('an idle page has one reference up to 6.12, and none in v5-generic and 7.3', (t) => {
  const idle = { 'v5-generic': 0, 'v4-coherent': 1, '6.1': 1, '6.12': 1, '7.3': 0 };
  // Who maps it counts in 7.3 alone, who keeps it everywhere.
  const mapped = { ...idle, '7.3': 1 };
  for (const kernel of KERNELS) {
    const { machine, process, holder } = held(kernel, 'ext4');
    const { refcount } = machine.kernel.mem;
    const first = machine.kernel.pgmaps.find((pgmap) => pgmap?.type === 'MEMORY_DEVICE_FS_DAX')!.firstPage;
    t.equal(idle_device_refs(machine.kernel, first), idle[kernel], kernel);
    t.equal(refcount[first], mapped[kernel], kernel);
    t.equal(refcount[first + 1], mapped[kernel] + 1, kernel);
    machine.call(process, (sys) => sys.ioctl(holder, PAGE_HOLDER_PUT, 0));
    t.equal(refcount[first + 1], mapped[kernel], kernel);
    machine.kill(process);
    t.equal(refcount[first], idle[kernel], kernel);
  }
  t.end();
});

/** How many pages gup_test got of one. */
function* gupTest(sys: Sys, request: number, addr: number): Task<number> {
  const gup = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  const arg = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const struct = { addr, size: PAGE_SIZE, nr_pages_per_call: 1, gup_flags: 1 };
  yield* sys.storeBytes(arg, encodeGupTest(new Uint8Array(GUP_TEST.size), struct));
  const ret = yield* sys.ioctl(gup, request, arg);
  if (ret < 0) return ret;
  return Number(decodeGupTest(yield* sys.loadBytes(arg, GUP_TEST.size)).size) / PAGE_SIZE;
}

t.test('a longterm pin of a DAX file is refused', (t) => {
  for (const kernel of KERNELS) {
    const machine = boot(kernel);
    const answers = machine.call(machine.spawn('p0'), function* (sys) {
      const { addr } = yield* mappedFile(sys, 'ext4', 1);
      const short = yield* gupTest(sys, PIN_BASIC_TEST, addr);
      return { short, long: yield* gupTest(sys, PIN_LONGTERM_BENCHMARK, addr) };
    });
    // The posting lets get_user_pages() have an idle page, not pin_user_pages().
    const warns = kernel === 'v5-generic';
    t.equal(answers.short, warns ? 0 : 1, kernel);
    t.equal(machine.kernel.warnings, warns ? 1 : 0, kernel);
    t.equal(answers.long, 0, kernel);
    machine.leakCheck();
  }
  t.end();
});

t.test('mount, umount and unlink', (t) => {
  const machine = boot('6.12');
  const said = machine.call(machine.spawn('p0'), function* (sys) {
    const answers: number[] = [];
    answers.push(yield* sys.mount('/dev/pmem2', '/mnt/a', 'ext4', 'dax'));
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/a', 'btrfs', 'dax'));
    answers.push(yield* sys.mount('/proc/meminfo', '/mnt/a', 'ext4', 'dax'));
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/a', 'ext4', 'noatime'));
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/a', 'ext4', 'dax'));
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/b', 'ext4', 'dax'));
    answers.push(yield* sys.open('/mnt/a/f', O_RDWR));
    const fd = yield* sys.open('/mnt/a/f', O_CREAT | O_RDWR);
    const buffer = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    yield* sys.storeSeq(buffer, 1024, 64, 0);
    yield* sys.pwrite(fd, buffer, PAGE_SIZE, 0);
    answers.push(yield* sys.umount('/mnt/a'));
    yield* sys.close(fd);
    answers.push(yield* sys.umount('/mnt/a'), yield* sys.umount('/mnt/a'));
    // The file system is on the device, and no other one.
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/b', 'xfs', 'dax'));
    answers.push(yield* sys.mount('/dev/pmem0', '/mnt/b', 'ext4', 'dax'));
    const again = yield* sys.open('/mnt/b/f', O_RDWR);
    const addr = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE, again, 0);
    answers.push(yield* sys.load32(addr));
    answers.push(yield* sys.unlink('/mnt/b/f'), yield* sys.unlink('/mnt/b/f'));
    // Mapped, the file lives on.
    answers.push(yield* sys.load32(addr));
    return answers;
  });
  const mounts = [-ENOENT, -ENODEV, -ENOTBLK, -EINVAL, 0, -EBUSY, -ENOENT];
  t.strictSame(said, [...mounts, -EBUSY, 0, -EINVAL, -EINVAL, 0, 64, 0, -ENOENT, 64]);
  machine.leakCheck();
  t.end();
});

t.test('a device that is full, and has room again', (t) => {
  const machine = Machine.boot({ kernel: '6.12', check: true });
  machine.loadModule('nd_pmem', { sim_size: String(2 * 2 ** 20) });
  const said = machine.call(machine.spawn('p0'), function* (sys) {
    yield* sys.mount('/dev/pmem0', '/mnt/pmem0', 'ext4', 'dax');
    const fd = yield* sys.open(PATH, O_CREAT | O_RDWR);
    const buffer = yield* sys.mmap(0, 513 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const first = yield* sys.pwrite(fd, buffer, 513 * PAGE_SIZE, 0);
    const more = yield* sys.pwrite(fd, buffer, PAGE_SIZE, first);
    yield* sys.ftruncate(fd, 600 * PAGE_SIZE);
    const addr = yield* sys.mmap(0, 600 * PAGE_SIZE, RW, MAP_SHARED, fd, 0);
    const hole = yield* sys.tryStorePage(addr + 599 * PAGE_SIZE, 1);
    yield* sys.ftruncate(fd, PAGE_SIZE);
    const after = yield* sys.pwrite(fd, buffer, PAGE_SIZE, PAGE_SIZE);
    return { first, more, hole, after };
  });
  t.strictSame(said, { first: 512 * PAGE_SIZE, more: -ENOSPC, hole: 'SIGBUS', after: PAGE_SIZE });
  machine.leakCheck();
  t.end();
});

t.test('modprobe refuses a size that is no whole 2 MiB; rmmod waits for umount()', (t) => {
  const machine = Machine.boot({ kernel: '6.12' });
  t.equal(machine.loadModule('nd_pmem', { sim_size: '4096' }), -EINVAL);
  t.equal(machine.loadModule('nd_pmem', {}), 0);
  const process = machine.spawn('p0');
  machine.call(process, (sys) => sys.mount('/dev/pmem0', '/mnt/pmem0', 'ext4', 'dax'));
  t.throws(() => machine.unloadModule('nd_pmem'), new Hang('delete_module', 'waits for ever'));
  t.end();
});

t.test('a process that dies in a fault of a truncated page is no hang', (t) => {
  const machine = boot('6.12');
  const process = machine.spawn('p0');
  const beyond = function* (sys: Sys): Task<number> {
    const { fd, addr } = yield* mappedFile(sys, 'ext4', 2);
    yield* sys.ftruncate(fd, PAGE_SIZE);
    return yield* sys.load32(addr + PAGE_SIZE);
  };
  t.throws(() => machine.call(process, beyond), ProcessDied);
  t.equal(process.signal, 'SIGBUS');
  t.end();
});
