// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: nobody in Linux. Scenarios need somebody in the kernel who keeps pages between system calls, and say
 * so in steps of their own: get and put, lock and unlock. What is kept belongs to an open file, and ends with it.
 */
import type { FileOperations, OpenFile } from '../../fs/file.js';
import type { Driver, DriverHost, Holder } from '../../kernel/module.js';
import type { Kernel } from '../../mm/kernel.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user } from '../../mm/uaccess.js';
import type { Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EFAULT, EINVAL } from '../../uapi/errno.js';
import * as uapi from '../../uapi/page_holder.js';
import { HeldLocks } from './locks.js';
import { HeldReferences } from './references.js';

const name = 'page_holder';

interface Kept {
  readonly references: HeldReferences;
  readonly locks: HeldLocks;
}

class PageHolder {
  readonly f_op: FileOperations;
  /** One for each file that is open. */
  readonly #open = new Map<OpenFile, Kept>();

  constructor(k: Kernel) {
    k.referenceHolders.push(() => this.#pages());
    k.lockHolders.push(() => this.#locked());
    const open = this.#open;
    this.f_op = {
      name,
      // biome-ignore lint/correctness/useYield: opening may sleep; this one has no need to.
      *open(file, mm): Task<number> {
        open.set(file, { references: new HeldReferences(k, mm), locks: new HeldLocks(k) });
        return 0;
      },
      unlocked_ioctl: (file, mm, cmd, arg) => page_holder_ioctl(open.get(file)!, mm, cmd, arg),
      flush: (file) => open.get(file)!.locks.expire(),
      // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
      *release(file): Task {
        const { references, locks } = open.get(file)!;
        locks.unlockAll();
        references.put();
        open.delete(file);
      },
    };
  }

  *#pages(): Iterable<Page> {
    for (const { references, locks } of this.#open.values()) {
      yield* references;
      yield* locks;
    }
  }

  *#locked(): Iterable<Page> {
    for (const { locks } of this.#open.values()) yield* locks;
  }

  /** Whose file keeps the folio; null where none does. */
  holderOf(folio: Page): Holder | null {
    for (const { references } of this.#open.values()) {
      if (references.holds(folio)) return { name, mm: references.mm, pinned: false };
    }
    return this.lockerOf(folio);
  }

  /** Whose file has the folio locked; null where none has. */
  lockerOf(folio: Page): Holder | null {
    for (const { locks } of this.#open.values()) {
      const mm = locks.ownerOf(folio);
      if (mm !== null) return { name, mm, pinned: false };
    }
    return null;
  }
}

/** Context: `mm` is the caller's; may sleep. Return: a number of pages, 0, -EINVAL, -EFAULT, -EBUSY and what GUP answers. */
function* page_holder_ioctl(
  { references, locks }: Kept,
  mm: MmStruct,
  cmd: number,
  arg: number,
): Task<number> {
  if (cmd === uapi.PAGE_HOLDER_PUT) {
    references.put();
    return 0;
  }
  const bytes = yield* copy_from_user(mm, arg, uapi.HELD_RANGE_BYTES);
  if (bytes === null) return -EFAULT;
  const { addr, pages } = uapi.decodeHeldRange(bytes);
  switch (cmd) {
    case uapi.PAGE_HOLDER_GET:
      return yield* references.get(mm, addr, pages);
    case uapi.PAGE_HOLDER_LOCK:
      return locks.lock(mm, addr, pages);
    case uapi.PAGE_HOLDER_UNLOCK:
      return locks.unlock(addr, pages);
    default:
      return -EINVAL;
  }
}

export function page_holder_init({ kernel }: DriverHost): Driver {
  const holder = new PageHolder(kernel);
  return {
    name,
    files: new Map([[uapi.PAGE_HOLDER_FILE, holder.f_op]]),
    view: {
      holderOf: (folio) => holder.holderOf(folio),
      lockerOf: (folio) => holder.lockerOf(folio),
    },
  };
}
