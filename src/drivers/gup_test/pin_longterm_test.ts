// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup_test.c, PIN_LONGTERM_TEST_*: a pin that stays until it is stopped. Fidelity: ported.
 * There is one for the whole machine, whichever process started it.
 */
import type { PageArray } from '../../mm/gup.js';
import { pin_user_pages, unpin_user_pages } from '../../mm/gup.js';
import { pin_user_pages_fast } from '../../mm/gup_fast.js';
import { FOLL_LONGTERM, FOLL_WRITE } from '../../mm/gup_flags.js';
import type { Kernel } from '../../mm/kernel.js';
import { compound_head } from '../../mm/page_flags.js';
import { note_refusal } from '../../mm/reasons.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { u64At } from '../../sim/bytes.js';
import { Mutex } from '../../sim/locks.js';
import type { Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.js';
import * as uapi from '../../uapi/gup_test.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { kvcalloc_pages } from './page_array.js';

const LONG_MAX = 0x7fffffffffffffffn;

interface Request {
  readonly addr: number;
  readonly nr_pages: number;
  readonly write: boolean;
  readonly fast: boolean;
}

/** struct pin_longterm_test, checked. Return: what is asked, or -EINVAL. */
function parse(bytes: Uint8Array): Request | number {
  const { addr: start, size: length, flags } = uapi.decodePinLongtermTest(bytes);
  const [addr, size] = [BigInt(start), BigInt(length)];
  const known = uapi.PIN_LONGTERM_TEST_FLAG_USE_WRITE | uapi.PIN_LONGTERM_TEST_FLAG_USE_FAST;
  if ((flags & ~known) !== 0) return -EINVAL;
  if ((addr | size) % BigInt(PAGE_SIZE) !== 0n || size > LONG_MAX || size === 0n) return -EINVAL;
  return {
    addr: Number(addr),
    nr_pages: Number(size / BigInt(PAGE_SIZE)),
    write: (flags & uapi.PIN_LONGTERM_TEST_FLAG_USE_WRITE) !== 0,
    fast: (flags & uapi.PIN_LONGTERM_TEST_FLAG_USE_FAST) !== 0,
  };
}

export class PinLongtermTest {
  private readonly mutex: Mutex;
  private pages: PageArray | null = null;
  private nr_pages = 0;
  /** The address space of the process that pinned. */
  owner: MmStruct | null = null;

  constructor(private readonly k: Kernel) {
    this.mutex = new Mutex(k.executor, 'pin_longterm_test_mutex');
    k.pinHolders.push(() => this.pages?.subarray(0, this.nr_pages) ?? []);
  }

  /** Context: `mm` is the caller's; may sleep. Return: 0, -EINVAL, -EFAULT, -ENOMEM, -EBUSY. */
  *ioctl(mm: MmStruct, cmd: number, arg: number): Task<number> {
    yield* this.mutex.mutex_lock('pin_longterm_test_ioctl');
    let ret = 0;
    if (cmd === uapi.PIN_LONGTERM_TEST_START) ret = yield* this.start(mm, arg);
    else if (cmd === uapi.PIN_LONGTERM_TEST_STOP) this.stop();
    else ret = yield* this.read(mm, arg);
    this.mutex.mutex_unlock();
    return ret;
  }

  /** Whether the pin holds any page of the folio. */
  holds(folio: Page): boolean {
    const { mem } = this.k;
    return this.pages?.subarray(0, this.nr_pages).some((page) => compound_head(mem, page) === folio) ?? false;
  }

  /** Unpin everything. Without the mutex, as the release of the last reference to any of the files does it. */
  stop(): void {
    if (this.pages === null) return;
    if (this.nr_pages > 0) unpin_user_pages(this.k, this.pages, this.nr_pages);
    this.pages = null;
    this.nr_pages = 0;
  }

  private *start(mm: MmStruct, arg: number): Task<number> {
    if (this.pages !== null) {
      note_refusal(this.k, 'pin_longterm_test_start', 'already-pinned');
      return -EINVAL;
    }
    const bytes = yield* copy_from_user(mm, arg, uapi.PIN_LONGTERM_TEST.size);
    if (bytes === null) return -EFAULT;
    const request = parse(bytes);
    if (typeof request === 'number') return request;
    const pages = kvcalloc_pages(this.k, request.nr_pages);
    if (pages === null) return -ENOMEM;
    if (!request.fast) yield* mm.mmap_lock.down_read('pin_longterm_test_start');
    this.pages = pages;
    this.owner = mm;
    const ret = yield* this.pin(mm, request, pages);
    if (!request.fast) mm.mmap_lock.up_read();
    return ret;
  }

  private *pin(mm: MmStruct, { addr, nr_pages, write, fast }: Request, pages: PageArray): Task<number> {
    const flags = FOLL_LONGTERM | (write ? FOLL_WRITE : 0);
    const pin = fast ? pin_user_pages_fast : pin_user_pages;
    while (this.nr_pages < nr_pages) {
      const done = this.nr_pages;
      const start = addr + done * PAGE_SIZE;
      const pinned = yield* pin(mm, start, nr_pages - done, flags, pages.subarray(done));
      if (pinned < 0) {
        this.stop();
        return pinned;
      }
      this.nr_pages += pinned;
    }
    return 0;
  }

  /** Copy the pinned pages' contents to the user address that `arg` points to. */
  private *read(mm: MmStruct, arg: number): Task<number> {
    if (this.pages === null) return -EINVAL;
    const bytes = yield* copy_from_user(mm, arg, 8);
    if (bytes === null) return -EFAULT;
    let to = u64At(bytes, 0);
    for (const page of this.pages.subarray(0, this.nr_pages)) {
      const words = this.k.contents.readable(page).slice();
      if (!(yield* copy_to_user(mm, to, new Uint8Array(words.buffer)))) return -EFAULT;
      to += PAGE_SIZE;
    }
    return 0;
  }
}
