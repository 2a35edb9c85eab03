// SPDX-License-Identifier: GPL-2.0-only
/**
 * One process of a scenario, as the program that recorded the real kernels kept it: its fds by name, a memfd or a file on a
 * disk for every file region, which a child has too, and the buffers that ioctls use, of which every process has its own.
 */
import { done, type Task } from '../sim/task.js';
import {
  MAP_ANONYMOUS,
  MAP_POPULATE,
  MAP_SHARED,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../uapi/mman.js';
import type { DriverStep, ProcessHandle as Process, Sys } from '../user/api.js';

/** Pages of the buffer that ioctls read from and write to, as long as no step needs more. */
const MIRROR_PAGES = 2048;

/** The scratch mapping: a page for ioctl structs, then one for pagemap entries. */
const SCRATCH_PAGES = 2;
export const PAGEMAP_CHUNK = PAGE_SIZE / 8;

const REGION_BASE = 0x200000000000;
const REGION_STRIDE = 2 ** 30;
export const REGION_PAGES = REGION_STRIDE / PAGE_SIZE;

/** Where files without a name are on a disk. */
export const DISK = '/var/tmp';

/** What pins pages for programs. */
export const GUP_FILE = '/sys/kernel/debug/gup_test';

export interface Actor {
  readonly process: Process;
  readonly fds: Map<string, number>;
  readonly memfds: Map<string, number>;
  /** On a disk, or of a DAX file system. */
  readonly diskFiles: Map<string, number>;
  /** All processes of the scenario, by name, dead or alive. */
  readonly peers: ReadonlyMap<string, Process>;
  /** The file that read and write steps transfer from and to; made when one first needs it. */
  scratchFd: number | undefined;
  /** Its userfaultfd, or what it has of its parent's. */
  uffd: number | undefined;
  /** /sys/kernel/debug/page_holder, opened when a step first needs it. */
  holderFd: number | undefined;
  /** Memory blocks that the scenario has taken out of use. */
  readonly offlineBlocks: Set<number>;
  /** Opened at the first pagemap step: the file stays bound to the mm that opened it. */
  pagemapFd: number | undefined;
  /** Commands of the machine's drivers, by their names. */
  readonly driverSteps: ReadonlyMap<string, DriverStep>;
  /** /sys/kernel/debug/gup_test, opened by the first process. */
  readonly gupFd: number;
  /** Its own; made when a step of the process first needs them. */
  buffers: Buffers | undefined;
}

export interface Buffers {
  readonly mirror: number;
  readonly mirrorPages: number;
  readonly scratch: number;
}

/** The first address of page `page` of a region. */
export function addressOf(region: string, page: number): number {
  return REGION_BASE + Number(region.slice(1)) * REGION_STRIDE + page * PAGE_SIZE;
}

/** Where the kernel puts mappings of its own choice: what a scenario's programs have for themselves. */
export function isOwnMemory(addr: number): boolean {
  return addr >= 2 ** 46 && addr < 2 ** 47 && placeOf(addr) === undefined;
}

/** Which page of which region is at `addr`; undefined outside of all regions. */
export function placeOf(addr: number): { region: number; page: number } | undefined {
  const offset = addr - REGION_BASE;
  // Regions are named r0 to r9999.
  if (offset < 0 || offset >= 10_000 * REGION_STRIDE) return undefined;
  return {
    region: Math.floor(offset / REGION_STRIDE),
    page: Math.floor((offset % REGION_STRIDE) / PAGE_SIZE),
  };
}

/** The fd of that name, or -1 as a C program has it in a variable that was never opened. */
export function fdOf(actor: Actor, name: string): number {
  return actor.fds.get(name) ?? -1;
}

/** The first process of a scenario, which does this before its first step. */
export function* firstActor(
  sys: Sys,
  process: Process,
  peers: ReadonlyMap<string, Process>,
  driverSteps: Actor['driverSteps'],
): Task<Actor> {
  const buffers = yield* setUpBuffers(sys);
  const gupFd = yield* sys.open(GUP_FILE, O_RDWR);
  const own = {
    fds: new Map(),
    memfds: new Map(),
    diskFiles: new Map(),
    offlineBlocks: new Set<number>(),
    pagemapFd: undefined,
    scratchFd: undefined,
    uffd: undefined,
    holderFd: undefined,
  };
  return { process, peers, driverSteps, ...own, gupFd, buffers };
}

/** The buffers of the process, which a child does not share with its parent. */
export function buffersOf(sys: Sys, actor: Actor): Task<Buffers> {
  return actor.buffers === undefined ? ownBuffers(sys, actor) : done(actor.buffers);
}

/** The same, with a mirror of at least `pages`; more than a region has nobody needs. */
export function* buffersFor(sys: Sys, actor: Actor, pages: number): Task<Buffers> {
  const buffers = yield* buffersOf(sys, actor);
  if (pages <= buffers.mirrorPages || pages > REGION_PAGES) return buffers;
  yield* sys.munmap(buffers.mirror, buffers.mirrorPages * PAGE_SIZE);
  actor.buffers = { ...buffers, mirror: yield* mapShared(sys, pages, 0), mirrorPages: pages };
  return actor.buffers;
}

/** Pages of the mirror that the steps of a document come to need. */
export function mirrorPagesOf(ranges: readonly { readonly pages?: number | undefined }[]): number {
  const needed = ranges.map(({ pages = 0 }) => pages).filter((pages) => pages <= REGION_PAGES);
  return needed.reduce((most, pages) => Math.max(most, pages), MIRROR_PAGES);
}

function* ownBuffers(sys: Sys, actor: Actor): Task<Buffers> {
  actor.buffers = yield* setUpBuffers(sys);
  return actor.buffers;
}

function* setUpBuffers(sys: Sys): Task<Buffers> {
  const mirror = yield* mapShared(sys, MIRROR_PAGES, 0);
  const scratch = yield* mapShared(sys, SCRATCH_PAGES, MAP_POPULATE);
  return { mirror, mirrorPages: MIRROR_PAGES, scratch };
}

// The mirror needs no MAP_POPULATE: the pages that an ioctl can reach are filled, hence present, before it runs.
function* mapShared(sys: Sys, pages: number, flags: number): Task<number> {
  const prot = PROT_READ | PROT_WRITE;
  const addr = yield* sys.mmap(0, pages * PAGE_SIZE, prot, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
  if (addr < 0) throw new Error(`no memory for the scenario's own buffers: mmap answered ${addr}`);
  return addr;
}

/** What a thread of the process has for itself: its buffers, which others fill meanwhile. */
export const threadActor = (actor: Actor): Actor => ({ ...actor, buffers: undefined });

/** What the child of a fork starts with. */
export function forkActor(parent: Actor, child: Process): Actor {
  return {
    process: child,
    fds: new Map(parent.fds),
    memfds: new Map(parent.memfds),
    diskFiles: new Map(parent.diskFiles),
    peers: parent.peers,
    driverSteps: parent.driverSteps,
    scratchFd: parent.scratchFd,
    uffd: parent.uffd,
    holderFd: parent.holderFd,
    offlineBlocks: parent.offlineBlocks,
    pagemapFd: undefined,
    gupFd: parent.gupFd,
    buffers: undefined,
  };
}
