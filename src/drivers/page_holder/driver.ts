// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: nobody in Linux. Scenarios need somebody in the kernel who keeps pages between system calls, and say
 * so in steps of their own: get and put. What is kept belongs to an open file, and ends with it.
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
import { HeldReferences } from './references.js';

const name = 'page_holder';

class PageHolder {
  readonly f_op: FileOperations;
  /** One for each file that is open. */
  readonly #open = new Map<OpenFile, HeldReferences>();

  constructor(k: Kernel) {
    k.referenceHolders.push(() => this.#pages());
    const open = this.#open;
    this.f_op = {
      name,
      // biome-ignore lint/correctness/useYield: opening may sleep; this one has no need to.
      *open(file, mm): Task<number> {
        open.set(file, new HeldReferences(k, mm));
        return 0;
      },
      unlocked_ioctl: (file, mm, cmd, arg) => page_holder_ioctl(open.get(file)!, mm, cmd, arg),
      // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
      *release(file): Task {
        open.get(file)!.put();
        open.delete(file);
      },
    };
  }

  *#pages(): Iterable<Page> {
    for (const references of this.#open.values()) yield* references;
  }

  /** Whose file keeps the folio; null where none does. */
  holderOf(folio: Page): Holder | null {
    for (const references of this.#open.values()) {
      if (references.holds(folio)) return { name, mm: references.mm, pinned: false };
    }
    return null;
  }
}

/** Context: `mm` is the caller's; may sleep. Return: a number of pages, 0, or -EINVAL, -EFAULT and what GUP answers. */
function* page_holder_ioctl(
  references: HeldReferences,
  mm: MmStruct,
  cmd: number,
  arg: number,
): Task<number> {
  if (cmd === uapi.PAGE_HOLDER_PUT) {
    references.put();
    return 0;
  }
  if (cmd !== uapi.PAGE_HOLDER_GET) return -EINVAL;
  const bytes = yield* copy_from_user(mm, arg, uapi.HELD_RANGE_BYTES);
  if (bytes === null) return -EFAULT;
  const { addr, pages } = uapi.decodeHeldRange(bytes);
  return yield* references.get(mm, addr, pages);
}

export function page_holder_init({ kernel }: DriverHost): Driver {
  const holder = new PageHolder(kernel);
  return {
    name,
    files: new Map([[uapi.PAGE_HOLDER_FILE, holder.f_op]]),
    view: { holderOf: (folio) => holder.holderOf(folio) },
  };
}
