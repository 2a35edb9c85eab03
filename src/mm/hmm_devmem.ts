// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hmm.c hmm_devmem_add() and its like, as v25 has them: memory of a device that gets struct pages. Fidelity:
 * ported.
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL, ENOMEM, ERANGE } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import { DevPagemap, type MemoryType, memremap_pages, memunmap_pages } from './memremap.js';
import {
  __release_region,
  __request_region,
  IORES_DESC_DEVICE_PRIVATE_MEMORY,
  IORES_DESC_DEVICE_PUBLIC_MEMORY,
  IORES_DESC_NONE,
  MAX_PHYSMEM_BITS,
  REGION_DISJOINT,
  type Resource,
  region_intersects,
} from './resource.js';
import type { VmFault } from './types.js';

/** Memory is plugged in whole sections. */
const PA_SECTION_SIZE = 2 ** 27;

/** struct hmm_devmem_ops. */
export interface HmmDevmemOps {
  /** The last reference of a page is gone. */
  free(devmem: HmmDevmem, page: Page): void;
  /** The CPU touched a page that it cannot reach. Context: may sleep. Return: 0 or VM_FAULT_*. */
  fault(devmem: HmmDevmem, vmf: VmFault): Task<number>;
}

/** struct hmm_devmem. */
export class HmmDevmem {
  readonly pagemap: DevPagemap;

  constructor(
    readonly k: Kernel,
    readonly resource: Resource,
    type: MemoryType,
    ops: HmmDevmemOps,
    /** hmm_devmem_page_set_drvdata() of the whole: the driver's struct. */
    readonly drvdata: object,
  ) {
    const { start, end } = resource;
    const page_free = (page: Page): void => ops.free(this, page);
    const migrate_to_ram = (vmf: VmFault): Task<number> => ops.fault(this, vmf);
    this.pagemap = new DevPagemap(type, { start, end }, { page_free, migrate_to_ram }, this, drvdata);
  }

  /** Whether the CPU reaches it: it came with its addresses. */
  get cdm(): boolean {
    return this.pagemap.type === 'MEMORY_DEVICE_PUBLIC';
  }
}

/** A range that nothing is at, claimed: from the top of physical memory down, in steps of its size. Return: or -errno. */
function free_range(k: Kernel, size: number, name: string): Resource | number {
  let addr = Math.min(k.iomem.end, 2 ** MAX_PHYSMEM_BITS - 1) - size + 1;
  for (; addr > size && addr >= k.iomem.start; addr -= size) {
    if (region_intersects(k.iomem, addr, size, 0, IORES_DESC_NONE) !== REGION_DISJOINT) continue;
    const res = __request_region(k.iomem, addr, size, name);
    if (res === null) return -ENOMEM;
    res.desc = IORES_DESC_DEVICE_PRIVATE_MEMORY;
    return res;
  }
  return -ERANGE;
}

/**
 * Plug `size` bytes of memory that the CPU cannot reach, at addresses where nothing is. `drvdata`: the driver's.
 * Return: -ERANGE where no addresses are left, -ENOMEM, or what memremap_pages() answers.
 */
export function hmm_devmem_add(
  k: Kernel,
  ops: HmmDevmemOps,
  name: string,
  size: number,
  drvdata: object,
): HmmDevmem | number {
  const aligned = Math.ceil(size / PA_SECTION_SIZE) * PA_SECTION_SIZE;
  const res = free_range(k, aligned, name);
  if (typeof res === 'number') return res;
  const devmem = new HmmDevmem(k, res, 'MEMORY_DEVICE_PRIVATE', ops, drvdata);
  const ret = memremap_pages(k, devmem.pagemap);
  if (ret === 0) return devmem;
  __release_region(k.iomem, res.start, aligned);
  return ret;
}

/** Plug memory that is at `res` already, and that the CPU reaches (CDM). Return: -EINVAL for any other resource, or as above. */
export function hmm_devmem_add_resource(
  k: Kernel,
  ops: HmmDevmemOps,
  res: Resource,
  drvdata: object,
): HmmDevmem | number {
  if (res.desc !== IORES_DESC_DEVICE_PUBLIC_MEMORY) return -EINVAL;
  const devmem = new HmmDevmem(k, res, 'MEMORY_DEVICE_PUBLIC', ops, drvdata);
  const ret = memremap_pages(k, devmem.pagemap);
  return ret === 0 ? devmem : ret;
}

/** Context: may sleep for ever, when somebody keeps a page of it. */
export function* hmm_devmem_remove(devmem: HmmDevmem): Task {
  const { k, resource, cdm } = devmem;
  yield* memunmap_pages(k, devmem.pagemap);
  if (!cdm) __release_region(k.iomem, resource.start, resource.end - resource.start + 1);
}
