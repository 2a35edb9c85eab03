// SPDX-License-Identifier: GPL-2.0-only
// @ts-check
/**
 * A driver of one's own: /dev/mirror0 mirrors the address space of who opens it, and has one chunk of private memory.
 * READ lets the device read pages, MIGRATE takes them to the device, EVICT brings home what the device has.
 *
 *     hmm-sim run --insmod examples/drivers/mirror.js examples/drivers/mirror.yaml
 */
import * as hmm from 'hmm-sim/driver';

const { EBUSY, EFAULT, EINVAL, ENOMEM, ENOTTY } = hmm.errno;

/** Bytes of device memory, unless the parameter chunk_mb says otherwise. */
const CHUNK_MB = 2;

// --- the interface: struct mirror_cmd { __u64 addr, npages, ptr, cpages; } ---------------------------------

const SIZE = 32;
/** @param {number} nr */
const IOWR = (nr) => 0xc0000000 + SIZE * 0x10000 + 0x4d00 + nr;
const [MIRROR_READ, MIRROR_MIGRATE, MIRROR_EVICT] = [IOWR(0), IOWR(1), IOWR(2)];

/** What they are told as. @type {Record<number, Pick<hmm.ToldCommand, 'name' | 'does' | 'toDevice' | 'fn'>>} */
const COMMANDS = {
  [MIRROR_READ]: { name: 'READ', does: 'read', fn: 'mirror_read' },
  [MIRROR_MIGRATE]: { name: 'MIGRATE', does: 'migrate', toDevice: true, fn: 'mirror_migrate' },
  [MIRROR_EVICT]: { name: 'EVICT', does: 'migrate', fn: 'mirror_evict' },
};

/** @typedef {{ start: number, end: number }} Range Bytes, [start, end). */

/** @param {hmm.StepRequest} request */
function encode({ addr, pages, ptr }) {
  return new Uint8Array(new BigUint64Array([BigInt(addr), BigInt(pages), BigInt(ptr), 0n]).buffer);
}

/** @param {Uint8Array} bytes */
function decode(bytes) {
  const [addr, npages, ptr, cpages] = Array.from(new BigUint64Array(bytes.slice().buffer), Number);
  return { addr: addr ?? 0, npages: npages ?? 0, ptr: ptr ?? 0, cpages: cpages ?? 0 };
}

// --- the device ---------------------------------------------------------------------------------------------

/** One open file: the mirror of an address space. */
class Mirror {
  /** The device page table: the page that holds the data of an address. Guarded by: mutex. */
  table = /** @type {Map<number, hmm.Page>} */ (new Map());
  notifier = new hmm.MmuIntervalNotifier(this);

  /** @param {hmm.Kernel} k @param {number} id */
  constructor(k, id) {
    this.id = id;
    this.mutex = new hmm.Mutex(k, 'mirror mutex');
  }

  /** The CPU's page table changes: forget the range. @param {hmm.MmuNotifierRange} range @param {number} seq */
  *invalidate(range, seq) {
    yield* hmm.mutex_lock(this.mutex);
    hmm.mmu_interval_set_seq(this.notifier, seq);
    for (const addr of this.table.keys()) {
      if (addr >= range.start && addr < range.end) this.table.delete(addr);
    }
    hmm.mutex_unlock(this.mutex);
    return true;
  }
}

/** @implements {hmm.Driver} */
class MirrorDriver {
  name = 'mirror';
  device = { name: 'mirror0', minor: 0, migrate_to_ram: 'mirror_fault' };
  files = new Map([['/dev/mirror0', this.fops()]]);
  mirrors = /** @type {Mirror[]} */ ([]);
  /** Pages of the chunk that nobody uses. */
  free = /** @type {hmm.Page[]} */ ([]);

  /** What explain, show and the checkers see. @type {hmm.DriverView} */
  view = {
    devices: [this.device],
    deviceOf: (page) => (this.k.pgmapOf(page) === this.pagemap ? this.device : null),
    accesses: (mm, addr) =>
      this.open(mm).some(({ table }) => table.has(addr)) ? [{ device: this.device, access: 'r' }] : [],
    knows: (file, addr) => this.mirrors.some(({ id, table }) => id === file && table.has(addr)),
    entries: () => this.entries(),
    openFiles: () => this.mirrors.length,
  };

  /** @param {hmm.Kernel} k @param {{ start: number, end: number }} region */
  constructor(k, region) {
    this.k = k;
    this.pagemap = new hmm.DevPagemap('MEMORY_DEVICE_PRIVATE', region, this, this);
  }

  /** @param {hmm.MmStruct} mm */
  open(mm) {
    return this.mirrors.filter(({ notifier }) => notifier.mm === mm);
  }

  *entries() {
    for (const { notifier, table } of this.mirrors) {
      for (const [addr, page] of table) {
        yield { device: this.device, mm: notifier.mm, addr, page, write: false };
      }
    }
  }

  /** @returns {hmm.FileOperations} */
  fops() {
    const driver = this;
    return {
      name: 'mirror0',
      *open(file, mm) {
        const mirror = new Mirror(driver.k, (driver.mirrors.at(-1)?.id ?? 0) + 1);
        const ops = {
          /** @type {hmm.MmuIntervalNotifierOps['invalidate']} */
          invalidate: (_, range, seq) => mirror.invalidate(range, seq),
        };
        const ret = hmm.mmu_interval_notifier_insert(mirror.notifier, mm, 0, 2 ** 47, ops);
        if (ret !== 0) return ret;
        file.private_data = mirror;
        driver.mirrors.push(mirror);
        return 0;
      },
      *release(file) {
        const mirror = /** @type {Mirror} */ (file.private_data);
        yield* hmm.mmu_interval_notifier_remove(mirror.notifier);
        driver.mirrors.splice(driver.mirrors.indexOf(mirror), 1);
      },
      *unlocked_ioctl(file, mm, cmd, arg) {
        const command = COMMANDS[cmd];
        if (command === undefined) return -ENOTTY;
        const bytes = yield* hmm.copy_from_user(mm, arg, SIZE);
        if (bytes === null) return -EFAULT;
        const { addr, npages, ptr } = decode(bytes);
        if (addr % hmm.PAGE_SIZE !== 0 || npages < 1 || npages > 512) return -EINVAL;
        const mirror = /** @type {Mirror} */ (file.private_data);
        const ret = yield* hmm.tell_command(
          { ...command, mm, addr, pages: npages, device: 'mirror0', file: mirror.id },
          driver.serve(cmd, mirror, { start: addr, end: addr + npages * hmm.PAGE_SIZE }, ptr),
        );
        if (ret < 0) return ret;
        new DataView(bytes.buffer).setBigUint64(24, BigInt(ret), true);
        return (yield* hmm.copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
      },
    };
  }

  /** Return: pages, or -errno. @param {number} cmd @param {Mirror} mirror @param {Range} range @param {number} ptr */
  serve(cmd, mirror, range, ptr) {
    if (cmd === MIRROR_READ) return this.read(mirror, range, ptr);
    return cmd === MIRROR_MIGRATE ? this.migrate(mirror.notifier.mm, range) : this.evict();
  }

  // --- reading through the device page table --------------------------------------------------------------

  /** Return: pages, or -errno. @param {Mirror} mirror @param {Range} range @param {number} ptr */
  *read(mirror, { start, end }, ptr) {
    const { notifier, mutex, table } = mirror;
    const pages = (end - start) / hmm.PAGE_SIZE;
    const range = {
      notifier,
      notifier_seq: 0,
      start,
      end,
      hmm_pfns: new Uint32Array(pages),
      hmm_flags: new Uint16Array(pages),
      default_flags: hmm.HMM_PFN_REQ_FAULT,
      dev_private_owner: this,
    };
    for (;;) {
      range.notifier_seq = yield* hmm.mmu_interval_read_begin(notifier);
      yield* hmm.mmap_read_lock(notifier.mm);
      const ret = yield* hmm.hmm_range_fault(range);
      hmm.mmap_read_unlock(notifier.mm);
      if (ret === -EBUSY) continue;
      if (ret !== 0) return ret;
      yield* hmm.mutex_lock(mutex);
      if (!hmm.mmu_interval_read_retry(notifier, range.notifier_seq)) break;
      hmm.mutex_unlock(mutex);
    }
    const data = new Uint8Array(pages * hmm.PAGE_SIZE);
    for (const [n, page] of range.hmm_pfns.entries()) {
      const addr = start + n * hmm.PAGE_SIZE;
      table.set(addr, page);
      hmm.tell_device_fault(notifier.mm, addr, 'mirror0', 'mirror_read');
      data.set(hmm.memcpy_from_page(this.k, page, 0, hmm.PAGE_SIZE), n * hmm.PAGE_SIZE);
    }
    hmm.mutex_unlock(mutex);
    return (yield* hmm.copy_to_user(notifier.mm, ptr, data)) ? pages : -EFAULT;
  }

  // --- migration --------------------------------------------------------------------------------------------

  /** To the device, as far as it has room. Return: pages, or -errno. @param {hmm.MmStruct} mm @param {Range} range */
  *migrate(mm, { start, end }) {
    yield* hmm.mmap_read_lock(mm);
    const vma = hmm.vma_lookup(mm, start);
    let ret = -EINVAL;
    if (vma !== null && end <= vma.vm_end) {
      const flags = hmm.MIGRATE_VMA_SELECT_SYSTEM;
      const args = hmm.migrate_vma({ vma, start, end, pgmap_owner: this, flags });
      ret = yield* this.move(args, () => this.device_page());
    }
    hmm.mmap_read_unlock(mm);
    return ret;
  }

  /** @returns {hmm.Page} */
  device_page() {
    const page = this.free.pop();
    if (page === undefined) return hmm.NO_PAGE;
    hmm.zone_device_page_init(this.k, page);
    return page;
  }

  system_page() {
    const page = hmm.alloc_page(this.k, true);
    if (page !== hmm.NO_PAGE) hmm.trylock_page(this.k, page);
    return page;
  }

  /** Return: pages that moved, or -errno. @param {hmm.MigrateVma} args @param {() => hmm.Page} allocate */
  *move(args, allocate) {
    const ret = yield* hmm.migrate_vma_setup(args);
    if (ret !== 0) return ret;
    this.copy(args.src, args.dst, allocate);
    yield* hmm.migrate_vma_pages(args);
    const moved = args.src.filter((mpfn) => (mpfn & hmm.MIGRATE_PFN_MIGRATE) !== 0).length;
    hmm.migrate_vma_finalize(args);
    return moved;
  }

  /** Give each page that migrates a new one. @param {Uint32Array} src @param {Uint32Array} dst @param {() => hmm.Page} allocate */
  copy(src, dst, allocate) {
    for (const [n, mpfn] of src.entries()) {
      if ((mpfn & hmm.MIGRATE_PFN_MIGRATE) === 0) continue;
      const to = allocate();
      if (to === hmm.NO_PAGE) continue;
      const from = hmm.migrate_pfn_to_page(mpfn);
      if (from === hmm.NO_PAGE) hmm.clear_highpage(this.k, to);
      else hmm.copy_highpage(this.k, to, from);
      dst[n] = (hmm.migrate_pfn(to) | (mpfn & hmm.MIGRATE_PFN_WRITE)) >>> 0;
    }
  }

  /** All pages of the chunk that are in use come home. */
  *evict() {
    const { firstPage, nr_pages } = this.pagemap;
    const [src, dst] = [new Uint32Array(nr_pages), new Uint32Array(nr_pages)];
    yield* hmm.migrate_device_range(this.k, src, firstPage, nr_pages);
    this.copy(src, dst, () => this.system_page());
    yield* hmm.migrate_device_pages(this.k, src, dst, nr_pages);
    hmm.migrate_device_finalize(this.k, src, dst, nr_pages);
    return src.filter((mpfn) => (mpfn & hmm.MIGRATE_PFN_MIGRATE) !== 0).length;
  }

  // --- dev_pagemap_ops ----------------------------------------------------------------------------------------

  /** @param {hmm.Page} page */
  page_free(page) {
    this.free.push(page);
  }

  /** The CPU touched a page of the device. @param {hmm.VmFault} fault */
  *migrate_to_ram({ vma, address, page }) {
    const flags = hmm.MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
    const end = address + hmm.PAGE_SIZE;
    const args = hmm.migrate_vma({ vma, start: address, end, pgmap_owner: this, flags, fault_page: page });
    const ret = yield* this.move(args, () => this.system_page());
    return ret < 0 ? hmm.VM_FAULT_SIGBUS : 0;
  }
}

/** @param {number} request @param {string} help */
const step = (request, help) => ({ request, help, encode, decode });

export default hmm.defineDriver({
  interface: 1,
  name: 'mirror',
  init: 'mirror_init',
  license: 'GPL',
  parameters: [{ name: 'chunk_mb', type: 'long', description: () => 'device memory, in MiB' }],
  description: () => 'a mirror with one chunk of private memory',
  devices: () => ['/dev/mirror0 (private)'],
  steps: {
    READ: { ...step(MIRROR_READ, 'the device reads pages'), fillsBuffer: true },
    MIGRATE: step(MIRROR_MIGRATE, 'pages go to the device'),
    EVICT: step(MIRROR_EVICT, 'all pages of the device come home'),
  },
  // biome-ignore lint/correctness/useYield: loading may sleep in other drivers
  *load({ kernel }, params) {
    const bytes = Number(params.chunk_mb ?? CHUNK_MB) * 2 ** 20;
    const region = hmm.request_free_mem_region(kernel.iomem, bytes, 'mirror');
    if (typeof region === 'number') return -ENOMEM;
    const driver = new MirrorDriver(kernel, region);
    const err = hmm.memremap_pages(kernel, driver.pagemap);
    if (err !== 0) return err;
    const { firstPage, nr_pages } = driver.pagemap;
    for (let n = nr_pages - 1; n >= 0; n--) driver.free.push(firstPage + n);
    return driver;
  },
  *unload(driver) {
    yield* driver.evict();
    yield* hmm.memunmap_pages(driver.k, driver.pagemap);
    const { start, end } = driver.pagemap.range;
    hmm.__release_region(driver.k.iomem, start, end - start + 1);
  },
});
