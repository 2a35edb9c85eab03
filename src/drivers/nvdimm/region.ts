// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/nvdimm/e820.c: where persistent memory is. */
import type { Kernel } from '../../mm/kernel.js';
import { DevPagemap, type MemoryType, memremap_pages, memunmap_pages } from '../../mm/memremap.js';
import {
  __release_region,
  __request_region,
  children,
  IORES_DESC_DEVICE_PRIVATE_MEMORY,
} from '../../mm/resource.js';
import type { Task } from '../../sim/task.js';
import { EBUSY, EINVAL } from '../../uapi/errno.js';
import { PMD_SIZE } from '../../uapi/mman.js';
import { SIZE_DEFAULT } from './modinfo.js';

/** A region begins at whole sections, as memory of its own would. */
const ALIGN = 2 ** 27;

/** Bytes of a device; undefined for what is no such size. */
export function sizeOf(params: Readonly<Record<string, string>>): number | undefined {
  const size = Number(params.sim_size ?? SIZE_DEFAULT);
  return Number.isSafeInteger(size) && size > 0 && size % PMD_SIZE === 0 ? size : undefined;
}

/** Behind all memory that firmware tells of; what is higher up is made up by drivers of private memory. */
function behindMemory(k: Kernel): number {
  const known = children(k.iomem).filter(({ desc }) => desc !== IORES_DESC_DEVICE_PRIVATE_MEMORY);
  const last = known.reduce((end, res) => Math.max(end, res.end + 1), 0);
  return Math.ceil(last / ALIGN) * ALIGN;
}

/** Struct pages for persistent memory of that size. Return: its pagemap, -EBUSY, or what memremap_pages() answers. */
export function add_region(k: Kernel, size: number, type: MemoryType, name: string): DevPagemap | number {
  if (size <= 0) return -EINVAL;
  const start = behindMemory(k);
  if (__request_region(k.iomem, start, size, name) === null) return -EBUSY;
  const pgmap = new DevPagemap(type, { start, end: start + size - 1 }, {}, null, null);
  const err = memremap_pages(k, pgmap);
  if (err === 0) return pgmap;
  __release_region(k.iomem, start, size);
  return err;
}

export function* remove_region(k: Kernel, pgmap: DevPagemap): Task {
  yield* memunmap_pages(k, pgmap);
  const { start, end } = pgmap.range;
  __release_region(k.iomem, start, end - start + 1);
}
