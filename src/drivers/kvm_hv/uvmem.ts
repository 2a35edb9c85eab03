// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: arch/powerpc/kvm/book3s_hv_uvmem.c: pages of a guest move between the hypervisor's memory and secure
 * memory, which device private pages stand for. Fidelity: ported; there is no KSM that would have to let go of pages,
 * and pages are 4 KiB.
 */
import type { Kernel } from '../../mm/kernel.js';
import { DevPagemap, memremap_pages, memunmap_pages, zone_device_page_init } from '../../mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../mm/migrate_device.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  new_migrate_vma,
  skip,
} from '../../mm/migrate_vma.js';
import { get_page, put_page } from '../../mm/page_alloc.js';
import { __release_region, request_free_mem_region } from '../../mm/resource.js';
import { VM_FAULT_SIGBUS, type VmArea, type VmFault } from '../../mm/types.js';
import { KernelBug } from '../../sim/errors.js';
import { SpinLock } from '../../sim/locks.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { H_AUTHORITY, H_PARAMETER, H_STATE, H_SUCCESS, H_UNSUPPORTED } from '../../uapi/kvm_hv.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  GFN_MEM_PFN,
  GFN_NONE,
  GFN_SHARED,
  GFN_UVMEM_PFN,
  KVMPPC_SECURE_INIT_DONE,
  KVMPPC_SECURE_INIT_START,
  type Kvm,
  type MemSlot,
} from './kvm.js';

const DEVICE = 'kvmppc_uvmem';

/** struct kvmppc_uvmem_page_pvt: what a page of secure memory stands for. */
interface PagePvt {
  readonly kvm: Kvm;
  readonly gfn: number;
  skip_page_out: boolean;
  remove_gfn: boolean;
}

/** Secure memory, one for all guests. */
export class Uvmem {
  readonly pagemap: DevPagemap;
  /** kvmppc_uvmem_bitmap, a byte a page. */
  private readonly bitmap: Uint8Array;
  private readonly bitmap_lock: SpinLock;
  private readonly pvts = new Map<Page, PagePvt>();

  private constructor(
    readonly k: Kernel,
    range: { readonly start: number; readonly end: number },
  ) {
    const ops = {
      page_free: (page: Page) => this.kvmppc_uvmem_page_free(page),
      migrate_to_ram: (vmf: VmFault) => this.kvmppc_uvmem_migrate_to_ram(vmf),
    };
    this.pagemap = new DevPagemap('MEMORY_DEVICE_PRIVATE', range, ops, this, this);
    this.bitmap = new Uint8Array((range.end - range.start + 1) / PAGE_SIZE);
    this.bitmap_lock = new SpinLock(k.executor, 'kvmppc_uvmem_bitmap_lock');
  }

  /** kvmppc_uvmem_init(). `size`: bytes of secure memory. Return: it, or -errno. */
  static init(k: Kernel, size: number): Uvmem | number {
    const res = request_free_mem_region(k.iomem, size, DEVICE);
    if (typeof res === 'number') return res;
    const uvmem = new Uvmem(k, { start: res.start, end: res.end });
    const err = memremap_pages(k, uvmem.pagemap);
    if (err !== 0) {
      __release_region(k.iomem, res.start, res.end - res.start + 1);
      return err;
    }
    k.printk(`KVMPPC-UVMEM: Secure Memory size 0x${size.toString(16)}`);
    return uvmem;
  }

  /** kvmppc_uvmem_free(). Context: may sleep for ever, where a guest keeps pages. */
  *free(): Task {
    const { start, end } = this.pagemap.range;
    yield* memunmap_pages(this.k, this.pagemap);
    __release_region(this.k.iomem, start, end - start + 1);
  }

  // --- dev_pagemap_ops --------------------------------------------------------------------------------------

  private kvmppc_uvmem_page_free(page: Page): void {
    this.bitmap_lock.spin_lock();
    this.bitmap[page - this.pagemap.firstPage] = 0;
    this.bitmap_lock.spin_unlock();
    const pvt = this.pvts.get(page)!;
    this.pvts.delete(page);
    assert_alive(pvt.kvm, 'kvmppc_uvmem_page_free');
    pvt.kvm.mark(pvt.gfn, pvt.remove_gfn ? GFN_NONE : GFN_MEM_PFN);
  }

  /** The hypervisor touched a secure page. Return: 0 or VM_FAULT_SIGBUS. */
  private *kvmppc_uvmem_migrate_to_ram({ vma, address, page }: VmFault): Task<number> {
    const { kvm, gfn } = this.pvts.get(page)!;
    assert_alive(kvm, 'kvmppc_uvmem_migrate_to_ram');
    const start = address - (address % PAGE_SIZE);
    return (yield* this.kvmppc_svm_page_out(vma, start, kvm, gfn, page)) ? 0 : VM_FAULT_SIGBUS;
  }

  // --- out --------------------------------------------------------------------------------------------------

  /** Context: mmap_lock held; may sleep. Return: whether the page is out, or was. */
  private *kvmppc_svm_page_out(
    vma: VmArea,
    start: number,
    kvm: Kvm,
    gfn: number,
    fault_page: Page,
  ): Task<boolean> {
    yield* kvm.uvmem_lock.mutex_lock('kvmppc_svm_page_out');
    const out = yield* this.__kvmppc_svm_page_out(vma, start, kvm, gfn, fault_page);
    kvm.uvmem_lock.mutex_unlock();
    return out;
  }

  /** Context: uvmem_lock held. */
  private *__kvmppc_svm_page_out(
    vma: VmArea,
    start: number,
    kvm: Kvm,
    gfn: number,
    fault_page: Page,
  ): Task<boolean> {
    if (kvm.state_of(gfn) !== GFN_UVMEM_PFN) return true;
    const mig = this.page_to_migrate(vma, start, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, fault_page);
    if ((yield* migrate_vma_setup(mig)) !== 0) return false;
    const ok = yield* this.move_out(mig, kvm, gfn);
    migrate_vma_finalize(mig);
    return ok;
  }

  /** A new page with what the Ultravisor gives out; nothing where the page is to be shared or dropped. */
  private *move_out(mig: MigrateVma, kvm: Kvm, gfn: number): Task<boolean> {
    const { k } = this;
    const mpfn = mig.src[0]!;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage === NO_PAGE || (mpfn & MIGRATE_PFN_MIGRATE) === 0) return true;
    if (!k.is_zone_device_page(spage)) return true;
    const dpage = k.pages.alloc_page();
    if (dpage === NO_PAGE) {
      skip(mig, mig.start, spage, '__kvmppc_svm_page_out', 'no-system-memory');
      return false;
    }
    k.trylock_page(dpage);
    const isSecure = (kvm.secure_guest & KVMPPC_SECURE_INIT_DONE) !== 0;
    if (!this.pvts.get(spage)!.skip_page_out) kvm.uv.uv_page_out(spage, dpage, gfn, isSecure);
    mig.dst[0] = migrate_pfn(dpage);
    yield* migrate_vma_pages(mig);
    return true;
  }

  /** kvmppc_h_svm_page_out(). Context: may sleep. Return: H_*. */
  *h_svm_page_out(kvm: Kvm, gfn: number): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return H_UNSUPPORTED;
    const { mmap_lock } = kvm.mm;
    yield* mmap_lock.down_read('kvmppc_h_svm_page_out');
    const start = kvm.hva_of(gfn);
    const vma = start < 0 ? null : kvm.mm.vmas.vma_lookup(start);
    const out = vma !== null && (yield* this.kvmppc_svm_page_out(vma, start, kvm, gfn, NO_PAGE));
    mmap_lock.up_read();
    return out ? H_SUCCESS : H_PARAMETER;
  }

  // --- in ---------------------------------------------------------------------------------------------------

  /** A free page of secure memory for the frame; NO_PAGE when there is none. Context: uvmem_lock held. */
  private kvmppc_uvmem_get_page(kvm: Kvm, gfn: number): Page {
    this.bitmap_lock.spin_lock();
    const bit = this.bitmap.indexOf(0);
    if (bit >= 0) this.bitmap[bit] = 1;
    this.bitmap_lock.spin_unlock();
    if (bit < 0) return NO_PAGE;
    const dpage = this.pagemap.firstPage + bit;
    kvm.mark(gfn, GFN_UVMEM_PFN, dpage);
    this.pvts.set(dpage, { kvm, gfn, skip_page_out: false, remove_gfn: false });
    zone_device_page_init(this.k, dpage);
    return dpage;
  }

  /**
   * `copies`: the Ultravisor takes the contents; otherwise the page begins empty.
   * Context: mmap_lock and uvmem_lock held; may sleep. Return: whether it was tried; a page that does not migrate in
   * the end gives the secure page back.
   */
  private *kvmppc_svm_page_in(
    vma: VmArea,
    start: number,
    kvm: Kvm,
    gfn: number,
    copies: boolean,
  ): Task<boolean> {
    const mig = this.page_to_migrate(vma, start, MIGRATE_VMA_SELECT_SYSTEM, NO_PAGE);
    if ((yield* migrate_vma_setup(mig)) !== 0) return false;
    const mpfn = mig.src[0]!;
    let dpage: Page = NO_PAGE;
    if ((mpfn & MIGRATE_PFN_MIGRATE) !== 0) {
      dpage = this.kvmppc_uvmem_get_page(kvm, gfn);
      if (dpage === NO_PAGE) skip(mig, start, NO_PAGE, 'kvmppc_uvmem_get_page', 'device-full');
    }
    if (dpage !== NO_PAGE) {
      this.k.contents.clear_page(dpage);
      const spage = migrate_pfn_to_page(mpfn);
      if (copies && spage !== NO_PAGE) kvm.uv.uv_page_in(spage, dpage, gfn);
      mig.dst[0] = migrate_pfn(dpage);
      yield* migrate_vma_pages(mig);
    }
    migrate_vma_finalize(mig);
    return dpage !== NO_PAGE;
  }

  /** kvmppc_h_svm_page_in(), without H_PAGE_IN_SHARED. Context: may sleep. Return: H_*. */
  *h_svm_page_in(kvm: Kvm, gfn: number): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return H_UNSUPPORTED;
    const { mmap_lock } = kvm.mm;
    yield* mmap_lock.down_read('kvmppc_h_svm_page_in');
    const start = kvm.hva_of(gfn);
    let ret = H_PARAMETER;
    if (start >= 0) {
      yield* kvm.uvmem_lock.mutex_lock('kvmppc_h_svm_page_in');
      const vma = kvm.state_of(gfn) === GFN_UVMEM_PFN ? null : kvm.mm.vmas.vma_lookup(start);
      if (vma !== null && (yield* this.kvmppc_svm_page_in(vma, start, kvm, gfn, true))) ret = H_SUCCESS;
      kvm.uvmem_lock.mutex_unlock();
    }
    mmap_lock.up_read();
    return ret;
  }

  /** kvmppc_share_page(): a page of the hypervisor's takes the secure one's place. Context: may sleep. Return: H_*. */
  *h_svm_page_share(kvm: Kvm, gfn: number): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return H_UNSUPPORTED;
    for (;;) {
      yield* kvm.uvmem_lock.mutex_lock('kvmppc_share_page');
      this.drop_without_page_out(kvm, gfn);
      kvm.uvmem_lock.mutex_unlock();
      const page = yield* kvm.gfn_to_page(gfn);
      if (page === NO_PAGE) return H_PARAMETER;
      yield* kvm.uvmem_lock.mutex_lock('kvmppc_share_page');
      // Secure once more already: again.
      const again = kvm.state_of(gfn) === GFN_UVMEM_PFN;
      if (!again) {
        kvm.uv.uv_page_share(gfn);
        kvm.mark(gfn, GFN_SHARED);
      }
      put_page(this.k, page);
      kvm.uvmem_lock.mutex_unlock();
      if (!again) return H_SUCCESS;
    }
  }

  /** What comes out of secure memory next is not asked for: the frame goes on as a shared one. */
  private drop_without_page_out(kvm: Kvm, gfn: number): void {
    const page = kvm.uvmem_page_of(gfn);
    if (page === NO_PAGE) return;
    const pvt = this.pvts.get(page)!;
    pvt.skip_page_out = true;
    pvt.remove_gfn = false;
  }

  // --- the guest becomes secure, or stops being so ------------------------------------------------------------

  /** __kvmppc_uvmem_memslot_create(). Return: H_*; H_STATE where memory of the slot is not mapped. */
  private *memslot_create(kvm: Kvm, slot: MemSlot): Task<number> {
    const { mmap_lock, vmas } = kvm.mm;
    yield* mmap_lock.down_write('kvmppc_memslot_page_merge');
    const end = slot.userspace_addr + slot.npages * PAGE_SIZE;
    let start = slot.userspace_addr;
    while (start < end) {
      const vma = vmas.find_vma(start);
      if (vma === null || vma.vm_start >= end) break;
      start = vma.vm_end;
    }
    mmap_lock.up_write();
    if (start < end) return H_PARAMETER;
    slot.states = new Uint8Array(slot.npages);
    slot.pages = new Uint32Array(slot.npages);
    return H_SUCCESS;
  }

  /** kvmppc_h_svm_init_start(). Context: may sleep. Return: H_*. */
  *h_svm_init_start(kvm: Kvm): Task<number> {
    kvm.secure_guest = KVMPPC_SECURE_INIT_START;
    if (!kvm.svm_enabled) return H_AUTHORITY;
    for (const slot of kvm.slots) {
      const ret = yield* this.memslot_create(kvm, slot);
      // Slots before this one stay registered: it is the failing one that the kernel deletes, once for each of them.
      if (ret !== H_SUCCESS) return ret;
    }
    return H_SUCCESS;
  }

  /** kvmppc_uv_migrate_mem_slot(): what is neither secure nor shared yet becomes secure, empty. Return: H_*. */
  private *migrate_mem_slot(kvm: Kvm, { states, base_gfn, userspace_addr }: MemSlot): Task<number> {
    const { mmap_lock } = kvm.mm;
    yield* mmap_lock.down_read('kvmppc_uv_migrate_mem_slot');
    yield* kvm.uvmem_lock.mutex_lock('kvmppc_uv_migrate_mem_slot');
    let ret = H_SUCCESS;
    for (let index = 0; states !== null && index < states.length && ret === H_SUCCESS; index++) {
      if (states[index] !== GFN_NONE) continue;
      const start = userspace_addr + index * PAGE_SIZE;
      const vma = kvm.mm.vmas.vma_lookup(start);
      const moved =
        vma !== null && (yield* this.kvmppc_svm_page_in(vma, start, kvm, base_gfn + index, false));
      if (!moved) ret = H_STATE;
    }
    kvm.uvmem_lock.mutex_unlock();
    mmap_lock.up_read();
    return ret;
  }

  /** Memory that the guest gets later. Context: may sleep. Return: H_*. */
  *kvmppc_uvmem_memslot_create(kvm: Kvm, slot: MemSlot): Task<number> {
    const ret = yield* this.memslot_create(kvm, slot);
    return ret === H_SUCCESS ? yield* this.migrate_mem_slot(kvm, slot) : ret;
  }

  /** kvmppc_h_svm_init_done(). Context: may sleep. Return: H_*. */
  *h_svm_init_done(kvm: Kvm): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return H_UNSUPPORTED;
    for (const slot of kvm.slots) {
      if ((yield* this.migrate_mem_slot(kvm, slot)) !== H_SUCCESS) return H_STATE;
    }
    kvm.secure_guest |= KVMPPC_SECURE_INIT_DONE;
    this.k.printk(`LPID ${kvm.lpid} went secure`);
    return H_SUCCESS;
  }

  /** kvmppc_h_svm_init_abort(). Context: may sleep. Return: H_*. */
  *h_svm_init_abort(kvm: Kvm): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return H_UNSUPPORTED;
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_DONE) !== 0) return H_STATE;
    for (const slot of kvm.slots) yield* this.kvmppc_uvmem_drop_pages(kvm, slot, false);
    kvm.secure_guest = 0;
    kvm.uv.uv_svm_terminate();
    return H_PARAMETER;
  }

  /** kvmhv_svm_off(): the guest is reset. Context: may sleep. Return: 0. */
  *svm_off(kvm: Kvm): Task<number> {
    if ((kvm.secure_guest & KVMPPC_SECURE_INIT_START) === 0) return 0;
    for (const slot of kvm.slots) yield* this.kvmppc_uvmem_drop_pages(kvm, slot, true);
    kvm.uv.uv_svm_terminate();
    kvm.secure_guest = 0;
    return 0;
  }

  /** The slot's pages leave secure memory; `skip_page_out`: without their contents. Context: may sleep. */
  private *kvmppc_uvmem_drop_pages(kvm: Kvm, slot: MemSlot, skip_page_out: boolean): Task {
    const { mmap_lock, vmas } = kvm.mm;
    yield* mmap_lock.down_read('kvmppc_uvmem_drop_pages');
    for (let index = 0; index < slot.npages; index++) {
      const gfn = slot.base_gfn + index;
      const addr = slot.userspace_addr + index * PAGE_SIZE;
      const vma = vmas.vma_lookup(addr);
      if (vma === null) {
        this.k.printk(`Can't find VMA for gfn:0x${gfn.toString(16)}`);
        break;
      }
      yield* kvm.uvmem_lock.mutex_lock('kvmppc_uvmem_drop_pages');
      const page = kvm.uvmem_page_of(gfn);
      if (page === NO_PAGE) {
        kvm.mark(gfn, GFN_NONE);
      } else {
        const pvt = this.pvts.get(page)!;
        pvt.skip_page_out = skip_page_out;
        pvt.remove_gfn = true;
        if (!(yield* this.__kvmppc_svm_page_out(vma, addr, kvm, gfn, NO_PAGE))) {
          const [gpa, at] = [gfn * PAGE_SIZE, addr].map((n) => `0x${n.toString(16)}`);
          this.k.printk(`Can't page out gpa:${gpa} addr:${at}`);
        }
      }
      kvm.uvmem_lock.mutex_unlock();
    }
    mmap_lock.up_read();
  }

  // --- what the guest does ------------------------------------------------------------------------------------

  /**
   * The page that has the contents of a frame for the guest, with a reference; it is the Ultravisor that brings in what
   * was paged out. Context: may sleep. Return: NO_PAGE where the guest has none.
   */
  *guest_page(kvm: Kvm, gfn: number): Task<Page> {
    const secure = (kvm.secure_guest & KVMPPC_SECURE_INIT_DONE) !== 0;
    if (kvm.state_of(gfn) === GFN_MEM_PFN || (secure && kvm.state_of(gfn) === GFN_NONE)) {
      if ((yield* this.h_svm_page_in(kvm, gfn)) !== H_SUCCESS) return NO_PAGE;
    }
    const page = kvm.uvmem_page_of(gfn);
    if (page === NO_PAGE) return yield* kvm.gfn_to_page(gfn);
    get_page(this.k, page);
    return page;
  }

  // ------------------------------------------------------------------------------------------------------------

  /** struct migrate_vma of one page. */
  private page_to_migrate(vma: VmArea, start: number, flags: number, fault_page: Page): MigrateVma {
    const pgmap_owner = flags === MIGRATE_VMA_SELECT_SYSTEM ? null : this;
    return new_migrate_vma({ vma, start, end: start + PAGE_SIZE, pgmap_owner, flags, fault_page });
  }
}

/** Pages of secure memory may outlive their guest; what they lead to then is freed memory. */
function assert_alive(kvm: Kvm, fn: string): void {
  if (!kvm.gone) return;
  throw new KernelBug(fn, 'use after free: the guest of the secure page is gone; its struct kvm is freed');
}
