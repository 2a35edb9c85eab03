// SPDX-License-Identifier: GPL-2.0-only
/** Programs that witness behaviours which no step of a scenario reaches. */
import type { Machine } from '../../src/machine/machine.js';
import type { Task } from '../../src/sim/task.js';
import {
  decodeGupTest,
  encodeGupTest,
  FOLL_WRITE,
  GUP_TEST,
  PIN_BASIC_TEST,
} from '../../src/uapi/gup_test.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, O_RDWR, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';

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

/** gup_test hands on what it is given; 0x10000 is FOLL_TOUCH, which only mm/gup.c itself may set. */
function* pagesPinned(sys: Sys): Task<number> {
  const fd = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  const addr = yield* map(sys, PAGE_SIZE);
  const arg = yield* map(sys, PAGE_SIZE);
  const gup_flags = FOLL_WRITE | 0x10000;
  const struct = { addr, size: PAGE_SIZE, nr_pages_per_call: 1, gup_flags };
  yield* sys.storeBytes(arg, encodeGupTest(new Uint8Array(GUP_TEST.size), struct));
  yield* sys.ioctl(fd, PIN_BASIC_TEST, arg);
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

const calling = (program: (sys: Sys) => Task<number>) => (machine: Machine) =>
  machine.call(machine.spawn('p0'), program);

/** By the names that entries have for them. */
export const programs: Readonly<Record<string, WitnessProgram>> = {
  'offset in a huge page': { run: calling(offsetInHugePage), expected: 0 },
  'pages pinned with an internal flag': { run: calling(pagesPinned), expected: 0 },
  'pages that mprotect invalidates': { run: pagesInvalidated, expected: 2048 },
  'open /dev/hmm_mirror0': { run: calling((sys) => sys.open('/dev/hmm_mirror0', O_RDWR)), expected: 3 },
};
