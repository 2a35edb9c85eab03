// SPDX-License-Identifier: GPL-2.0-only
/** Programs that witness behaviours which no step of a scenario reaches. */

import { translate } from '../../src/checkers/tlb.js';
import { amdgpu_hmm_range_get_pages } from '../../src/drivers/amdkfd/amdgpu_hmm.js';
import type { Machine, Process } from '../../src/machine/machine.js';
import { pin_user_pages } from '../../src/mm/gup.js';
import { FOLL_LONGTERM } from '../../src/mm/gup_flags.js';
import { folio_mark_accessed } from '../../src/mm/lru.js';
import {
  MmuIntervalNotifier,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
} from '../../src/mm/mmu_notifier.js';
import { PG_active, PG_workingset } from '../../src/mm/page_flags.js';
import { KSFT_FAIL } from '../../src/selftests/events.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { Hsakmt } from '../../src/selftests/kfdtest/hsakmt.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { Hang } from '../../src/sim/errors.js';
import { type Asked, LockWatch } from '../../src/sim/lock-watch.js';
import { done, type Task } from '../../src/sim/task.js';
import { EINVAL } from '../../src/uapi/errno.js';
import { F_SETFL, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../../src/uapi/fcntl.js';
import {
  decodeGupTest,
  encodeGupTest,
  FOLL_WRITE,
  GUP_TEST,
  PIN_BASIC_TEST,
  PIN_FAST_BENCHMARK,
} from '../../src/uapi/gup_test.js';
import { HMM_DMIRROR_FAULT } from '../../src/uapi/hmm_dmirror.js';
import {
  KFD_IOCTL_SVM_ATTR_PREFETCH_LOC,
  KFD_SMI_EVENT_MASK_FROM_INDEX,
  KFD_SMI_EVENT_MIGRATE_END,
} from '../../src/uapi/kfd_ioctl.js';
import {
  ARCH_MAP_VDSO_64,
  MADV_COLD,
  MADV_DONTNEED_LOCKED,
  MADV_HUGEPAGE,
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CREAT,
  O_DIRECT,
  O_NONBLOCK,
  O_RDWR,
  O_TMPFILE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import { encodeHeldRange, PAGE_HOLDER_FILE, PAGE_HOLDER_GET } from '../../src/uapi/page_holder.js';
import { dmirrorRequest } from '../../src/uapi/test_hmm_uapi.js';
import {
  encodeRequest,
  UFFD_API,
  UFFDIO_API,
  UFFDIO_COPY,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/uapi/userfaultfd.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage, migratePage, migratePageAndKeep } from '../drivers/device_page.js';

export interface WitnessProgram {
  run(machine: Machine): number;
  /** What it comes to on the kernel of its entry. */
  readonly expected: number;
}

const HUGE = 0x200000;

function map(sys: Sys, length: number): Task<number> {
  return sys.mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/** A page below keeps the next mapping away from a boundary of huge pages, unless the kernel seeks one. */
function* offsetInHugePage(sys: Sys): Task<number> {
  yield* map(sys, PAGE_SIZE);
  return (yield* map(sys, 2 * HUGE)) % HUGE;
}

/** Whether gup_test gets the page. */
function* pinned(sys: Sys, addr: number, gup_flags: number): Task<number> {
  const fd = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  const arg = yield* map(sys, PAGE_SIZE);
  const struct = { addr, size: PAGE_SIZE, nr_pages_per_call: 1, gup_flags };
  yield* sys.storeBytes(arg, encodeGupTest(new Uint8Array(GUP_TEST.size), struct));
  yield* sys.ioctl(fd, PIN_BASIC_TEST, arg);
  return Number(decodeGupTest(yield* sys.loadBytes(arg, GUP_TEST.size)).size) / PAGE_SIZE;
}

/** gup_test hands on what it is given; 0x10000 is FOLL_TOUCH, which only mm/gup.c itself may set. */
function* pagesPinned(sys: Sys): Task<number> {
  return yield* pinned(sys, yield* map(sys, PAGE_SIZE), FOLL_WRITE | 0x10000);
}

/** PIN_FAST_BENCHMARK with FOLL_LONGTERM of a page that another thread copies there, as soon as somebody waits for it. */
function* pinnedFromUserfaultfd(sys: Sys): Task<number> {
  const gup = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  const [addr, source] = [yield* map(sys, PAGE_SIZE), yield* map(sys, PAGE_SIZE)];
  const [arg, room] = [yield* map(sys, PAGE_SIZE), yield* map(sys, PAGE_SIZE)];
  yield* sys.storeBytes(source, Uint8Array.of(1));
  const gup_flags = FOLL_WRITE | FOLL_LONGTERM;
  const struct = { addr, size: PAGE_SIZE, nr_pages_per_call: 1, gup_flags };
  yield* sys.storeBytes(arg, encodeGupTest(new Uint8Array(GUP_TEST.size), struct));
  const fd = yield* sys.userfaultfd(O_NONBLOCK);
  const asks: [number, number[]][] = [
    [UFFDIO_API, [UFFD_API, 0]],
    [UFFDIO_REGISTER, [addr, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING]],
  ];
  for (const [request, fields] of asks) {
    yield* sys.storeBytes(room, encodeRequest(request, ...fields));
    yield* sys.ioctl(fd, request, room);
  }
  const thread = yield* sys.pthread_create(function* (other) {
    yield* other.nanosleep(1_000_000);
    yield* other.storeBytes(room, encodeRequest(UFFDIO_COPY, addr, source, PAGE_SIZE, 0));
    yield* other.ioctl(fd, UFFDIO_COPY, room);
  });
  yield* sys.ioctl(gup, PIN_FAST_BENCHMARK, arg);
  if (typeof thread !== 'number') yield* thread.join();
  return Number(decodeGupTest(yield* sys.loadBytes(arg, GUP_TEST.size)).size) / PAGE_SIZE;
}

/** Of four huge pages' room, only the third has anything in it. */
function* protectRoom(sys: Sys): Task<number> {
  yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
  const room = yield* map(sys, 5 * HUGE);
  const start = Math.ceil(room / HUGE) * HUGE;
  yield* sys.store32(start + 2 * HUGE, 1);
  return yield* sys.mprotect(start, 4 * HUGE, PROT_READ);
}

/** Pages that mprotect() tells the mirrors of. */
function pagesInvalidated(machine: Machine): number {
  let pages = 0;
  machine.trace = {
    emit({ event, args }) {
      if (event !== 'mmu_notifier_invalidate_range_start') return;
      if (args?.notify === 'MMU_NOTIFY_PROTECTION_VMA') pages += Number(args.pages);
    },
  };
  machine.call(machine.spawn('p0'), protectRoom);
  return pages;
}

function* dontneedLocked(sys: Sys): Task<number> {
  return yield* sys.madvise(yield* map(sys, PAGE_SIZE), PAGE_SIZE, MADV_DONTNEED_LOCKED);
}

/** Whether a page that was active, and is put to the end of the LRU, knows that it was. */
function coldWasActive(machine: Machine): number {
  const process = machine.spawn('p0');
  const addr = machine.call(process, filledPage);
  const { page } = translate(process.ownMm, addr);
  for (let n = 0; n < 2; n++) folio_mark_accessed(machine.kernel, page);
  machine.call(process, (sys) => sys.madvise(addr, PAGE_SIZE, MADV_COLD));
  const flags = machine.kernel.mem.flags[page]!;
  return (flags & PG_active) === 0 && (flags & PG_workingset) !== 0 ? 1 : 0;
}

// --- pages on a device ------------------------------------------------------------------------------------

/** A process with a page on device `minor`. */
function withDevicePage(machine: Machine, minor: number): { process: Process; addr: number } {
  const process = machine.spawn('p0');
  const addr = machine.call(process, filledPage);
  machine.call(process, (sys) => migratePage(sys, machine.generation, minor, addr, 'TO_DEV'));
  return { process, addr };
}

/** 1 when rmmod waits for a page in use. */
function rmmodWaits(machine: Machine): number {
  withDevicePage(machine, 0);
  try {
    machine.unloadModule('test_hmm');
    return 0;
  } catch (error) {
    if (error instanceof Hang) return 1;
    throw error;
  }
}

/** References of a coherent page that one process maps. */
function coherentReferences(machine: Machine): number {
  const { process, addr } = withDevicePage(machine, 2);
  const { page } = translate(process.mm!, addr);
  return machine.kernel.mem.refcount[page]!;
}

/** How often migration leaves a page alone in `fn`, when a pinned page is to go. */
function skipsOfPinned(
  machine: Machine,
  { process, addr }: { process: Process; addr: number },
  where: 'TO_DEV' | 'TO_SYS',
  fn: string,
): number {
  const pages = new Uint32Array(1);
  machine.call(process, () => pin_user_pages(process.mm!, addr, 1, FOLL_WRITE, pages));
  let skips = 0;
  machine.trace = {
    emit(event) {
      if (event.event === 'skip' && event.fn === fn) skips++;
    },
  };
  machine.call(process, (sys) => migratePage(sys, machine.generation, 2, addr, where));
  return skips;
}

function pinnedLeftByCollect(machine: Machine): number {
  const process = machine.spawn('p0');
  const addr = machine.call(process, filledPage);
  return skipsOfPinned(machine, { process, addr }, 'TO_DEV', 'migrate_vma_collect_pmd');
}

/** Left only when its identity was to move, after the check. */
function pinnedPastTheCheck(machine: Machine): number {
  return skipsOfPinned(machine, withDevicePage(machine, 2), 'TO_SYS', 'folio_migrate_mapping');
}

/** How often handle_mm_fault() is entered for one touch of a private page. */
function faultsOfTouch(machine: Machine): number {
  const process = machine.spawn('p0');
  const addr = machine.call(process, filledPage);
  machine.call(process, (sys) => migratePageAndKeep(sys, machine.generation, 0, addr, 'TO_DEV'));
  let faults = 0;
  machine.kernel.functions = {
    entered(fn) {
      if (fn === 'handle_mm_fault') faults++;
    },
  };
  machine.call(process, (sys) => sys.load32(addr));
  return faults;
}

// --- locks of huge pages -----------------------------------------------------------------------------------

const HUGE_LOCK = 'resv_map rw_sema';

/** A device writes to a huge page of a private mapping, around which nothing has tables yet. */
function writeToHole(machine: Machine): readonly Asked[] {
  const process = machine.spawn('p0');
  const { uapi } = machine.generation;
  const watch = new LockWatch(true);
  machine.call(process, function* (sys) {
    const fd = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
    const addr = yield* sys.mmap(0x10_0000_0000, HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    const arg = yield* sys.malloc(64);
    const fields = { addr, ptr: yield* sys.malloc(PAGE_SIZE), npages: 1 };
    yield* sys.storeBytes(arg, uapi.cmd.encode(new Uint8Array(uapi.cmd.size), fields));
    machine.executor.locks = watch;
    return yield* sys.ioctl(fd, dmirrorRequest(uapi, 'WRITE')!, arg);
  });
  return watch.takeAsked();
}

/** Places where the fault might have to wait for the lock of the mapping. */
function waitsForHugeLock(machine: Machine): number {
  return writeToHole(machine).filter((one) => one.where === 'hugetlb_fault' && one.mayWaitFor === HUGE_LOCK)
    .length;
}

/** Places where the walk has it when its fault might have to wait. */
function faultsWithHugeLock(machine: Machine): number {
  return writeToHole(machine).filter(
    ({ mayWaitFor, holds }) =>
      mayWaitFor === 'hugetlb_fault_mutex' && holds.some(({ lock }) => lock === HUGE_LOCK),
  ).length;
}

// --- the suite --------------------------------------------------------------------------------------------

/** How many variants of a test fail. */
function failures(machine: Machine, name: string): number {
  const filters = [{ option: 't', name }] as const;
  let failed = 0;
  const run = test_harness_run({
    suite: hmmTests(machine.generation),
    filters,
    machine: () => machine,
    onEvent: (event) => {
      if (event.type === 'result' && event.code === KSFT_FAIL) failed++;
    },
  });
  for (let step = run.next(); !step.done; step = run.next());
  return failed;
}

// --- files of a DAX file system ---------------------------------------------------------------------------

/** The file /mnt/pmem0/f, open; it is mapped at the address that comes with it, and each page written. */
function* daxFile(sys: Sys, pages = 1, fs = 'ext4'): Task<{ readonly fd: number; readonly addr: number }> {
  yield* sys.mount('/dev/pmem0', '/mnt/pmem0', fs, 'dax');
  const fd = yield* sys.open('/mnt/pmem0/f', O_CREAT | O_RDWR);
  yield* sys.ftruncate(fd, pages * PAGE_SIZE);
  const addr = yield* sys.mmap(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  for (let page = 0; page < pages; page++) yield* sys.store32(addr + page * PAGE_SIZE, 64);
  return { fd, addr };
}

/** References of the page, mapped still or not. */
function daxReferences(machine: Machine, mapped: boolean): number {
  machine.loadModule('nd_pmem', {});
  const process = machine.spawn('p0');
  const addr = machine.call(process, function* (sys) {
    const { addr } = yield* daxFile(sys);
    return addr;
  });
  const page = translate(process.ownMm, addr)!.page;
  if (!mapped) machine.call(process, (sys) => sys.munmap(addr, PAGE_SIZE));
  return machine.kernel.mem.refcount[page]!;
}

/** Whether a program waits for ever, with persistent memory. */
function waitsForEver(machine: Machine, program: (sys: Sys) => Task<number>): number {
  machine.loadModule('nd_pmem', {});
  const process = machine.spawn('p0');
  try {
    machine.call(process, program);
  } catch (error) {
    if (error instanceof Hang) return 1;
    throw error;
  }
  return 0;
}

/** Somebody keeps a page, without a mapping of it. */
function* keepPage(sys: Sys, addr: number): Task {
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  const arg = yield* map(sys, PAGE_SIZE);
  yield* sys.storeBytes(arg, encodeHeldRange(addr, 1));
  yield* sys.ioctl(holder, PAGE_HOLDER_GET, arg);
}

/** Whether get_user_pages() gets the data of the vdso. */
function* pinVvar(sys: Sys): Task<number> {
  const addr = 0x1000_0000_0000;
  yield* sys.arch_prctl(ARCH_MAP_VDSO_64, addr);
  return yield* pinned(sys, addr, 0);
}

function* lastClose(sys: Sys): Task<number> {
  const { fd, addr } = yield* daxFile(sys);
  yield* keepPage(sys, addr);
  yield* sys.munmap(addr, PAGE_SIZE);
  yield* sys.unlink('/mnt/pmem0/f');
  return yield* sys.close(fd);
}

function* truncateUnmapped(sys: Sys): Task<number> {
  const { fd, addr } = yield* daxFile(sys);
  yield* keepPage(sys, addr);
  yield* sys.munmap(addr, PAGE_SIZE);
  return yield* sys.ftruncate(fd, 0);
}

function* truncateSecond(sys: Sys): Task<number> {
  const { fd, addr } = yield* daxFile(sys, 2, 'fuse');
  yield* keepPage(sys, addr + PAGE_SIZE);
  return yield* sys.ftruncate(fd, 0);
}

function* punchBehindTheEnd(sys: Sys): Task<number> {
  const { fd, addr } = yield* daxFile(sys);
  yield* keepPage(sys, addr);
  return yield* sys.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE_SIZE, PAGE_SIZE);
}

/** Whether direct I/O has pinned pages of its buffer. */
function directIoPins(machine: Machine): number {
  const process = machine.spawn('p0');
  machine.call(process, function* (sys) {
    const fd = yield* sys.open('/var/tmp', O_TMPFILE | O_RDWR);
    const buffer = yield* map(sys, PAGE_SIZE);
    yield* sys.store32(buffer, 64);
    yield* sys.fcntl(fd, F_SETFL, O_DIRECT);
    return yield* sys.pwrite(fd, buffer, PAGE_SIZE, 0);
  });
  return process.ownMm.has_pinned ? 1 : 0;
}

/** Of the event at the end of a migration, words. */
function* migrateEndWords(sys: Sys): Task<number> {
  const hsa = (yield* Hsakmt.open(sys))!;
  const [gpu] = hsa.gpus as [number];
  const smi = yield* hsa.openSmi(gpu);
  const addr = yield* map(sys, 2 * PAGE_SIZE);
  const buffer = addr + PAGE_SIZE;
  yield* sys.store32(buffer, Number(KFD_SMI_EVENT_MASK_FROM_INDEX(KFD_SMI_EVENT_MIGRATE_END)));
  yield* sys.write(smi, buffer, 8);
  yield* hsa.svmSet(addr, PAGE_SIZE, [{ type: KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: gpu }]);
  const length = yield* sys.read(smi, buffer, PAGE_SIZE);
  return String.fromCharCode(...(yield* sys.loadBytes(buffer, length))).split(' ').length;
}

/** How many walks it takes to find the pages of 2 GiB and one page. */
function walksOfLargeBuffer(machine: Machine): number {
  const process = machine.spawn('p0');
  const length = 1024 * HUGE + PAGE_SIZE;
  let walks = 0;
  machine.call(process, function* (sys) {
    const addr = yield* map(sys, length);
    yield* sys.madvise(addr, length, MADV_HUGEPAGE);
    const mm = process.ownMm;
    const notifier = new MmuIntervalNotifier(null);
    mmu_interval_notifier_insert(notifier, mm, addr, length, { invalidate: () => done(true) });
    machine.functions = {
      entered(fn) {
        if (fn === 'hmm_range_fault') walks++;
      },
    };
    yield* mm.mmap_lock.down_read('walksOfLargeBuffer');
    yield* amdgpu_hmm_range_get_pages(notifier, addr, length / PAGE_SIZE, true, null);
    mm.mmap_lock.up_read();
    machine.functions = null;
    yield* mmu_interval_notifier_remove(notifier);
  });
  return walks;
}

// --- mirrors of v25 ---------------------------------------------------------------------------------------

/** Whether a device that has a page may still use it when the CPU's copy of it, for a write after a fork, has begun. */
function mirrorWhileCopied(machine: Machine): number {
  const process = machine.spawn('p0');
  const { uapi } = machine.generation;
  const addr = machine.call(process, function* (sys) {
    const fd = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
    const addr = yield* map(sys, PAGE_SIZE);
    yield* sys.store32(addr, 64);
    yield* sys.fork();
    const arg = yield* map(sys, PAGE_SIZE);
    const fields = { addr, ptr: arg + PAGE_SIZE / 2, npages: 1 };
    yield* sys.storeBytes(arg, uapi.cmd.encode(new Uint8Array(uapi.cmd.size), fields));
    yield* sys.ioctl(fd, HMM_DMIRROR_FAULT, arg);
    return addr;
  });
  let had = -1;
  // The page that the CPU's table has is no longer the one that the device has.
  machine.functions = {
    entered(fn) {
      if (fn !== '__mmu_notifier_invalidate_range_end' || had >= 0) return;
      had = machine.drivers.accesses(process.ownMm, addr).length;
    },
  };
  machine.call(process, (sys) => sys.store32(addr, 65));
  return had;
}

/** Pages of a device that it was asked for, for a hole of a file that nothing goes to. */
function pagesForFileHole(machine: Machine): number {
  const process = machine.spawn('p0');
  const { uapi } = machine.generation;
  let pages = 0;
  machine.trace = {
    emit(event) {
      if (event.event === 'device_page_free') pages++;
    },
  };
  machine.call(process, function* (sys) {
    const fd = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
    const file = yield* sys.memfd_create('f', 0);
    yield* sys.ftruncate(file, PAGE_SIZE);
    const addr = yield* sys.mmap(0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    const arg = yield* map(sys, 2 * PAGE_SIZE);
    const fields = { addr, ptr: arg + PAGE_SIZE, npages: 1 };
    yield* sys.storeBytes(arg, uapi.cmd.encode(new Uint8Array(uapi.cmd.size), fields));
    return yield* sys.ioctl(fd, dmirrorRequest(uapi, 'MIGRATE_TO_DEV')!, arg);
  });
  return pages;
}

const calling = (program: (sys: Sys) => Task<number>) => (machine: Machine) =>
  machine.call(machine.spawn('p0'), program);

/** Return: 1 where a page that was shared with a child, which is gone, is the same one after it was written to. */
function reusesPageOfThp(machine: Machine): number {
  const process = machine.spawn('p0');
  const addr = machine.call(process, function* (sys) {
    const start = yield* map(sys, 2 * HUGE);
    const huge = start + HUGE - (start % HUGE);
    yield* sys.madvise(huge, HUGE, MADV_HUGEPAGE);
    yield* sys.store32(huge, 1);
    const child = yield* sys.fork(() => done(0));
    yield* sys.waitpid(child);
    yield* sys.munmap(huge, PAGE_SIZE);
    return huge + PAGE_SIZE;
  });
  const { page } = translate(process.ownMm, addr);
  machine.call(process, (sys) => sys.store32(addr, 2));
  return Number(translate(process.ownMm, addr).page === page);
}

/** By the names that entries have for them. */
export const programs: Readonly<Record<string, WitnessProgram>> = {
  'offset in a huge page': { run: calling(offsetInHugePage), expected: 0 },
  'pages pinned with an internal flag': { run: calling(pagesPinned), expected: 0 },
  'pages that mprotect invalidates': { run: pagesInvalidated, expected: 2048 },
  'faults of a touch': { run: faultsOfTouch, expected: 2 },
  'MADV_COLD of an active page': { run: coldWasActive, expected: 1 },
  'a page of a THP that a child had, written': { run: reusesPageOfThp, expected: 1 },
  'rmmod with a page on a device': { run: rmmodWaits, expected: 0 },
  'rmmod that waits for a page': { run: rmmodWaits, expected: 1 },
  'references of a page on a device': { run: coherentReferences, expected: 2 },
  'pinned pages that are collected': { run: pinnedLeftByCollect, expected: 1 },
  'pinned device pages that pass the check': { run: pinnedPastTheCheck, expected: 1 },
  MADV_DONTNEED_LOCKED: { run: calling(dontneedLocked), expected: -EINVAL },
  'waits of a fault for the lock of huge pages': { run: waitsForHugeLock, expected: 1 },
  'faults with the lock of huge pages': { run: faultsWithHugeLock, expected: 1 },
  'no faults with the lock of huge pages': { run: faultsWithHugeLock, expected: 0 },
  'a page pinned for long that a userfaultfd brings': { run: calling(pinnedFromUserfaultfd), expected: 1 },
  'references of an idle page of a DAX file': {
    run: (machine) => daxReferences(machine, false),
    expected: 0,
  },
  'references of a mapped page of a DAX file': {
    run: (machine) => daxReferences(machine, true),
    expected: 1,
  },
  'the last close of an unlinked DAX file, a page of which is kept': {
    run: (machine) => waitsForEver(machine, lastClose),
    expected: 1,
  },
  'truncate of a DAX file that was unmapped, a page of which is kept': {
    run: (machine) => waitsForEver(machine, truncateUnmapped),
    expected: 1,
  },
  'truncate of a DAX file of fuse, the second page of which is kept': {
    run: (machine) => waitsForEver(machine, truncateSecond),
    expected: 1,
  },
  'a hole behind the end of a DAX file, a page of which is kept': {
    run: (machine) => waitsForEver(machine, punchBehindTheEnd),
    expected: 1,
  },
  'get_user_pages() of the data of the vdso': { run: calling(pinVvar), expected: 1 },
  'direct I/O into a buffer': { run: directIoPins, expected: 1 },
  'words of MIGRATE_END': {
    run(machine) {
      machine.loadModule('amdgpu', {});
      return calling(migrateEndWords)(machine);
    },
    expected: 7,
  },
  'walks of a large buffer': { run: walksOfLargeBuffer, expected: 2 },
  'a mirror while a page is copied': { run: mirrorWhileCopied, expected: 1 },
  'pages of a device for a hole of a file': { run: pagesForFileHole, expected: 1 },
  hmm_gup_test: { run: (machine) => failures(machine, 'hmm_gup_test'), expected: 0 },
  'open /dev/hmm_mirror0': { run: calling((sys) => sys.open('/dev/hmm_mirror0', O_RDWR)), expected: 3 },
};
