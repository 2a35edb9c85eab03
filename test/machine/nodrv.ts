// SPDX-License-Identifier: GPL-2.0-only
/**
 * A driver that nobody has: one device with a few private pages that hold their contents themselves, and one ioctl, which
 * moves a page of its caller there. For tests of what the machine makes of a driver that it has never heard of.
 */
import type { FileOperations } from '../../src/fs/file.js';
import type { Device, DeviceAccess, Driver, DriverModule } from '../../src/kernel/module.js';
import type { Kernel } from '../../src/mm/kernel.js';
import { DevPagemap, memremap_pages, memunmap_pages, zone_device_page_init } from '../../src/mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../src/mm/migrate_device.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
} from '../../src/mm/migrate_vma.js';
import { __release_region, request_free_mem_region } from '../../src/mm/resource.js';
import { type MmStruct, VM_FAULT_SIGBUS, type VmArea, type VmFault } from '../../src/mm/types.js';
import { NO_PAGE, type Page } from '../../src/sim/memmap.js';
import type { Task } from '../../src/sim/task.js';
import { EINVAL, ENOMEM } from '../../src/uapi/errno.js';

const CHUNK = 2 * 2 ** 20;

/** The ioctl; its argument is the address of the page. */
export const NODRV_MOVE = 1;

function request(owner: Nodrv, vma: VmArea, start: number, flags: number, fault_page = NO_PAGE): MigrateVma {
  const [src, dst] = [new Uint32Array(1), new Uint32Array(1)];
  return {
    vma,
    src,
    dst,
    cpages: 0,
    npages: 0,
    start,
    end: start + 4096,
    pgmap_owner: owner,
    flags,
    fault_page,
  };
}

export class Nodrv implements Driver {
  readonly name = 'nodrv';
  readonly device: Device = { name: 'nodrv0', minor: 0, migrate_to_ram: 'nodrv_fault' };
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view = {
    devices: [this.device],
    deviceOf: (page: Page) => (this.k.pgmapOf(page) === this.pagemap ? this.device : null),
    accesses: (mm: MmStruct, addr: number): DeviceAccess[] =>
      this.moved.get(addr) === mm ? [{ device: this.device, access: 'rw' }] : [],
  };
  readonly pagemap: DevPagemap;
  /** Pages that came here, by address. */
  private readonly moved = new Map<number, MmStruct>();
  private readonly free: Page[] = [];

  constructor(
    readonly k: Kernel,
    range: { start: number; end: number },
  ) {
    const ops = {
      page_free: (page: Page) => void this.free.push(page),
      migrate_to_ram: (vmf: VmFault) => this.migrate_to_ram(vmf),
    };
    this.pagemap = new DevPagemap('MEMORY_DEVICE_PRIVATE', range, ops, this, null);
    this.files = new Map([
      [
        '/dev/nodrv0',
        {
          name: 'nodrv0',
          unlocked_ioctl: (_file, mm, cmd, arg) => this.ioctl(mm, cmd, arg),
        } satisfies FileOperations,
      ],
    ]);
  }

  ready(): void {
    for (let i = 0; i < this.pagemap.nr_pages; i++) this.free.push(this.pagemap.firstPage + i);
  }

  private *ioctl(mm: MmStruct, cmd: number, addr: number): Task<number> {
    const vma = mm.vmas.vma_lookup(addr);
    const dpage = this.free.at(-1);
    if (cmd !== NODRV_MOVE || vma === null) return -EINVAL;
    if (dpage === undefined) return -ENOMEM;
    yield* mm.mmap_lock.down_read('nodrv_move');
    const args = request(this, vma, addr, MIGRATE_VMA_SELECT_SYSTEM);
    const ret = yield* migrate_vma_setup(args);
    if (ret === 0) {
      if ((args.src[0]! & MIGRATE_PFN_MIGRATE) !== 0) this.copy(args, dpage);
      yield* migrate_vma_pages(args);
      if ((args.src[0]! & MIGRATE_PFN_MIGRATE) !== 0) this.moved.set(addr, mm);
      migrate_vma_finalize(args);
    }
    mm.mmap_lock.up_read();
    return ret;
  }

  private copy(args: MigrateVma, dpage: Page): void {
    this.free.pop();
    zone_device_page_init(this.k, dpage);
    this.k.contents.copy_page(dpage, migrate_pfn_to_page(args.src[0]!));
    args.dst[0] = (migrate_pfn(dpage) | (args.src[0]! & MIGRATE_PFN_WRITE)) >>> 0;
  }

  private *migrate_to_ram({ vma, address, page }: VmFault): Task<number> {
    const { k } = this;
    const args = request(this, vma, address, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, page);
    if ((yield* migrate_vma_setup(args)) !== 0) return VM_FAULT_SIGBUS;
    const home = k.pages.alloc_page();
    k.trylock_page(home);
    k.contents.copy_page(home, page);
    args.dst[0] = (migrate_pfn(home) | (args.src[0]! & MIGRATE_PFN_WRITE)) >>> 0;
    yield* migrate_vma_pages(args);
    migrate_vma_finalize(args);
    this.moved.delete(address);
    return 0;
  }
}

// biome-ignore lint/correctness/useYield: loading may sleep in other drivers.
function* load({ kernel }: { kernel: Kernel }): Task<Nodrv | number> {
  const region = request_free_mem_region(kernel.iomem, CHUNK, 'nodrv');
  if (typeof region === 'number') return region;
  const driver = new Nodrv(kernel, region);
  const err = memremap_pages(kernel, driver.pagemap);
  if (err !== 0) return err;
  driver.ready();
  kernel.printk('nodrv: loaded');
  return driver;
}

function* unload(driver: Nodrv): Task {
  const { range } = driver.pagemap;
  const { k } = driver;
  yield* memunmap_pages(k, driver.pagemap);
  __release_region(k.iomem, range.start, CHUNK);
}

export const nodrv: DriverModule<Nodrv> = {
  name: 'nodrv',
  init: 'nodrv_init',
  license: 'GPL',
  parameters: [],
  description: () => 'nothing that anybody has',
  devices: () => ['/dev/nodrv0 (private)'],
  load,
  unload,
};
