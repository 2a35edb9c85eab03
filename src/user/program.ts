// SPDX-License-Identifier: GPL-2.0-only
/** What a program has besides system calls: loads and stores, threads, a little libc. The `Sys` of src/user/api.ts. */

import { ProcessKilled } from '../kernel/process.js';
import { Syscalls } from '../kernel/syscalls.js';
import { COST_PAGE } from '../mm/kernel.js';
import { faultPage, tryPage } from '../mm/uaccess.js';
import { WORDS_PER_PAGE } from '../sim/contents.js';
import { WaitQueue } from '../sim/executor.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../uapi/mman.js';
import type { Mismatch, PageValue, Sys, UserMain } from './api.js';

/** malloc() maps blocks of this size and more on their own, as glibc does. */
const MMAP_THRESHOLD = 128 * 1024;
const ARENA = 1024 * 1024;

export class Program extends Syscalls implements Sys {
  // --- loads and stores ---------------------------------------------------------------------------------

  /** The page at `addr`, after the faults it takes; a signal kills the process. */
  private page(addr: number, write: boolean): Task<Page> {
    const page = tryPage(this.mm, addr, write);
    return page !== NO_PAGE ? done(page) : this.faultOrDie(addr, write);
  }

  private *faultOrDie(addr: number, write: boolean): Task<Page> {
    const found = yield* this.fault(addr, write);
    if (typeof found === 'number') return found;
    throw new ProcessKilled(found);
  }

  private pageOrSignal(addr: number, write: boolean): Task<Page | string> {
    const page = tryPage(this.mm, addr, write);
    return page !== NO_PAGE ? done<Page | string>(page) : this.fault(addr, write);
  }

  /** Take faults until the page is there, or a signal is due. */
  private *fault(addr: number, write: boolean): Task<Page | string> {
    const { mm } = this;
    for (;;) {
      const page = tryPage(mm, addr, write);
      if (page !== NO_PAGE) return page;
      const signal = yield* faultPage(mm, addr, write);
      const { files, executor } = this.machine;
      if (files.delayed.length > 0) yield* files.flush_delayed_fput();
      if (executor.shouldResched) yield* executor.cond_resched('exc_page_fault');
      this.deliver_signals();
      // Out of memory: the OOM killer leaves no choice, a handler of SIGSEGV does not help.
      if (signal === 'SIGKILL') throw new ProcessKilled(signal);
      if (signal !== null) return signal;
    }
  }

  *load32(addr: number): Task<number> {
    const page = yield* this.page(addr, false);
    return this.machine.kernel.contents.wordAt(page, (addr % 4096) >> 2);
  }

  *store32(addr: number, word: number): Task<void> {
    const page = yield* this.page(addr, true);
    this.machine.kernel.contents.writable(page)[(addr % 4096) >> 2] = word;
  }

  *loadBytes(addr: number, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const page = yield* this.page(addr + done, false);
      const offset = (addr + done) % 4096;
      const chunk = Math.min(4096 - offset, length - done);
      this.machine.kernel.contents.readBytes(page, offset, bytes, done, chunk);
      done += chunk;
    }
    return bytes;
  }

  *storeBytes(addr: number, bytes: Uint8Array): Task<void> {
    for (let done = 0; done < bytes.length; ) {
      const page = yield* this.page(addr + done, true);
      const offset = (addr + done) % 4096;
      const chunk = Math.min(4096 - offset, bytes.length - done);
      this.machine.kernel.contents.writeBytes(page, offset, bytes, done, chunk);
      done += chunk;
    }
  }

  *storeSeq(addr: number, count: number, first: number, step: number): Task<void> {
    const { executor, kernel } = this.machine;
    const { contents } = kernel;
    for (let done = 0; done < count; ) {
      const at = addr + done * 4;
      const page = yield* this.page(at, true);
      const offset = (at % 4096) >> 2;
      const chunk = Math.min(WORDS_PER_PAGE - offset, count - done);
      let word = (first + done * step) | 0;
      if (chunk === WORDS_PER_PAGE) {
        contents.fill_sequence(page, word, step);
      } else {
        const view = contents.writable(page);
        for (let i = offset; i < offset + chunk; i++) {
          view[i] = word;
          word = (word + step) | 0;
        }
      }
      done += chunk;
      executor.charge(COST_PAGE);
      if (executor.shouldResched) yield* this.spin();
    }
  }

  *checkSeq(addr: number, count: number, first: number, step: number): Task<Mismatch> {
    const { executor, kernel } = this.machine;
    let wrong = 0;
    let index = 0;
    let value = 0;
    for (let done = 0; done < count; ) {
      const at = addr + done * 4;
      const page = yield* this.page(at, false);
      const offset = (at % 4096) >> 2;
      const chunk = Math.min(WORDS_PER_PAGE - offset, count - done);
      let word = (first + done * step) | 0;
      // A whole page that is known to be this very sequence needs no look at each word.
      const known = chunk === WORDS_PER_PAGE && kernel.contents.holds_sequence(page, word, step);
      const view = known ? null : kernel.contents.readable(page);
      for (let i = offset; view !== null && i < offset + chunk; i++) {
        if ((view[i]! | 0) !== word) {
          if (wrong === 0) {
            index = done + i - offset;
            value = view[i]!;
          }
          wrong++;
        }
        word = (word + step) | 0;
      }
      done += chunk;
      executor.charge(COST_PAGE);
      if (executor.shouldResched) yield* this.spin();
    }
    return { count: wrong, index, value, expected: (first + index * step) >>> 0 };
  }

  *tryStorePage(addr: number, word: number): Task<string> {
    const page = yield* this.pageOrSignal(addr, true);
    if (typeof page === 'string') return page;
    this.machine.kernel.contents.fill_page(page, word >>> 0);
    return 'ok';
  }

  *tryLoadPage(addr: number): Task<PageValue> {
    const page = yield* this.pageOrSignal(addr, false);
    if (typeof page !== 'number') return page;
    const word = this.machine.kernel.contents.pageWord(page);
    return word < 0 ? 'mixed' : word;
  }

  // --- threads ----------------------------------------------------------------------------------------

  *pthread_create(thread: UserMain): Task<{ join(): Task<number> }> {
    const { machine, proc } = this;
    const ended = new WaitQueue();
    let result: number | null = null;
    machine.run_thread(proc, thread, (code) => {
      result = code;
      ended.wakeAll(machine.executor);
    });
    // The new thread is woken with preemption: it runs first, until it sleeps.
    yield* machine.executor.yield('clone');
    const self = this;
    function* join(): Task<number> {
      proc.interruptible.add(ended);
      while (result === null) {
        self.deliver_signals();
        yield* ended.sleep(machine.executor, 'pthread_join');
      }
      proc.interruptible.delete(ended);
      return result;
    }
    return yield* this.leave({ join });
  }

  // --- libc ---------------------------------------------------------------------------------------------

  *malloc(size: number): Task<number> {
    const { heap } = this.proc;
    if (size >= MMAP_THRESHOLD) {
      const addr = yield* this.mapAnonymous(Math.ceil(size / 4096) * 4096);
      if (addr < 0) return 0;
      heap.blocks.set(addr, size);
      return addr;
    }
    const bytes = Math.max(16, Math.ceil(size / 16) * 16);
    let addr = heap.freed.get(bytes)?.pop();
    if (addr === undefined) {
      if (heap.arenaUsed + bytes > heap.arenaSize) {
        const arena = yield* this.mapAnonymous(ARENA);
        if (arena < 0) return 0;
        heap.arena = arena;
        heap.arenaSize = ARENA;
        heap.arenaUsed = 0;
      }
      addr = heap.arena + heap.arenaUsed;
      heap.arenaUsed += bytes;
    }
    heap.blocks.set(addr, size);
    return addr;
  }

  *free(addr: number): Task<void> {
    const { heap } = this.proc;
    const size = heap.blocks.get(addr);
    if (size === undefined) return;
    heap.blocks.delete(addr);
    if (size >= MMAP_THRESHOLD) {
      yield* this.munmap(addr, size);
      return;
    }
    const bytes = Math.max(16, Math.ceil(size / 16) * 16);
    const list = heap.freed.get(bytes);
    if (list === undefined) heap.freed.set(bytes, [addr]);
    else list.push(addr);
  }

  private *mapAnonymous(length: number): Task<number> {
    return yield* this.mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }

  random32(): number {
    return this.machine.random32();
  }

  stderr(line: string): void {
    this.machine.stderr_line(line);
  }
}
