// SPDX-License-Identifier: GPL-2.0-only
/** The C functions that take steps, and what each rests on. A program has those that its steps need. */
import type { Generation } from '../generations/index.js';
import type { Step } from '../scenario/schema.js';
import { spellingOf } from '../scenario/spelling.js';
import { definitionOf, type Taker } from '../scenario/steps/index.js';
import * as cgroups from './cgroups.js';
import { ANSWER_CALL } from './core.js';
import * as drivers from './drivers.js';
import * as memory from './memory.js';
import * as numa from './numa.js';
import * as transfers from './transfers.js';

/** A piece of the program. */
export interface Part {
  readonly text: string | ((generation: Generation) => string);
  /** Pieces that stand before it. */
  readonly needs: readonly Part[];
  /** A C function that p0 calls before its first step. */
  readonly setup?: string;
}

function part(text: Part['text'], needs: readonly Part[] = [], setup?: string): Part {
  return { text, needs, ...(setup === undefined ? {} : { setup }) };
}

const answerCall = part(ANSWER_CALL);
const memfds = part(memory.MEMFDS);
const memfdOf = part(memory.MEMFD_OF, [memfds]);
const diskFiles = part(memory.DISK_FILES);
const daxDisks = part(memory.DAX_DISKS);
const diskFileOf = part(memory.DISK_FILE_OF, [diskFiles]);
const fileOf = part(memory.FILE_OF, [diskFiles, memfdOf]);
const knownFile = part(memory.KNOWN_FILE, [diskFiles, memfds]);
const openFds = part(drivers.OPEN_FDS);
const writeWord = part(memory.WRITE_WORD);
const map = part(memory.MMAP, [answerCall]);
const pageWord = part(memory.PAGE_WORD);
const accesses = part(memory.ACCESSES, [], 'catch_signals');
const wholePages = part(memory.PAGES, [accesses]);
const words = part(memory.WORDS, [accesses]);
const mirror = part(
  ({ uapi, title }) => drivers.dmirrorInterface(uapi, title) + drivers.MIRROR,
  [openFds],
  'map_mirror',
);
const transferPages = part(transfers.TRANSFER_PAGES);
const transferWords = part(transfers.TRANSFER_WORDS, [transferPages]);
const answerBytes = part(transfers.ANSWER_BYTES, [answerCall]);
const arrived = part(transfers.ARRIVED, [transferPages, answerBytes, pageWord]);
const scratch = part(transfers.SCRATCH);
const remote = part(transfers.REMOTE);
const uffdFd = part(transfers.UFFD_FD, [answerCall]);
const uffdRange = part(transfers.UFFD_RANGE, [uffdFd]);
const uffdFilled = part(transfers.UFFD_FILLED, [uffdFd]);
const keptPages = part(transfers.KEPT_PAGES);
const cgroupPath = part(cgroups.CGROUP_PATH, [answerCall]);
const cgroupWrite = part(cgroups.CGROUP_WRITE, [cgroupPath]);
const answerStays = part(numa.ANSWER_STAYS, [answerCall]);
const gupInterface = part(drivers.GUP_INTERFACE, [], 'open_gup_test');

const rangeCall = (text: string): Part => part(text, [answerCall]);

/** In the order in which a program has them. */
const TAKERS: Readonly<Record<Taker, Part>> = {
  open: part(drivers.OPEN, [answerCall, openFds]),
  close: part(drivers.CLOSE, [answerCall, openFds]),
  mmap: part(memory.MMAP_ANON, [map]),
  mmap_file: part(memory.MMAP_FILE, [map, memfdOf]),
  mmap_disk: part(memory.MMAP_DISK, [map, diskFileOf]),
  mmap_dax: part(memory.MMAP_DAX, [map, diskFiles, daxDisks]),
  mmap_device: part(memory.MMAP_DEVICE, [openFds, map]),
  munmap: rangeCall(memory.MUNMAP),
  mlock: rangeCall(memory.MLOCK),
  munlock: rangeCall(memory.MUNLOCK),
  mprotect: rangeCall(memory.MPROTECT),
  madvise: rangeCall(memory.MADVISE),
  mremap: rangeCall(memory.MREMAP),
  mremap_in_place: rangeCall(transfers.MREMAP_IN_PLACE),
  store: part(memory.STORE, [wholePages]),
  store_words: part(memory.STORE_WORDS, [words]),
  load: part(memory.LOAD, [wholePages, pageWord]),
  load_words: part(memory.LOAD_WORDS, [words]),
  pagemap: part(memory.PAGEMAP, [answerCall]),
  ioctl: part((generation) => drivers.ioctlPart(generation.uapi, spellingOf(generation)), [pageWord, mirror]),
  ioctl_raw: part(drivers.IOCTL_RAW, [answerCall, mirror]),
  gup: part(drivers.GUP, [gupInterface]),
  pin: part(drivers.PIN, [answerCall, gupInterface]),
  unpin: part(drivers.UNPIN, [answerCall, gupInterface]),
  get: part(transfers.GET, [keptPages]),
  put: part(transfers.PUT, [keptPages]),
  fread: part(transfers.FREAD, [fileOf, arrived]),
  fwrite: part(transfers.FWRITE, [fileOf, transferWords, answerBytes]),
  truncate: part(transfers.TRUNCATE, [answerCall, knownFile]),
  punch: part(transfers.PUNCH, [answerCall, knownFile]),
  fsync: part(transfers.FSYNC, [answerCall, knownFile]),
  msync: rangeCall(memory.MSYNC),
  sync_file_range: part(transfers.SYNC_FILE_RANGE, [answerCall, knownFile]),
  mount: part(memory.MOUNT, [answerCall, daxDisks]),
  umount: part(memory.UMOUNT, [answerCall, daxDisks]),
  unlink: part(memory.UNLINK, [answerCall, daxDisks]),
  mkcgroup: part(cgroups.MKCGROUP, [cgroupPath]),
  rmcgroup: part(cgroups.RMCGROUP, [cgroupPath]),
  cgroup_join: part(cgroups.CGROUP_JOIN, [cgroupWrite]),
  cgroup_limit: part(cgroups.CGROUP_LIMIT, [cgroupWrite]),
  cgroup_moves: part(cgroups.CGROUP_MOVES, [cgroupWrite]),
  cgroup_read: part(cgroups.CGROUP_READ, [cgroupPath]),
  read: part(transfers.READ, [scratch, transferWords, answerBytes]),
  write: part(transfers.WRITE, [scratch, arrived]),
  peek: part(transfers.PEEK, [remote, arrived]),
  poke: part(transfers.POKE, [remote, transferWords, answerBytes]),
  mincore: part(transfers.MINCORE, [answerCall, transferPages]),
  mbind: part(numa.MBIND, [answerCall]),
  set_mempolicy: part(numa.SET_MEMPOLICY, [answerCall]),
  migrate_pages: part(numa.MIGRATE_PAGES, [answerStays]),
  move_pages: part(numa.MOVE_PAGES, [answerStays]),
  uffd: part(transfers.UFFD, [uffdFd]),
  uffd_register: part(transfers.UFFD_REGISTER, [uffdRange]),
  uffd_unregister: part(transfers.UFFD_UNREGISTER, [uffdRange]),
  uffd_copy: part(transfers.UFFD_COPY, [uffdFilled, transferWords]),
  uffd_zero: part(transfers.UFFD_ZERO, [uffdRange, uffdFilled]),
  uffd_wp: part(transfers.UFFD_WP, [uffdRange]),
  fork: part(memory.FORK, [answerCall]),
  kill: part(memory.KILL),
  make_it_fail: part(memory.MAKE_IT_FAIL, [writeWord, answerCall]),
  mce_kill: part(memory.MCE_KILL, [writeWord, answerCall]),
};

function add(parts: Set<Part>, wanted: Part): void {
  for (const need of wanted.needs) add(parts, need);
  parts.add(wanted);
}

/** All that these steps need, each piece behind those that it rests on. */
export function partsOf(steps: readonly Step[]): readonly Part[] {
  const used = new Set(steps.map((step) => definitionOf(step).c.taker(step)));
  const parts = new Set<Part>();
  for (const [taker, wanted] of Object.entries(TAKERS)) if (used.has(taker as Taker)) add(parts, wanted);
  return [...parts];
}

/** Their text. */
export function takersText(steps: readonly Step[], generation: Generation): string {
  return partsOf(steps)
    .map(({ text }) => (typeof text === 'string' ? text : text(generation)))
    .join('');
}
