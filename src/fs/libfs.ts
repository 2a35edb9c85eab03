// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/libfs.c: what files that are made up when they are read have in common. Fidelity: ported. */
import type { MmStruct } from '../mm/types.js';
import { copy_to_user } from '../mm/uaccess.js';
import type { Task } from '../sim/task.js';
import { EFAULT } from '../uapi/errno.js';

/** Part of a text, from byte `pos` on. Context: may sleep. Return: bytes, or -EFAULT. */
export function* simple_read_from_buffer(
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
  text: string,
): Task<number> {
  const part = new TextEncoder().encode(text).slice(pos, pos + count);
  return (yield* copy_to_user(mm, buf, part)) ? part.length : -EFAULT;
}
