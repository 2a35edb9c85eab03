// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/gup_test.c, /sys/kernel/debug/gup_test. Fidelity: ported; dump_page() prints less. */
import type { FileOperations } from '../../fs/file.js';
import { get_user_pages, type PageArray, pin_user_pages, unpin_user_pages } from '../../mm/gup.js';
import { get_user_pages_fast, pin_user_pages_fast } from '../../mm/gup_fast.js';
import { FOLL_LONGTERM, foll_flags_from_user } from '../../mm/gup_flags.js';
import { folio_is_longterm_pinnable } from '../../mm/gup_longterm.js';
import type { Kernel } from '../../mm/kernel.js';
import { put_page } from '../../mm/page_alloc.js';
import { compound_head, folio_maybe_dma_pinned } from '../../mm/page_flags.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import type { Task } from '../../sim/task.js';
import { EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.js';
import * as uapi from '../../uapi/gup_test.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { kvcalloc_pages } from './page_array.js';
import { PinLongtermTest } from './pin_longterm_test.js';

const DUMP_PAGES_USE_PIN = 0x1;

const BENCHMARKS = new Set([
  uapi.GUP_FAST_BENCHMARK,
  uapi.PIN_FAST_BENCHMARK,
  uapi.PIN_LONGTERM_BENCHMARK,
  uapi.GUP_BASIC_TEST,
  uapi.PIN_BASIC_TEST,
  uapi.DUMP_USER_PAGES_TEST,
]);
const LONGTERM_TESTS = new Set([
  uapi.PIN_LONGTERM_TEST_START,
  uapi.PIN_LONGTERM_TEST_STOP,
  uapi.PIN_LONGTERM_TEST_READ,
]);

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

function usec(ns: number): number {
  return Math.floor(ns / 1000);
}

function dumpUsesPin(gup: uapi.GupTest): boolean {
  return (gup.test_flags & DUMP_PAGES_USE_PIN) !== 0;
}

/** The driver: one per machine; all its open files share the long-term pin. */
export class GupTest {
  /** Operations of /sys/kernel/debug/gup_test. */
  readonly f_op: FileOperations;
  /** The pin that stays, which reports name as a page's holder. */
  readonly longterm: PinLongtermTest;

  constructor(private readonly k: Kernel) {
    this.longterm = new PinLongtermTest(k);
    const driver = this;
    this.f_op = {
      name: 'gup_test',
      unlocked_ioctl: (_file, mm, cmd, arg) => driver.ioctl(mm, cmd, arg),
      // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
      *release(): Task {
        driver.release();
      },
    };
  }

  /** The last reference to one open file is gone. */
  release(): void {
    if (this.k.behaviour.gupTestLongtermPins) this.longterm.stop();
  }

  /**
   * `mm`: the calling process's; `arg`: a user address.
   * Context: may sleep. Return: 0, -EINVAL, -EFAULT, -ENOMEM. A pin that fails or stops short is 0 with its size.
   */
  *ioctl(mm: MmStruct, cmd: number, arg: number): Task<number> {
    if (LONGTERM_TESTS.has(cmd) && this.k.behaviour.gupTestLongtermPins) {
      return yield* this.longterm.ioctl(mm, cmd, arg);
    }
    if (!BENCHMARKS.has(cmd)) return -EINVAL;
    const bytes = yield* copy_from_user(mm, arg, uapi.GUP_TEST.size);
    if (bytes === null) return -EFAULT;
    const gup = uapi.decodeGupTest(bytes);
    const ret = yield* this.__gup_test_ioctl(mm, cmd, gup);
    if (ret !== 0) return ret;
    return (yield* copy_to_user(mm, arg, uapi.encodeGupTest(bytes, gup))) ? 0 : -EFAULT;
  }

  private *__gup_test_ioctl(mm: MmStruct, cmd: number, gup: uapi.GupTest): Task<number> {
    const { k } = this;
    const pages = kvcalloc_pages(k, Number(BigInt(gup.size) / BigInt(PAGE_SIZE)));
    if (pages === null) return -ENOMEM;
    const locks = cmd !== uapi.GUP_FAST_BENCHMARK && cmd !== uapi.PIN_FAST_BENCHMARK;
    if (locks) yield* mm.mmap_lock.down_read('__gup_test_ioctl');
    const begun = k.executor.now;
    const got = yield* this.get_pages(mm, cmd, gup, pages);
    gup.get_delta_usec = usec(k.executor.now - begun);
    this.verify_dma_pinned(cmd, pages, got);
    if (cmd === uapi.DUMP_USER_PAGES_TEST) this.dump_pages_test(gup, pages, got);
    const ended = k.executor.now;
    this.put_back_pages(cmd, pages, got, dumpUsesPin(gup));
    gup.put_delta_usec = usec(k.executor.now - ended);
    if (locks) mm.mmap_lock.up_read();
    return 0;
  }

  /**
   * Get the pages, `nr_pages_per_call` at a time, until a call comes short. The struct's size becomes what was walked
   * over: all of a chunk that came short, nothing of one that failed. Return: pages got.
   */
  private *get_pages(mm: MmStruct, cmd: number, gup: uapi.GupTest, pages: PageArray): Task<number> {
    const { nr_pages_per_call } = gup;
    const first = BigInt(gup.addr);
    const end = u64(first + BigInt(gup.size));
    let nr = nr_pages_per_call;
    let got = 0;
    let addr = first;
    while (addr < end && nr === nr_pages_per_call) {
      let next = u64(addr + BigInt(nr) * BigInt(PAGE_SIZE));
      if (next > end) {
        next = end;
        nr = Number((next - addr) / BigInt(PAGE_SIZE));
      }
      nr = yield* this.get_chunk(mm, cmd, gup, Number(addr), nr, pages.subarray(got));
      if (nr <= 0) break;
      got += nr;
      addr = next;
    }
    gup.size = u64(addr - first);
    return got;
  }

  private get_chunk(
    mm: MmStruct,
    cmd: number,
    gup: uapi.GupTest,
    addr: number,
    nr: number,
    pages: PageArray,
  ): Task<number> {
    const flags = foll_flags_from_user(this.k, gup.gup_flags);
    switch (cmd) {
      case uapi.GUP_FAST_BENCHMARK:
        return get_user_pages_fast(mm, addr, nr, flags, pages);
      case uapi.PIN_FAST_BENCHMARK:
        return pin_user_pages_fast(mm, addr, nr, flags, pages);
      case uapi.PIN_BASIC_TEST:
        return pin_user_pages(mm, addr, nr, flags, pages);
      case uapi.PIN_LONGTERM_BENCHMARK:
        return pin_user_pages(mm, addr, nr, flags | FOLL_LONGTERM, pages);
      case uapi.DUMP_USER_PAGES_TEST:
        return (dumpUsesPin(gup) ? pin_user_pages : get_user_pages)(mm, addr, nr, flags, pages);
      default:
        return get_user_pages(mm, addr, nr, flags, pages);
    }
  }

  /** WARN about the first page that is not pinned, or that may not be pinned for long. */
  private verify_dma_pinned(cmd: number, pages: PageArray, nr_pages: number): void {
    const { k } = this;
    const longterm = cmd === uapi.PIN_LONGTERM_BENCHMARK;
    if (!longterm && cmd !== uapi.PIN_FAST_BENCHMARK && cmd !== uapi.PIN_BASIC_TEST) return;
    for (let i = 0; i < nr_pages; i++) {
      const folio = compound_head(k.mem, pages[i]!);
      if (!folio_maybe_dma_pinned(k.mem, folio)) {
        k.warn('verify_dma_pinned', `pages[${i}] is NOT dma-pinned`);
        return;
      }
      if (longterm && !folio_is_longterm_pinnable(k, folio)) {
        k.warn('verify_dma_pinned', `pages[${i}] is NOT pinnable but pinned`);
        return;
      }
    }
  }

  private dump_pages_test(gup: uapi.GupTest, pages: PageArray, nr_pages: number): void {
    const { k } = this;
    const { which_pages } = gup;
    for (const [i, nr] of which_pages.entries()) {
      if (nr <= nr_pages) continue;
      k.printk(`ZEROING due to out of range: .which_pages[${i}]: ${nr}`);
      which_pages[i] = 0;
    }
    for (const nr of which_pages) {
      const index = nr - 1;
      if (index < 0) continue;
      const page = pages[index]!;
      const folio = compound_head(k.mem, page);
      k.printk(`---- page #${index}, starting from user virt addr: 0x${gup.addr.toString(16)}`);
      k.printk(
        `page: refcount:${k.mem.refcount[folio]} mapcount:${k.mem.mapcount[page]} pfn:0x${k.mem.page_to_pfn(page).toString(16)}`,
      );
      k.printk('page dumped because: gup_test: dump_pages() test');
    }
  }

  private put_back_pages(cmd: number, pages: PageArray, nr_pages: number, dumpPins: boolean): void {
    const got =
      cmd === uapi.GUP_FAST_BENCHMARK ||
      cmd === uapi.GUP_BASIC_TEST ||
      (cmd === uapi.DUMP_USER_PAGES_TEST && !dumpPins);
    if (!got) {
      unpin_user_pages(this.k, pages, nr_pages);
      return;
    }
    for (const page of pages.subarray(0, nr_pages)) put_page(this.k, page);
  }
}
