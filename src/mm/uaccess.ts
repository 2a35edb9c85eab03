// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: arch/x86/mm/fault.c, lib/usercopy.c, and the CPU's own loads and stores. Every access to user memory,
 * by a program or by the kernel on its behalf, comes through here.
 *
 * An access has two halves: `tryPage`, plain, over the software TLB and the page table; and `faultPage`, a generator,
 * that takes the fault. Callers loop: try, fault, try again.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import type { Tlb } from '../sim/tlb.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { handle_mm_fault } from './memory.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_index,
  pmd_trans_huge,
  pte_index,
} from './pgtable.js';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_VMA_LOCK,
  FAULT_FLAG_WRITE,
  type MmStruct,
  VM_FAULT_HWPOISON,
  VM_FAULT_HWPOISON_LARGE,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_WRITE,
  vma_is_accessible,
} from './types.js';
import { take_userfault, wait_for_userfault, waits_for_userfault } from './userfaultfd_k.js';

/** User addresses end here. */
const TASK_SIZE_MAX = 0x7ffffffff000;

export type Signal = 'SIGSEGV' | 'SIGBUS';

/** What the running processor has cached of the address space. */
const tlbOf = (mm: MmStruct): Tlb => mm.kernel.executor.cpu.tlbs[mm.id]!;

/** The page that the CPU reaches at `addr` without a fault; NO_PAGE when the access would fault. */
export function tryPage(mm: MmStruct, addr: number, write: boolean): Page {
  const vpn = Math.floor(addr / PAGE_SIZE);
  const cached = tlbOf(mm).lookup(vpn, write);
  if (cached !== NO_PAGE) return cached;
  return walk(mm, addr, vpn, write);
}

/** What the hardware's page walk does: check, set accessed and dirty, fill the TLB. */
function walk(mm: MmStruct, addr: number, vpn: number, write: boolean): Page {
  const need = write ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT;
  const check = need | PTE_PROTNONE;
  if (addr >= TASK_SIZE_MAX) return NO_PAGE;
  const pmd = mm.pt.pmdTable(addr);
  if (pmd === null) return NO_PAGE;
  const m = pmd_index(addr);
  const table = pmd.child[m]!;
  if (table !== null) {
    const i = pte_index(addr);
    const flags = table[FLAGS + i]!;
    if ((flags & check) !== need) return NO_PAGE;
    table[FLAGS + i] = flags | PTE_YOUNG | (write ? PTE_DIRTY : 0);
    tlbOf(mm).fill(vpn, table[i]!, write);
    return table[i]!;
  }
  if (!pmd_trans_huge(pmd, m)) return NO_PAGE;
  const flags = pmd.e[FLAGS + m]!;
  if ((flags & check) !== need) return NO_PAGE;
  pmd.e[FLAGS + m] = flags | PTE_YOUNG | (write ? PTE_DIRTY : 0);
  const page = pmd.e[m]! + pte_index(addr);
  tlbOf(mm).fill(vpn, page, write);
  return page;
}

/**
 * Take the fault of an access (do_user_addr_fault), of the program or of the kernel.
 * Context: may sleep. Return: null to try again, else the signal that the access raises.
 */
export function* faultPage(mm: MmStruct, addr: number, write: boolean, user = true): Task<Signal | null> {
  const { kernel } = mm;
  if (kernel.executor.watched) yield* kernel.executor.pointTask('user fault', mm, 'exc_page_fault');
  kernel.enter('user_fault', addr);
  if (kernel.trace === null) return yield* do_user_addr_fault(mm, addr, write, user);
  const fn = 'exc_page_fault';
  const asked = { write: Number(write) };
  kernel.note({ event: 'page_fault_user', mm, addr, fn, user, args: asked });
  const signal = yield* do_user_addr_fault(mm, addr, write, user);
  // Whoever is to die does so on the way back.
  const dying = user ? (kernel.oomTasks?.current()?.pendingSignal ?? null) : null;
  const answered = { write: Number(write), result: signal ?? dying ?? 'ok' };
  kernel.note({ event: 'page_fault_end', mm, addr, fn, args: answered });
  return signal;
}

function* do_user_addr_fault(mm: MmStruct, addr: number, write: boolean, user: boolean): Task<Signal | null> {
  if (addr < 0 || addr >= TASK_SIZE_MAX) return 'SIGSEGV';
  const { kernel: k } = mm;
  const flags = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY | (write ? FAULT_FLAG_WRITE : 0);
  for (let first = k.behaviour.faultsUnderVmaLock ? flags | FAULT_FLAG_VMA_LOCK : flags; ; first = flags) {
    if (!mm.mmap_lock.down_read_fast()) yield* mm.mmap_lock.down_read('do_user_addr_fault');
    const vma = mm.vmas.vma_lookup(addr);
    const allowed = vma !== null && (write ? (vma.vm_flags & VM_WRITE) !== 0 : vma_is_accessible(vma));
    let ret = VM_FAULT_SIGSEGV;
    if (allowed) {
      ret = yield* handle_mm_fault(vma, addr, first);
      // What the lock of a VMA refused has not been tried yet.
      let tried = first === flags;
      while ((ret & VM_FAULT_RETRY) !== 0 && !waits_for_userfault(k)) {
        if ((ret & VM_FAULT_MAJOR) !== 0) tried = true;
        ret = yield* handle_mm_fault(vma, addr, tried ? flags | FAULT_FLAG_TRIED : flags);
        tried = true;
      }
    }
    mm.mmap_lock.up_read();
    if ((ret & VM_FAULT_RETRY) !== 0) {
      const wait = take_userfault(k);
      if (wait !== undefined) yield* wait_for_userfault(k, wait);
      continue;
    }
    // The kernel's copy fails with -EFAULT then, whatever the signal.
    if ((ret & VM_FAULT_OOM) !== 0) return user ? pagefault_out_of_memory(k) : 'SIGSEGV';
    if ((ret & (VM_FAULT_SIGBUS | VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE)) !== 0) return 'SIGBUS';
    return (ret & VM_FAULT_SIGSEGV) !== 0 ? 'SIGSEGV' : null;
  }
}

/** A fault has found no memory: whose process is to be killed for it goes; else the access is tried again. */
function pagefault_out_of_memory(k: Kernel): null {
  const dying = k.oomTasks?.current()?.pendingSignal ?? null;
  if (dying === null) k.printk('Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF');
  return null;
}

/** The page at `addr` for the kernel's copy; NO_PAGE when it faults for good (-EFAULT). Context: may sleep. */
export function userPage(mm: MmStruct, addr: number, write: boolean): Task<Page> {
  const page = tryPage(mm, addr, write);
  return page !== NO_PAGE ? done(page) : userPageFault(mm, addr, write);
}

function* userPageFault(mm: MmStruct, addr: number, write: boolean): Task<Page> {
  for (let tries = 0; ; mm.kernel.tried_in_vain(++tries)) {
    const page = tryPage(mm, addr, write);
    if (page !== NO_PAGE) return page;
    const signal = yield* faultPage(mm, addr, write, false);
    if (signal !== null) return NO_PAGE;
    const { executor } = mm.kernel;
    if (executor.shouldResched) yield* executor.cond_resched('asm_exc_page_fault');
  }
}

/** copy_from_user(). Context: may sleep. Return: the bytes, or null when some are not readable. */
export function* copy_from_user(mm: MmStruct, addr: number, length: number): Task<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const page = yield* userPage(mm, addr + done, false);
    if (page === NO_PAGE) return null;
    const offset = (addr + done) % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, length - done);
    mm.kernel.contents.readBytes(page, offset, bytes, done, chunk);
    done += chunk;
  }
  return bytes;
}

/** copy_to_user(). Context: may sleep. Return: false when some bytes are not writable; those before are written. */
export function* copy_to_user(mm: MmStruct, addr: number, bytes: Uint8Array): Task<boolean> {
  for (let done = 0; done < bytes.length; ) {
    const page = yield* userPage(mm, addr + done, true);
    if (page === NO_PAGE) return false;
    const offset = (addr + done) % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, bytes.length - done);
    mm.kernel.contents.writeBytes(page, offset, bytes, done, chunk);
    done += chunk;
  }
  return true;
}
