// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: struct kvm, and the states of guest frames in arch/powerpc/kvm/book3s_hv_uvmem.c. Fidelity: ported. */
import { get_user_pages } from '../../mm/gup.js';
import { FOLL_WRITE } from '../../mm/gup_flags.js';
import type { MmStruct } from '../../mm/types.js';
import { Mutex } from '../../sim/locks.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { Ultravisor } from './ultravisor.js';

export const KVMPPC_SECURE_INIT_START = 1;
export const KVMPPC_SECURE_INIT_DONE = 2;

/** What backs a guest frame. Nothing of it is secure or shared yet; a page of secure memory; one that was paged out; one that both sides see. */
export const GFN_NONE = 0;
export const GFN_UVMEM_PFN = 1;
export const GFN_MEM_PFN = 2;
export const GFN_SHARED = 3;

/** struct kvm_memory_slot, with the struct kvmppc_uvmem_slot of a guest that becomes secure. */
export class MemSlot {
  /** GFN_*, by frame; null until the guest begins to become secure. */
  states: Uint8Array | null = null;
  /** By frame, the device page where the state is GFN_UVMEM_PFN. */
  pages: Uint32Array | null = null;

  constructor(
    readonly base_gfn: number,
    readonly npages: number,
    /** Bytes. */
    readonly userspace_addr: number,
  ) {}
}

export class Kvm {
  readonly slots: MemSlot[] = [];
  /** kvm->arch.uvmem_lock: one page in or out at a time. */
  readonly uvmem_lock: Mutex;
  readonly uv: Ultravisor;
  secure_guest = 0;
  svm_enabled = false;
  /** kvm_destroy_vm() has freed it. */
  gone = false;

  constructor(
    readonly mm: MmStruct,
    readonly lpid: number,
  ) {
    this.uvmem_lock = new Mutex(mm.kernel.executor, 'uvmem_lock');
    this.uv = new Ultravisor(mm.kernel);
  }

  /** The guest frame of a user address; -1 for none. */
  gfn_of(hva: number): number {
    for (const { base_gfn, npages, userspace_addr } of this.slots) {
      const index = Math.floor((hva - userspace_addr) / PAGE_SIZE);
      if (index >= 0 && index < npages) return base_gfn + index;
    }
    return -1;
  }

  /** gfn_to_memslot(). */
  slot_of(gfn: number): MemSlot | null {
    return this.slots.find(({ base_gfn, npages }) => gfn >= base_gfn && gfn < base_gfn + npages) ?? null;
  }

  /** gfn_to_hva(): bytes; -1 where no memory is. */
  hva_of(gfn: number): number {
    const slot = this.slot_of(gfn);
    return slot === null ? -1 : slot.userspace_addr + (gfn - slot.base_gfn) * PAGE_SIZE;
  }

  /** Return: GFN_*. */
  state_of(gfn: number): number {
    const slot = this.slot_of(gfn);
    return slot?.states?.[gfn - slot.base_gfn] ?? GFN_NONE;
  }

  /** kvmppc_gfn_is_uvmem_pfn(): the device page of a secure frame; NO_PAGE otherwise. */
  uvmem_page_of(gfn: number): Page {
    const slot = this.slot_of(gfn);
    if (slot?.states?.[gfn - slot.base_gfn] !== GFN_UVMEM_PFN) return NO_PAGE;
    return slot.pages![gfn - slot.base_gfn]!;
  }

  /** kvmppc_mark_gfn(); a slot that is not registered has no marks. */
  mark(gfn: number, state: number, page: Page = NO_PAGE): void {
    const slot = this.slot_of(gfn);
    if (slot === null || slot.states === null) return;
    slot.states[gfn - slot.base_gfn] = state;
    slot.pages![gfn - slot.base_gfn] = page;
  }

  /** gfn_to_pfn(), for writing. Context: may sleep. Return: a page with a reference, or NO_PAGE. */
  *gfn_to_page(gfn: number): Task<Page> {
    const hva = this.hva_of(gfn);
    if (hva < 0) return NO_PAGE;
    const pages = new Uint32Array(1);
    yield* this.mm.mmap_lock.down_read('hva_to_pfn');
    const got = yield* get_user_pages(this.mm, hva, 1, FOLL_WRITE, pages);
    this.mm.mmap_lock.up_read();
    return got === 1 ? pages[0]! : NO_PAGE;
  }
}
