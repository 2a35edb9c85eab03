// SPDX-License-Identifier: GPL-2.0-only
/** Pages that move between the system's node and the device's, whatever they are of, and what everybody sees of them. */
import type { Task } from '../../sim/task.js';
import { EFAULT } from '../../uapi/errno.js';
import { F_SETFL } from '../../uapi/fcntl.js';
import {
  MADV_HUGEPAGE,
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_DIRECT,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../uapi/mman.js';
import {
  encodeHeldRange,
  HELD_RANGE_BYTES,
  PAGE_HOLDER_FILE,
  PAGE_HOLDER_GET,
  PAGE_HOLDER_PUT,
} from '../../uapi/page_holder.js';
import { WEXITSTATUS } from '../hmm-tests/helpers.js';
import {
  ASSERT_FILLED,
  ASSERT_NODES,
  ask,
  type Cdm,
  DEVICE,
  fill,
  memory,
  migrate_pages,
  move_pages,
  SYSTEM,
} from './fixtures.js';

const NPAGES = 4;
const RW = PROT_READ | PROT_WRITE;

function* filled(t: Cdm): Task<number> {
  const addr = yield* memory(t, NPAGES);
  yield* fill(t, addr, NPAGES);
  return addr;
}

/** Memory of a file, seen by somebody else. */
function* second_mapping(t: Cdm): Task<number> {
  const addr = yield* t.sys.mmap(0, NPAGES * PAGE_SIZE, RW, MAP_SHARED, t.self.file, 0);
  t.ASSERT_GT({ addr }, 0);
  return addr;
}

/** The driver brings pages to its node and back. */
export function* driver_moves(t: Cdm): Task {
  const addr = yield* filled(t);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
  yield* ASSERT_FILLED(t, addr, NPAGES);
  t.ASSERT_EQ({ MOVE_TO_SYSTEM: yield* ask(t, 'MOVE_TO_SYSTEM', addr, NPAGES) }, { NPAGES });
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
  yield* ASSERT_FILLED(t, addr, NPAGES);
}

/** So does the program, page by page. */
export function* move_pages_there_and_back(t: Cdm): Task {
  const addr = yield* filled(t);
  t.ASSERT_EQ({ move_pages: yield* move_pages(t, addr, 2, DEVICE) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE, DEVICE, SYSTEM);
  yield* ASSERT_FILLED(t, addr, NPAGES);
  t.ASSERT_EQ({ move_pages: yield* move_pages(t, addr, NPAGES, SYSTEM) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
}

/** And all of its memory at once. */
export function* migrate_pages_of_a_process(t: Cdm): Task {
  const addr = yield* filled(t);
  t.ASSERT_EQ({ migrate_pages: yield* migrate_pages(t, SYSTEM, DEVICE) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
  yield* ASSERT_FILLED(t, addr, NPAGES);
  t.ASSERT_EQ({ migrate_pages: yield* migrate_pages(t, DEVICE, SYSTEM) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
}

/** What the CPU writes on the node is what the device reads, and the other way round. */
export function* device_and_cpu_see_the_same(t: Cdm): Task {
  const { sys } = t;
  const addr = yield* filled(t);
  const buffer = yield* sys.mmap(0, NPAGES * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (const move of ['MOVE_TO_NODE', 'MOVE_TO_SYSTEM'] as const) {
    t.ASSERT_EQ({ [move]: yield* ask(t, move, addr, NPAGES) }, { NPAGES });
    yield* fill(t, addr, NPAGES, 5);
    t.ASSERT_EQ({ READ: yield* ask(t, 'READ', addr, NPAGES, buffer) }, { NPAGES });
    yield* ASSERT_FILLED(t, buffer, NPAGES, 5);
    yield* fill(t, buffer, NPAGES, 9);
    t.ASSERT_EQ({ WRITE: yield* ask(t, 'WRITE', addr, NPAGES, buffer) }, { NPAGES });
    yield* ASSERT_FILLED(t, addr, NPAGES, 9);
  }
  t.ASSERT_EQ({ mprotect: yield* sys.mprotect(addr, PAGE_SIZE, PROT_READ) }, 0);
  t.ASSERT_EQ({ READ: yield* ask(t, 'READ', addr, 1, buffer) }, 1);
  t.ASSERT_EQ({ WRITE: yield* ask(t, 'WRITE', addr, 1, buffer) }, { '-EFAULT': -EFAULT });
}

/** The device's first touch of memory is a fault as any: it is the system's. */
export function* device_faults_in(t: Cdm): Task {
  const { sys } = t;
  const addr = yield* memory(t, NPAGES);
  const buffer = yield* sys.mmap(0, NPAGES * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  yield* fill(t, buffer, NPAGES, 3);
  t.ASSERT_EQ({ WRITE: yield* ask(t, 'WRITE', addr, NPAGES, buffer) }, { NPAGES });
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
  yield* ASSERT_FILLED(t, addr, NPAGES, 3);
}

function* writeAndExit(t: Cdm, addr: number): Task {
  yield* ASSERT_FILLED(t, addr, NPAGES);
  yield* fill(t, addr, NPAGES, 1);
  yield* t.sys.exit(0);
}

/** A child finds what was moved before; what it writes is its own, but for a file's. */
export function* child_after_migration(t: Cdm): Task {
  const addr = yield* filled(t);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
  const pid = yield* t.fork((child) => writeAndExit(child, addr));
  t.ASSERT_GT({ pid }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
  yield* ASSERT_FILLED(t, addr, NPAGES, t.self.file < 0 ? 0 : 1);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
}

/** Somebody in the kernel keeps a page: it stays where it is, and the others go. */
export function* held_pages_stay(t: Cdm): Task {
  const { sys } = t;
  const addr = yield* filled(t);
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  t.ASSERT_GE({ holder }, 0);
  const arg = yield* sys.malloc(HELD_RANGE_BYTES);
  yield* sys.storeBytes(arg, encodeHeldRange(addr + PAGE_SIZE, 1));
  t.ASSERT_EQ({ held: yield* sys.ioctl(holder, PAGE_HOLDER_GET, arg) }, 1);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { 'NPAGES - 1': NPAGES - 1 });
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE, SYSTEM, DEVICE);
  t.ASSERT_EQ({ put: yield* sys.ioctl(holder, PAGE_HOLDER_PUT, 0) }, 0);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, 1);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
  yield* sys.close(holder);
}

/** 2 MiB of memory in one page go there and come back in one. Memory of files has small ones. */
export function* huge_page_moves(t: Cdm): Task {
  const { sys } = t;
  const size = 2 ** 21;
  const map = yield* sys.mmap(0, 2 * size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const addr = Math.ceil(map / size) * size;
  t.ASSERT_EQ({ madvise: yield* sys.madvise(addr, size, MADV_HUGEPAGE) }, 0);
  yield* sys.storeSeq(addr, size / 4, 0, 1);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, 1) }, 512);
  yield* ASSERT_NODES(t, addr, 512, DEVICE);
  t.ASSERT_EQ({ migrate_pages: yield* migrate_pages(t, DEVICE, SYSTEM) }, 0);
  yield* ASSERT_NODES(t, addr, 512, SYSTEM);
  yield* ASSERT_FILLED(t, addr, 512);
}

// --- files --------------------------------------------------------------------------------------------------

/** read() and a second mapping see what is written on the node. */
export function* readers_of_a_file(t: Cdm): Task {
  const { sys, self } = t;
  const addr = yield* filled(t);
  const other = yield* second_mapping(t);
  yield* ASSERT_FILLED(t, other, NPAGES);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
  yield* ASSERT_NODES(t, other, NPAGES, DEVICE);
  yield* fill(t, addr, NPAGES, 7);
  yield* ASSERT_FILLED(t, other, NPAGES, 7);
  const buffer = yield* sys.malloc(NPAGES * PAGE_SIZE);
  t.ASSERT_EQ({ pread: yield* sys.pread(self.file, buffer, NPAGES * PAGE_SIZE, 0) }, NPAGES * PAGE_SIZE);
  yield* ASSERT_FILLED(t, buffer, NPAGES, 7);
  // And write() writes to the page there.
  yield* fill(t, buffer, NPAGES, 8);
  t.ASSERT_EQ({ pwrite: yield* sys.pwrite(self.file, buffer, NPAGES * PAGE_SIZE, 0) }, NPAGES * PAGE_SIZE);
  yield* ASSERT_FILLED(t, other, NPAGES, 8);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
}

/**
 * A page that is dirty stays so on the node, for write-back to find: reclaim takes clean pages alone, and whoever reads past the
 * page cache sees what was written there.
 */
export function* dirty_pages_stay_dirty(t: Cdm): Task {
  const { sys, self } = t;
  const addr = yield* memory(t, NPAGES);
  yield* fill(t, addr, 1);
  for (let n = 1; n < NPAGES; n++) yield* sys.load32(addr + n * PAGE_SIZE);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
  // One was dirty when it moved, the next one is written to there.
  yield* fill(t, addr + PAGE_SIZE, 1, 6);
  t.ASSERT_EQ({ madvise: yield* sys.madvise(addr, NPAGES * PAGE_SIZE, MADV_PAGEOUT) }, 0);
  const vec = yield* sys.malloc(NPAGES);
  t.ASSERT_EQ({ mincore: yield* sys.mincore(addr, NPAGES * PAGE_SIZE, vec) }, 0);
  for (const [n, byte] of (yield* sys.loadBytes(vec, NPAGES)).entries())
    t.ASSERT_EQ({ [`vec[${n}]`]: byte & 1 }, n < 2 ? 1 : 0);

  const buffer = yield* sys.mmap(0, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  t.ASSERT_EQ({ fcntl: yield* sys.fcntl(self.file, F_SETFL, O_RDWR | O_DIRECT) }, 0);
  t.ASSERT_EQ({ pread: yield* sys.pread(self.file, buffer, 2 * PAGE_SIZE, 0) }, 2 * PAGE_SIZE);
  yield* ASSERT_FILLED(t, buffer, 1);
  yield* ASSERT_FILLED(t, buffer + PAGE_SIZE, 1, 6);
}

/**
 * Write-back finds what is dirty, whether it was so when it moved or the device made it so there: then all of it is clean, and the disk
 * has it. Whoever writes next is heard of.
 */
export function* write_back_finds_dirty_pages(t: Cdm): Task {
  const { sys, self } = t;
  const addr = yield* memory(t, NPAGES);
  const size = NPAGES * PAGE_SIZE;
  const buffer = yield* sys.mmap(0, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const vec = yield* sys.malloc(NPAGES);
  for (const [round, move] of (['MOVE_TO_NODE', 'MOVE_TO_SYSTEM'] as const).entries()) {
    yield* fill(t, addr, 2, 20 + round);
    for (let n = 2; n < NPAGES; n++) yield* sys.load32(addr + n * PAGE_SIZE);
    if (move === 'MOVE_TO_SYSTEM')
      t.ASSERT_EQ({ before: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
    t.ASSERT_EQ({ [move]: yield* ask(t, move, addr, NPAGES) }, { NPAGES });
    yield* fill(t, buffer, 2, 30 + round);
    t.ASSERT_EQ({ WRITE: yield* ask(t, 'WRITE', addr + 2 * PAGE_SIZE, 2, buffer) }, 2);
    t.ASSERT_EQ({ fsync: yield* sys.fsync(self.file) }, 0);
    t.ASSERT_EQ({ madvise: yield* sys.madvise(addr, size, MADV_PAGEOUT) }, 0);
    t.ASSERT_EQ({ mincore: yield* sys.mincore(addr, size, vec) }, 0);
    for (const [n, byte] of (yield* sys.loadBytes(vec, NPAGES)).entries())
      t.ASSERT_EQ({ [`vec[${n}]`]: byte & 1 }, 0);
    yield* ASSERT_FILLED(t, addr, 2, 20 + round);
    yield* ASSERT_FILLED(t, addr + 2 * PAGE_SIZE, 2, 30 + round);
    yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
  }
}

/** What is cut off a file, or unmapped with it, leaves the node. */
export function* truncated_pages_go(t: Cdm): Task {
  const { sys, self } = t;
  const addr = yield* filled(t);
  t.ASSERT_EQ({ MOVE_TO_NODE: yield* ask(t, 'MOVE_TO_NODE', addr, NPAGES) }, { NPAGES });
  t.ASSERT_EQ({ ftruncate: yield* sys.ftruncate(self.file, PAGE_SIZE) }, 0);
  t.ASSERT_EQ({ ftruncate: yield* sys.ftruncate(self.file, NPAGES * PAGE_SIZE) }, 0);
  t.ASSERT_EQ({ word: yield* sys.load32(addr + PAGE_SIZE) }, 0);
  yield* ASSERT_NODES(t, addr, 2, DEVICE, SYSTEM);
}
