// SPDX-License-Identifier: GPL-2.0-only
/** A machine with a small hugetlb pool, and the few things that programs do with huge pages. */

import { Machine, type Process } from '../../src/machine/machine.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { PageValue } from '../../src/user/api.js';

export const HUGE = 0x200000;
export const BASE = 0x200000000000;

export class HugeMachine {
  readonly machine: Machine;

  constructor(hugepages: number, kernel = '6.12') {
    this.machine = Machine.boot({ kernel, hugepages, memory: 2 ** 30, check: true });
  }

  spawn(name = 'p0'): Process {
    return this.machine.spawn(name);
  }

  /** mmap() of `pages` huge pages at huge page `at`. */
  map(
    process: Process,
    at: number,
    pages: number,
    { shared = false, flags = 0, prot = PROT_READ | PROT_WRITE } = {},
  ) {
    const all = flags | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
    const ret = this.machine.call(process, (sys) =>
      sys.mmap(BASE + at * HUGE, pages * HUGE, prot, all, -1, 0),
    );
    return Math.min(ret, 0);
  }

  unmap(process: Process, at: number, pages: number): number {
    return this.machine.call(process, (sys) => sys.munmap(BASE + at * HUGE, pages * HUGE));
  }

  /** Store `word` in the first base page of huge page `at`. */
  store(process: Process, at: number, word: number): string {
    return this.machine.call(process, (sys) => sys.tryStorePage(BASE + at * HUGE, word));
  }

  load(process: Process, at: number): PageValue {
    return this.machine.call(process, (sys) => sys.tryLoadPage(BASE + at * HUGE));
  }

  fork(process: Process): Process {
    const pid = this.machine.call(process, (sys) => sys.fork());
    return this.machine.process(pid)!;
  }

  /** "free/reserved" pages of the pool. */
  get pool(): string {
    const { free_huge_pages, resv_huge_pages } = this.machine.kernel.hugetlb;
    return `${free_huge_pages}/${resv_huge_pages}`;
  }
}
