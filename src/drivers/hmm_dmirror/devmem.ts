// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25, the memory of its devices. */
import { hmm_device_new } from '../../mm/hmm_device.js';
import {
  type HmmDevmem,
  type HmmDevmemOps,
  hmm_devmem_add,
  hmm_devmem_add_resource,
  hmm_devmem_remove,
} from '../../mm/hmm_devmem.js';
import { zone_device_page_init } from '../../mm/memremap.js';
import { put_page, UNMOVABLE } from '../../mm/page_alloc.js';
import { alloc_page } from '../../mm/page_alloc_slow.js';
import {
  IORES_DESC_DEVICE_PUBLIC_MEMORY,
  IORESOURCE_MEM,
  lookup_resource,
  Resource,
} from '../../mm/resource.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { ENXIO } from '../../uapi/errno.js';
import { DEVMEM_SIZE, type DmirrorDevice, type DmirrorModule } from './dmirror.js';
import { bring_home } from './home.js';

const devmem_ops: HmmDevmemOps = {
  free(devmem, page) {
    const mdevice = devmem.drvdata as DmirrorDevice;
    const { kernel: k } = mdevice.module;
    const rpage = k.mem.priv[page]!;
    k.mem.priv[page] = NO_PAGE;
    if (rpage !== NO_PAGE) put_page(k, rpage);
    mdevice.lock.spin_lock();
    mdevice.freed.push(page);
    mdevice.lock.spin_unlock();
  },
  fault: (devmem, { vma, address }) => bring_home((devmem.drvdata as DmirrorDevice).module, vma, address),
};

/** Memory at the address, as the firmware would tell of it. */
function cdm_resource({ kernel: k }: DmirrorModule, address: number): Resource | null {
  const res = lookup_resource(k.iomem, address);
  if (res === null) return null;
  return new Resource('hmm_dmirror', res.start, res.end, IORESOURCE_MEM, IORES_DESC_DEVICE_PUBLIC_MEMORY);
}

function add_memory(mdevice: DmirrorDevice, address: number): HmmDevmem | number {
  const { module } = mdevice;
  if (!mdevice.cdm) return hmm_devmem_add(module.kernel, devmem_ops, 'hmm_dmirror', DEVMEM_SIZE, mdevice);
  const res = cdm_resource(module, address);
  return res === null ? -ENXIO : hmm_devmem_add_resource(module.kernel, devmem_ops, res, mdevice);
}

/** A device with its memory. `address`: of coherent memory. Return: 0, -ENXIO where there is none, or -errno. */
export function dmirror_device_init(mdevice: DmirrorDevice, address: number): number {
  const { kernel: k } = mdevice.module;
  const devmem = add_memory(mdevice, address);
  if (typeof devmem === 'number') return devmem;
  mdevice.devmem = devmem;
  const hmm_device = hmm_device_new(k, mdevice);
  if (typeof hmm_device === 'number') return hmm_device;
  mdevice.hmm_device = hmm_device;
  const { start, end } = devmem.resource;
  const hex = (n: number): string => `0x${n.toString(16)}`;
  k.printk(`${mdevice.name}: ${devmem.cdm ? 'CDM' : 'device memory'} [mem ${hex(start)}-${hex(end)}]`);
  return 0;
}

/** Context: may sleep for ever, when somebody has a page of it. */
export function* dmirror_device_remove(mdevice: DmirrorDevice): Task {
  yield* hmm_devmem_remove(mdevice.devmem);
  mdevice.hmm_device.hmm_device_put();
}

/** A free page, or NO_PAGE. */
function take_page(mdevice: DmirrorDevice): Page {
  const { firstPage, nr_pages } = mdevice.devmem.pagemap;
  mdevice.lock.spin_lock();
  const page = mdevice.freed.pop() ?? (mdevice.used < nr_pages ? firstPage + mdevice.used++ : NO_PAGE);
  mdevice.lock.spin_unlock();
  return page;
}

/** A page of the device, locked, with one reference; NO_PAGE when it is full. Context: may sleep. */
export function* dmirror_devmem_alloc_page(mdevice: DmirrorDevice): Task<Page> {
  const { kernel: k } = mdevice.module;
  const rpage = mdevice.cdm ? NO_PAGE : yield* alloc_page(k, UNMOVABLE);
  if (rpage === NO_PAGE && !mdevice.cdm) return NO_PAGE;
  const page = take_page(mdevice);
  if (page === NO_PAGE) {
    if (rpage !== NO_PAGE) put_page(k, rpage);
    return NO_PAGE;
  }
  zone_device_page_init(k, page);
  k.mem.priv[page] = rpage;
  return page;
}
