// SPDX-License-Identifier: GPL-2.0-only
/** Writing back: what is dirty goes to the disk, and whoever writes next is heard of. */
import t from 'tap';
import { PG_dirty, PG_writeback } from '../../src/mm/page_flags.js';
import type { Task } from '../../src/sim/task.js';
import {
  COHERENT_NODE_FILE,
  coherentNodeAnswer,
  coherentNodeRequests,
} from '../../src/uapi/coherent_node.js';
import { encodeDriverRange } from '../../src/uapi/driver_range.js';
import * as errno from '../../src/uapi/errno.js';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WRITE,
} from '../../src/uapi/fcntl.js';
import {
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { mappedFile, WatchedProcess } from './watched_process.js';

const RW = PROT_READ | PROT_WRITE;
const MiB = 2 ** 20;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

/** A machine with one process; what it tells of is kept. */
class Writer extends WatchedProcess {
  constructor(kernel = '6.12', nodes = 1) {
    super(kernel, 192 * MiB, nodes);
  }

  /** Names of the events that are about writing back, since the last time. */
  told(): string[] {
    const names = this.events.splice(0).map(({ event }) => event);
    return names.filter((name) => /writeback|mkclean/.test(name));
  }
}

/** Drop what is clean, and tell what stays: a word of zeros and ones. */
function* dropped(sys: Sys, addr: number, pages: number): Task<string> {
  yield* sys.madvise(addr, pages * PAGE_SIZE, MADV_PAGEOUT);
  const vec = yield* sys.malloc(pages);
  yield* sys.mincore(addr, pages * PAGE_SIZE, vec);
  return [...(yield* sys.loadBytes(vec, pages))].map((byte) => byte & 1).join('');
}

t.test('fsync() cleans every shared mapping, and the next write is heard of', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 4);
    const other = yield* sys.mmap(0, 4 * PAGE_SIZE, RW, MAP_SHARED, fd, 0);
    const copy = yield* sys.mmap(0, 4 * PAGE_SIZE, RW, MAP_PRIVATE, fd, 0);
    yield* sys.store32(addr, 1);
    yield* sys.store32(other, 2);
    yield* sys.store32(copy, 3);
    t.equal(w.flags(0) & PG_dirty, PG_dirty);
    w.told();
    t.equal(yield* sys.fsync(fd), 0);
    // Two mappings of the page; the private copy is none of the file's.
    t.same(w.told(), [
      'page_mkclean',
      'page_mkclean',
      'folio_start_writeback',
      'folio_wait_writeback',
      'folio_end_writeback',
    ]);
    t.equal(w.flags(0) & (PG_dirty | PG_writeback), 0);
    t.equal(yield* sys.fsync(fd), 0);
    t.same(w.told(), [], 'nothing is dirty');
    yield* sys.store32(copy, 4);
    t.equal(w.flags(0) & PG_dirty, 0);
    yield* sys.store32(other, 5);
    t.equal(w.flags(0) & PG_dirty, PG_dirty);
    t.equal(yield* sys.fsync(fd), 0);
    // One of them was read-only since.
    t.equal(w.told().filter((name) => name === 'page_mkclean').length, 1);
    // What two map, MADV_PAGEOUT leaves to both.
    yield* sys.munmap(other, 4 * PAGE_SIZE);
    t.equal(yield* dropped(sys, addr, 1), '0');
    t.equal(yield* sys.load32(addr), 5);
    t.equal(yield* sys.load32(copy), 4);
  });
  w.end();
});

t.test('a page that is written to while the disk gets it is dirty again', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 4);
    yield* sys.store32(addr, 1);
    t.equal(yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
    t.equal(w.flags(0) & (PG_dirty | PG_writeback), PG_writeback);
    yield* sys.store32(addr, 2);
    t.equal(w.flags(0) & (PG_dirty | PG_writeback), PG_dirty | PG_writeback);
    // Nobody waits for it: it stays as it is.
    w.told();
    t.equal(yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
    t.same(w.told(), []);
    // Reclaim leaves it alone.
    t.equal(yield* dropped(sys, addr, 1), '1');
    // For the sake of what it holds, it is waited for first.
    t.equal(yield* sys.fsync(fd), 0);
    t.same(w.told(), [
      'folio_wait_writeback',
      'folio_end_writeback',
      'page_mkclean',
      'folio_start_writeback',
      'folio_wait_writeback',
      'folio_end_writeback',
    ]);
    t.equal(yield* dropped(sys, addr, 1), '0');
    t.equal(yield* sys.load32(addr), 2);
    yield* sys.store32(addr, 3);
    t.equal(yield* sys.sync_file_range(fd, 0, PAGE_SIZE, SYNC_FILE_RANGE_WRITE), 0);
    t.equal(yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_AFTER), 0);
    t.equal(w.flags(0) & PG_writeback, 0);
  });
  w.end();
});

t.test('reclaim tells why it leaves a page that is being written', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 1);
    yield* sys.store32(addr, 1);
    yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    yield* dropped(sys, addr, 1);
  });
  const skips = w.events.flatMap((event) => (event.event === 'skip' ? [event.reason.id] : []));
  t.same(skips, ['under-writeback']);
});

t.test('what migrates waits until the disk has it', async (t) => {
  const w = new Writer('rfc-cdm', 2);
  t.equal(w.machine.loadModule('coherent_node', {}), 0);
  w.run(function* (sys) {
    const node = yield* sys.open(COHERENT_NODE_FILE, O_RDWR);
    const { fd, addr } = yield* mappedFile(sys, 1);
    yield* sys.store32(addr, 1);
    yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    w.told();
    const struct = encodeDriverRange({ addr, npages: 1, ptr: 0 });
    const arg = yield* sys.malloc(struct.length);
    yield* sys.storeBytes(arg, struct);
    t.equal(yield* sys.ioctl(node, coherentNodeRequests.MOVE_TO_NODE, arg), 0);
    t.equal(coherentNodeAnswer(yield* sys.loadBytes(arg, struct.length)).cpages, 1);
  });
  t.same(w.told(), ['folio_wait_writeback', 'folio_end_writeback']);
  w.end();
});

t.test('what is cut off is waited for, and its blocks are the disk’s again', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 4);
    for (let n = 0; n < 4; n++) yield* sys.storeSeq(addr + n * PAGE_SIZE, 1024, n + 1, 0);
    t.equal(yield* sys.fsync(fd), 0);
    t.equal(yield* dropped(sys, addr, 4), '0000');
    // The page in the middle of which the file ends is read for it, and dirty.
    t.equal(yield* sys.ftruncate(fd, PAGE_SIZE + 8), 0);
    t.equal(yield* sys.ftruncate(fd, 4 * PAGE_SIZE), 0);
    t.equal(yield* dropped(sys, addr, 4), '0100');
    t.equal(yield* sys.load32(addr + PAGE_SIZE + 4), 2);
    t.equal(yield* sys.load32(addr + PAGE_SIZE + 8), 0);
    t.equal(yield* sys.load32(addr + 3 * PAGE_SIZE), 0);
    const hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    t.equal(yield* sys.fallocate(fd, hole, 4, PAGE_SIZE), 0);
    t.equal(yield* sys.fsync(fd), 0);
    yield* dropped(sys, addr, 4);
    t.same(
      [yield* sys.load32(addr), yield* sys.load32(addr + 4), yield* sys.load32(addr + PAGE_SIZE + 4)],
      [1, 0, 2],
    );
    yield* sys.store32(addr, 9);
    yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    w.told();
    t.equal(yield* sys.ftruncate(fd, 0), 0);
    t.same(w.told(), ['folio_wait_writeback', 'folio_end_writeback']);
  });
  w.end();
});

t.test('the last close drops what is dirty, once the disk is done', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 2);
    yield* sys.store32(addr, 1);
    yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    yield* sys.store32(addr + PAGE_SIZE, 1);
    yield* sys.munmap(addr, 2 * PAGE_SIZE);
    w.told();
    yield* sys.close(fd);
  });
  t.same(w.told(), ['folio_wait_writeback', 'folio_end_writeback']);
  w.end();
});

t.test('msync()', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { addr } = yield* mappedFile(sys, 4);
    const gone = addr + PAGE_SIZE;
    for (let n = 0; n < 4; n++) yield* sys.store32(addr + n * PAGE_SIZE, 1);
    t.equal(yield* sys.munmap(gone, PAGE_SIZE), 0);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, MS_ASYNC), 0);
    t.equal(w.flags(0) & PG_dirty, PG_dirty, 'MS_ASYNC does nothing');
    t.equal(yield* sys.msync(addr, 4 * PAGE_SIZE, MS_ASYNC), -errno.ENOMEM);
    // What is mapped is written all the same.
    t.equal(yield* sys.msync(addr, 3 * PAGE_SIZE, MS_SYNC), -errno.ENOMEM);
    t.same(
      [0, 1, 2, 3].map((n) => (w.flags(n) & PG_dirty) !== 0),
      [false, true, false, true],
    );
    t.equal(yield* sys.msync(gone, PAGE_SIZE, MS_SYNC), -errno.ENOMEM);
    t.equal(yield* sys.msync(addr, 0, MS_SYNC), 0);
    t.equal(yield* sys.msync(addr + 1, PAGE_SIZE, MS_SYNC), -errno.EINVAL);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, MS_SYNC | MS_ASYNC), -errno.EINVAL);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, 8), -errno.EINVAL);
    t.equal(yield* sys.mlock(addr, PAGE_SIZE), 0);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, MS_SYNC), 0);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, MS_SYNC | MS_INVALIDATE), -errno.EBUSY);
    const anon = yield* sys.mmap(0, PAGE_SIZE, RW, ANON, -1, 0);
    t.equal(yield* sys.msync(anon, PAGE_SIZE, MS_SYNC), 0);
  });
});

t.test('files that have no disk, and what is no file', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const memfd = yield* sys.memfd_create('m', 0);
    t.equal(yield* sys.ftruncate(memfd, PAGE_SIZE), 0);
    const addr = yield* sys.mmap(0, PAGE_SIZE, RW, MAP_SHARED, memfd, 0);
    yield* sys.store32(addr, 1);
    t.equal(yield* sys.fsync(memfd), 0);
    t.equal(yield* sys.msync(addr, PAGE_SIZE, MS_SYNC), 0);
    t.equal(yield* sys.sync_file_range(memfd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
    t.equal(yield* sys.sync_file_range(memfd, 0, 0, 8), -errno.EINVAL);
    t.equal(yield* sys.sync_file_range(memfd, -1, 0, 0), -errno.EINVAL);
    const maps = yield* sys.open('/proc/self/pagemap', O_RDWR);
    t.equal(yield* sys.fsync(maps), -errno.EINVAL);
    t.equal(yield* sys.sync_file_range(maps, 0, 0, 0), -errno.ESPIPE);
  });
  t.same(w.told(), []);
  w.end();
});

t.test('a page without buffers is no page of ext4: it is not written', async (t) => {
  const w = new Writer();
  w.run(function* (sys) {
    const { fd, addr } = yield* mappedFile(sys, 1);
    yield* sys.load32(addr);
    const { mappings, mem } = w.machine.kernel;
    const page = mappings.find((mapping) => mapping?.kind === 'ext4')!.i_pages.get(0)!;
    // As whoever has pinned it, and writes to it later.
    mem.flags[page]! |= PG_dirty;
    t.equal(yield* sys.fsync(fd), 0);
    t.equal(mem.flags[page]! & PG_dirty, 0);
  });
  t.match(w.machine.dmesg.join('\n'), /EXT4-fs warning: page 0 does not have buffers attached/);
});
