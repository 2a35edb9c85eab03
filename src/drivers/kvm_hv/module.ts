// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/powerpc/kvm/book3s_hv.c, as far as secure guests need it: files, memory slots, hypervisor calls. */

import type { FileOperations } from '../../fs/file.js';
import { type ToldCommand, telling } from '../../kernel/told-command.js';
import { put_page } from '../../mm/page_alloc.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import type { DriverRange } from '../../uapi/driver_range.js';
import { EFAULT, EIO, ENOTTY } from '../../uapi/errno.js';
import { H_SUCCESS, H_UNSUPPORTED, type KvmRequest, kvmRequests, putKvmAnswer } from '../../uapi/kvm_hv.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { readDriverRange } from '../driver_range.js';
import { Kvm, MemSlot } from './kvm.js';
import type { Uvmem } from './uvmem.js';

const requests = new Map(Object.entries(kvmRequests).map(([name, nr]) => [nr, name as KvmRequest]));

/** What is told of requests that concern pages. */
const told: Partial<Record<KvmRequest, Pick<ToldCommand, 'does' | 'toDevice' | 'fn'>>> = {
  H_SVM_PAGE_IN: { does: 'migrate', toDevice: true, fn: 'kvmppc_svm_page_in' },
  H_SVM_INIT_DONE: { does: 'migrate', toDevice: true, fn: 'kvmppc_uv_migrate_mem_slot' },
  H_SVM_PAGE_OUT: { does: 'migrate', fn: '__kvmppc_svm_page_out' },
  H_SVM_PAGE_SHARE: { does: 'migrate', fn: 'kvmppc_share_page' },
  H_SVM_INIT_ABORT: { does: 'migrate', fn: 'kvmppc_uvmem_drop_pages' },
  SVM_OFF: { does: 'migrate', fn: 'kvmppc_uvmem_drop_pages' },
};

/** What a request answers: pages that were done, and a hypervisor call that was refused. */
interface Answer {
  readonly done: number;
  readonly hcall: number;
}

export class KvmHv {
  readonly f_op: FileOperations;
  /** By LPID. */
  readonly guests: Kvm[] = [];

  constructor(readonly uvmem: Uvmem | null) {
    const { guests } = this;
    this.f_op = {
      name: 'kvm-vm',
      // biome-ignore lint/correctness/useYield: opening may sleep; this one has no need to.
      *open(file, mm): Task<number> {
        const kvm = new Kvm(mm, guests.length + 1);
        mm.mm_count++;
        guests.push(kvm);
        file.private_data = kvm;
        return 0;
      },
      unlocked_ioctl: (file, mm, cmd, arg) => this.ioctl(file.private_data as Kvm, mm, cmd, arg),
      // biome-ignore lint/correctness/useYield: releases may sleep; this one has no need to.
      *release(file): Task {
        const kvm = file.private_data as Kvm;
        kvm.gone = true;
        kvm.mm.kernel.mmdrop(kvm.mm);
      },
    };
  }

  private *ioctl(kvm: Kvm, mm: MmStruct, cmd: number, arg: number): Task<number> {
    const name = requests.get(cmd);
    if (name === undefined) return -ENOTTY;
    const request = yield* readDriverRange(mm, arg);
    if (typeof request === 'number') return request;
    const { bytes, range } = request;
    const { addr, npages } = range;
    // As kvm_vm_ioctl() has it.
    if (mm !== kvm.mm) return -EIO;
    const body = this.serve(kvm, mm, name, range, bytes);
    const tell = told[name];
    const about = { mm, addr, pages: npages, name, device: 'kvmppc_uvmem', file: kvm.lpid };
    const ret = yield* tell === undefined ? body : telling({ ...about, ...tell }, body);
    if (ret < 0) return ret;
    return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
  }

  /** Return: 0 with the answer in `bytes`, or -errno. */
  private *serve(
    kvm: Kvm,
    mm: MmStruct,
    name: KvmRequest,
    range: DriverRange,
    bytes: Uint8Array,
  ): Task<number> {
    if (name === 'GUEST_READ' || name === 'GUEST_WRITE') {
      const done = yield* this.guest_access(kvm, mm, name === 'GUEST_WRITE', range);
      putKvmAnswer(bytes, done, H_SUCCESS);
      return done === range.npages ? 0 : -EFAULT;
    }
    const { done, hcall } = yield* this.hcall(kvm, name, range);
    putKvmAnswer(bytes, done, hcall);
    return 0;
  }

  /** Of a call for each page, the first that is refused ends the request. Context: may sleep. */
  private *hcall(kvm: Kvm, name: KvmRequest, { addr, npages }: DriverRange): Task<Answer> {
    const { uvmem } = this;
    if (name === 'SET_MEMORY') {
      const hcall = yield* set_memory(uvmem, kvm, addr, npages);
      return { done: npages, hcall };
    }
    if (name === 'ENABLE_SECURE_GUEST') {
      kvm.svm_enabled = uvmem !== null;
      return { done: 0, hcall: uvmem === null ? H_UNSUPPORTED : H_SUCCESS };
    }
    if (uvmem === null) return { done: 0, hcall: H_UNSUPPORTED };
    if (name === 'H_SVM_INIT_START') return { done: 0, hcall: yield* uvmem.h_svm_init_start(kvm) };
    if (name === 'H_SVM_INIT_DONE') return { done: 0, hcall: yield* uvmem.h_svm_init_done(kvm) };
    if (name === 'H_SVM_INIT_ABORT') return { done: 0, hcall: yield* uvmem.h_svm_init_abort(kvm) };
    if (name === 'SVM_OFF') return { done: 0, hcall: yield* uvmem.svm_off(kvm) };
    for (let n = 0; n < npages; n++) {
      const hcall = yield* page_call(uvmem, kvm, name, kvm.gfn_of(addr + n * PAGE_SIZE));
      if (hcall !== H_SUCCESS) return { done: n, hcall };
    }
    return { done: npages, hcall: H_SUCCESS };
  }

  /** A virtual processor reads or writes whole pages. Context: may sleep. Return: pages. */
  private *guest_access(kvm: Kvm, mm: MmStruct, write: boolean, range: DriverRange): Task<number> {
    const { kernel: k } = mm;
    const bytes = new Uint8Array(PAGE_SIZE);
    for (let n = 0; n < range.npages; n++) {
      const buffer = range.ptr + n * PAGE_SIZE;
      const data = write ? yield* copy_from_user(mm, buffer, PAGE_SIZE) : bytes;
      if (data === null) return n;
      const page = yield* this.guest_page(kvm, kvm.gfn_of(range.addr + n * PAGE_SIZE));
      if (page === NO_PAGE) return n;
      if (write) k.contents.writeBytes(page, 0, data, 0, PAGE_SIZE);
      else k.contents.readBytes(page, 0, data, 0, PAGE_SIZE);
      put_page(k, page);
      if (!write && !(yield* copy_to_user(mm, buffer, data))) return n;
    }
    return range.npages;
  }

  private guest_page(kvm: Kvm, gfn: number): Task<Page> {
    return this.uvmem === null ? kvm.gfn_to_page(gfn) : this.uvmem.guest_page(kvm, gfn);
  }
}

/** kvmppc_core_commit_memory_region_hv(): of a guest that becomes secure, the new memory does, too. Return: H_*. */
function* set_memory(uvmem: Uvmem | null, kvm: Kvm, addr: number, npages: number): Task<number> {
  const last = kvm.slots.at(-1);
  const slot = new MemSlot(last === undefined ? 0 : last.base_gfn + last.npages, npages, addr);
  kvm.slots.push(slot);
  if (uvmem === null || kvm.secure_guest === 0) return H_SUCCESS;
  return yield* uvmem.kvmppc_uvmem_memslot_create(kvm, slot);
}

/** A hypervisor call on one page. Return: H_*. */
function page_call(uvmem: Uvmem, kvm: Kvm, name: KvmRequest, gfn: number): Task<number> {
  if (name === 'H_SVM_PAGE_IN') return uvmem.h_svm_page_in(kvm, gfn);
  return name === 'H_SVM_PAGE_OUT' ? uvmem.h_svm_page_out(kvm, gfn) : uvmem.h_svm_page_share(kvm, gfn);
}
