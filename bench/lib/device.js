// SPDX-License-Identifier: GPL-2.0-only
/**
 * A small driver over src/mm: device memory without backing pages, and migration to it and back. No mirror of the
 * page table, no copies for user space: what is measured is the memory core.
 */
import { DevPagemap, memremap_pages, zone_device_page_init } from '../../dist/mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../dist/mm/migrate_device.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_COMPOUND,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  migrate_pfn,
  migrate_pfn_to_page,
} from '../../dist/mm/migrate_vma.js';
import { request_free_mem_region } from '../../dist/mm/resource.js';

const NO_PAGE = 0;
const HUGE_ORDER = 9;
const HUGE = 1 << HUGE_ORDER;

/** @typedef {import('../../dist/mm/migrate_vma.js').MigrateVma} MigrateVma */
/** @typedef {import('../../dist/mm/types.js').MmStruct} MmStruct */

export class BenchDevice {
  /** Pages that came back, last in first out, linked in page->private. */
  #free = NO_PAGE;
  #virgin;
  #end;

  /**
   * @param {import('../../dist/mm/kernel.js').Kernel} k
   * @param {'private' | 'coherent'} type
   * @param {{ start: number, size: number }} range physical; a private device looks for a place of its own
   * @param {number} batch pages that one migrate_vma_setup() takes
   * @param {boolean} [huge] the device has pages of 2 MiB, and no others
   */
  constructor(k, type, range, batch, huge = false) {
    this.k = k;
    this.huge = huge;
    this.batch = batch;
    this.src = new Uint32Array(batch);
    this.dst = new Uint32Array(batch);
    this.select = type === 'private' ? MIGRATE_VMA_SELECT_DEVICE_PRIVATE : MIGRATE_VMA_SELECT_DEVICE_COHERENT;
    const { start, end } = type === 'private' ? this.#region(range.size) : span(range);
    const memory = type === 'private' ? 'MEMORY_DEVICE_PRIVATE' : 'MEMORY_DEVICE_COHERENT';
    const ops = {
      page_free: (/** @type {number} */ page) => this.#page_free(page),
      // Private memory must have it; here no CPU touches what is on the device.
      migrate_to_ram: () => {
        throw new Error('a page on the device was touched');
      },
    };
    this.pagemap = new DevPagemap(memory, { start, end }, ops, this, this);
    const err = memremap_pages(k, this.pagemap);
    if (err !== 0) throw new Error(`memremap_pages failed: ${err}`);
    this.#virgin = this.pagemap.firstPage;
    this.#end = this.#virgin + this.pagemap.nr_pages;
  }

  /** @param {number} size */
  #region(size) {
    const res = request_free_mem_region(this.k.iomem, size, 'bench');
    if (typeof res === 'number') throw new Error(`no free physical range of ${size} bytes: ${res}`);
    return res;
  }

  /** @param {number} page */
  #page_free(page) {
    this.k.mem.priv[page] = this.#free;
    this.#free = page;
  }

  /** A locked device page with one reference; NO_PAGE when the device is full. */
  #alloc() {
    let page = this.#free;
    if (page !== NO_PAGE) this.#free = this.k.mem.priv[page];
    else if (this.#virgin < this.#end) {
      page = this.#virgin;
      this.#virgin += this.huge ? HUGE : 1;
    } else return NO_PAGE;
    zone_device_page_init(this.k, page, this.huge ? HUGE_ORDER : 0);
    return page;
  }

  /** A locked system page with one reference; NO_PAGE without memory. */
  #allocSystem() {
    const page = this.huge ? this.k.pages.alloc_huge() : this.k.pages.alloc_page();
    if (page !== NO_PAGE) this.k.trylock_page(page);
    return page;
  }

  /** @param {MigrateVma} args @param {boolean} toDevice */
  #allocAndCopy(args, toDevice) {
    const { src, dst } = this;
    const { contents } = this.k;
    const nr = this.huge ? HUGE : 1;
    const compound = this.huge ? MIGRATE_PFN_COMPOUND : 0;
    for (let n = 0; n < args.npages; n += nr) {
      const mpfn = src[n];
      if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
      if ((mpfn & MIGRATE_PFN_COMPOUND) !== compound)
        throw new Error('a page has not the size that it should');
      const page = toDevice ? this.#alloc() : this.#allocSystem();
      if (page === NO_PAGE) continue;
      if (this.huge) contents.copy_pages(page, migrate_pfn_to_page(mpfn), HUGE);
      else contents.copy_page(page, migrate_pfn_to_page(mpfn));
      dst[n] = (migrate_pfn(page) | (mpfn & MIGRATE_PFN_WRITE) | compound) >>> 0;
    }
  }

  /**
   * Migrate populated memory. Context: may sleep.
   *
   * @param {MmStruct} mm
   * @param {number} start
   * @param {number} end
   * @param {boolean} toDevice
   * @returns {Generator<any, number, void>} how many pages migrated
   */
  *migrate(mm, start, end, toDevice) {
    yield* mm.mmap_lock.down_read('bench_migrate');
    let migrated = 0;
    let addr = start;
    while (addr < end) {
      const vma = mm.vmas.vma_lookup(addr);
      if (vma === null) break;
      const next = Math.min(end, vma.vm_end, addr + this.batch * 4096);
      const whole = this.huge ? MIGRATE_VMA_SELECT_COMPOUND : 0;
      const flags = (toDevice ? MIGRATE_VMA_SELECT_SYSTEM : this.select) | whole;
      const { src, dst } = this;
      const args = { vma, src, dst, cpages: 0, npages: 0, start: addr, end: next };
      migrated += yield* this.#step({ ...args, pgmap_owner: this, flags, fault_page: NO_PAGE }, toDevice);
      addr = next;
    }
    mm.mmap_lock.up_read();
    return migrated;
  }

  /** @param {MigrateVma} args @param {boolean} toDevice @returns {Generator<any, number, void>} */
  *#step(args, toDevice) {
    const err = yield* migrate_vma_setup(args);
    if (err !== 0) throw new Error(`migrate_vma_setup failed: ${err}`);
    this.#allocAndCopy(args, toDevice);
    yield* migrate_vma_pages(args);
    let migrated = 0;
    const nr = this.huge ? HUGE : 1;
    for (let n = 0; n < args.npages; n += nr) if ((this.src[n] & MIGRATE_PFN_MIGRATE) !== 0) migrated += nr;
    migrate_vma_finalize(args);
    return migrated;
  }
}

/** @param {{ start: number, size: number }} range */
function span({ start, size }) {
  return { start, end: start + size - 1 };
}
