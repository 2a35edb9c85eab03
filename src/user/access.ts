// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loads and stores of a program: the fast path over the TLB (`tryPage`), and the faults where it misses. A fault
 * without a handler kills the process; `tryStorePage` and `tryLoadPage` are what a program with handlers does.
 */
import { irqentry_exit_to_user_mode } from '../kernel/entry.js';
import { type Process, ProcessKilled } from '../kernel/process.js';
import { deliver_signals } from '../kernel/signals.js';
import { faultPage, tryPage } from '../mm/uaccess.js';
import { type Contents, WORDS_PER_PAGE } from '../sim/contents.js';
import { COST_PAGE } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Mismatch, PageValue } from './api.js';

/** Simulated nanoseconds of one turn of a user loop. */
const COST_SPIN = 1000;

/** The page at `addr`, after the faults it takes; a signal kills the process. */
function pageOf(process: Process, addr: number, write: boolean): Task<Page> {
  const page = tryPage(process.ownMm, addr, write);
  return page !== NO_PAGE ? done(page) : faultOrDie(process, addr, write);
}

function* faultOrDie(process: Process, addr: number, write: boolean): Task<Page> {
  const found = yield* fault(process, addr, write);
  if (typeof found === 'number') return found;
  throw new ProcessKilled(found);
}

function pageOrSignal(process: Process, addr: number, write: boolean): Task<Page | string> {
  const page = tryPage(process.ownMm, addr, write);
  return page !== NO_PAGE ? done<Page | string>(page) : fault(process, addr, write);
}

/** Take faults until the page is there, or a signal is due. */
function* fault(process: Process, addr: number, write: boolean): Task<Page | string> {
  const mm = process.ownMm;
  const { kernel } = process.services;
  for (let tries = 0; ; kernel.tried_in_vain(++tries)) {
    const page = tryPage(mm, addr, write);
    if (page !== NO_PAGE) return page;
    const signal = yield* faultPage(mm, addr, write);
    yield* irqentry_exit_to_user_mode(process);
    if (signal !== null) return signal;
  }
}

/** One turn of a loop that waits for nothing but time: it may be preempted, or killed, there. */
export function* spin(process: Process): Task {
  const { executor } = process.services;
  executor.charge(COST_SPIN);
  if (executor.shouldResched) yield* executor.cond_resched('user loop');
  deliver_signals(process);
}

export function* load32(process: Process, addr: number): Task<number> {
  if (addr % 4 !== 0) return asWord(yield* loadBytes(process, addr, 4));
  const page = yield* pageOf(process, addr, false);
  return process.services.kernel.contents.wordAt(page, (addr % PAGE_SIZE) >> 2);
}

export function* store32(process: Process, addr: number, word: number): Task<void> {
  if (addr % 4 !== 0) return yield* storeUnaligned(process, addr, word);
  const page = yield* pageOf(process, addr, true);
  process.services.kernel.contents.writable(page)[(addr % PAGE_SIZE) >> 2] = word;
}

const asWord = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(0, true);

/** One store, though of two pages: when the second faults, nothing has been written to the first. */
function* storeUnaligned(process: Process, addr: number, word: number): Task<void> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, true);
  const { contents } = process.services.kernel;
  const offset = addr % PAGE_SIZE;
  const here = Math.min(4, PAGE_SIZE - offset);
  for (let first = NO_PAGE; first === NO_PAGE; ) {
    yield* pageOf(process, addr, true);
    const last = yield* pageOf(process, addr + 3, true);
    // While the second was brought, the first may have gone.
    first = tryPage(process.ownMm, addr, true);
    if (first === NO_PAGE) continue;
    contents.writeBytes(first, offset, bytes, 0, here);
    if (here < 4) contents.writeBytes(last, 0, bytes, here, 4 - here);
  }
}

export function* loadBytes(process: Process, addr: number, length: number): Task<Uint8Array> {
  const { contents } = process.services.kernel;
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const page = yield* pageOf(process, addr + done, false);
    const offset = (addr + done) % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, length - done);
    contents.readBytes(page, offset, bytes, done, chunk);
    done += chunk;
  }
  return bytes;
}

export function* storeBytes(process: Process, addr: number, bytes: Uint8Array): Task<void> {
  const { contents } = process.services.kernel;
  for (let done = 0; done < bytes.length; ) {
    const page = yield* pageOf(process, addr + done, true);
    const offset = (addr + done) % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, bytes.length - done);
    contents.writeBytes(page, offset, bytes, done, chunk);
    done += chunk;
  }
}

/** `count` words of the page from word `at` on: first, first + step, ... */
function putSequence(
  contents: Contents,
  page: Page,
  at: number,
  count: number,
  first: number,
  step: number,
): void {
  if (count === WORDS_PER_PAGE) {
    contents.fill_sequence(page, first | 0, step);
    return;
  }
  const view = contents.writable(page);
  let word = first | 0;
  for (let i = at; i < at + count; i++) {
    view[i] = word;
    word = (word + step) | 0;
  }
}

/** words[i] = first + i * step for `count` words. */
export function* storeSeq(
  process: Process,
  addr: number,
  count: number,
  first: number,
  step: number,
): Task<void> {
  const { executor, kernel } = process.services;
  const { contents } = kernel;
  for (let done = 0; done < count; ) {
    const at = addr + done * 4;
    const page = yield* pageOf(process, at, true);
    const offset = (at % PAGE_SIZE) >> 2;
    const chunk = Math.min(WORDS_PER_PAGE - offset, count - done);
    putSequence(contents, page, offset, chunk, first + done * step, step);
    done += chunk;
    executor.charge(COST_PAGE);
    if (executor.shouldResched) yield* spin(process);
  }
}

/** Compare `count` words with first + i * step; reads all of them, as the C loop does. */
export function* checkSeq(
  process: Process,
  addr: number,
  count: number,
  first: number,
  step: number,
): Task<Mismatch> {
  const { executor, kernel } = process.services;
  let wrong = 0;
  let index = 0;
  let value = 0;
  for (let done = 0; done < count; ) {
    const at = addr + done * 4;
    const page = yield* pageOf(process, at, false);
    const offset = (at % PAGE_SIZE) >> 2;
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
    if (executor.shouldResched) yield* spin(process);
  }
  return { count: wrong, index, value, expected: (first + index * step) >>> 0 };
}

/** Store `word` into every word of the page. Return: "ok" or the signal's name. */
export function* tryStorePage(process: Process, addr: number, word: number): Task<string> {
  const page = yield* pageOrSignal(process, addr, true);
  if (typeof page === 'string') return page;
  process.services.kernel.contents.fill_page(page, word >>> 0);
  return 'ok';
}

/** Load the whole page. Return: the repeated word, "mixed", or the signal's name. */
export function* tryLoadPage(process: Process, addr: number): Task<PageValue> {
  const page = yield* pageOrSignal(process, addr, false);
  if (typeof page !== 'number') return page;
  const word = process.services.kernel.contents.pageWord(page);
  return word < 0 ? 'mixed' : word;
}

/** Words of one page, at a multiple of four: words[i] = first + i * step. Return: "ok" or the signal's name. */
export function* tryStoreWords(
  process: Process,
  addr: number,
  count: number,
  first: number,
  step: number,
): Task<string> {
  const page = yield* pageOrSignal(process, addr, true);
  if (typeof page === 'string') return page;
  putSequence(process.services.kernel.contents, page, (addr % PAGE_SIZE) >> 2, count, first, step);
  return 'ok';
}

const commonWord = (words: Uint32Array): PageValue =>
  words.every((word) => word === words[0]) ? words[0]! : 'mixed';

/** Words of one page. Return: "ok" where they are first + i * step, else their one word, "mixed", or the signal. */
export function* tryCheckWords(
  process: Process,
  addr: number,
  count: number,
  first: number,
  step: number,
): Task<PageValue> {
  const page = yield* pageOrSignal(process, addr, false);
  if (typeof page === 'string') return page;
  const { contents } = process.services.kernel;
  if (count === WORDS_PER_PAGE && contents.holds_sequence(page, first, step)) return 'ok';
  const at = (addr % PAGE_SIZE) >> 2;
  const words = contents.readable(page).subarray(at, at + count);
  return words.every((word, i) => word === (first + i * step) >>> 0) ? 'ok' : commonWord(words);
}

/** Words of one page. Return: their one word, "mixed", or the signal's name. */
export function* tryLoadWords(process: Process, addr: number, count: number): Task<PageValue> {
  const page = yield* pageOrSignal(process, addr, false);
  if (typeof page === 'string') return page;
  const at = (addr % PAGE_SIZE) >> 2;
  return commonWord(process.services.kernel.contents.readable(page).subarray(at, at + count));
}

/** words[i] += add in one page. Return: "ok" or the signal's name. */
export function* tryAddWords(process: Process, addr: number, count: number, add: number): Task<string> {
  const page = yield* pageOrSignal(process, addr, true);
  if (typeof page === 'string') return page;
  const view = process.services.kernel.contents.writable(page);
  const at = (addr % PAGE_SIZE) >> 2;
  for (let i = at; i < at + count; i++) view[i] = view[i]! + add;
  return 'ok';
}
