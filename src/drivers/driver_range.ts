// SPDX-License-Identifier: GPL-2.0-only
/** What requests of kvm_hv, nouveau and amdgpu are given, read from the program that makes them. */
import type { MmStruct } from '../mm/types.js';
import { copy_from_user } from '../mm/uaccess.js';
import type { Task } from '../sim/task.js';
import { DRIVER_RANGE_BYTES, type DriverRange, decodeDriverRange } from '../uapi/driver_range.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';

/** Pages of one request, where pages go through a buffer. */
const MAX_PAGES = 65536;

/** Context: may sleep. Return: the range, and the bytes that take the answer; -EFAULT; -EINVAL for no whole pages, or too many. */
export function* readDriverRange(
  mm: MmStruct,
  arg: number,
  maxPages = MAX_PAGES,
): Task<{ readonly bytes: Uint8Array; readonly range: DriverRange } | number> {
  const bytes = yield* copy_from_user(mm, arg, DRIVER_RANGE_BYTES);
  if (bytes === null) return -EFAULT;
  const range = decodeDriverRange(bytes);
  const { addr, npages } = range;
  if (addr % PAGE_SIZE !== 0 || npages < 1 || npages > maxPages) return -EINVAL;
  return { bytes, range };
}
