// SPDX-License-Identifier: GPL-2.0-only
/** Stands for a channel of the GPU: it accesses pages through its own page tables, and waits while faults are handled. */
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { putU32, u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import type { DriverRange } from '../../uapi/driver_range.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { NouveauSvmm } from './nouveau_drm.js';
import { nouveau_svm_fault } from './nouveau_svm.js';
import {
  FAULT_ACCESS_ATOMIC,
  FAULT_ACCESS_PREFETCH,
  FAULT_ACCESS_READ,
  FAULT_ACCESS_WRITE,
  type GpuPte,
} from './nouveau_vmm.js';

const kinds = {
  read: FAULT_ACCESS_READ,
  write: FAULT_ACCESS_WRITE,
  atomic: FAULT_ACCESS_ATOMIC,
  prefetch: FAULT_ACCESS_PREFETCH,
} as const;

export type GpuAccess = keyof typeof kinds;

/** Pages of the rest of the range that fault, as far as a fault buffer goes. */
function missing({ vmm }: NouveauSvmm, kind: number, addr: number, end: number): number[] {
  const found: number[] = [];
  for (let at = addr; at < end && found.length < 64; at += PAGE_SIZE) {
    if (vmm?.translate(at, kind) === undefined) found.push(at);
  }
  return found;
}

/** What the accesses of a command have come to. */
interface Accessed {
  /** Pages. */
  done: number;
  faults: number;
}

/**
 * The entry for an access of `at`, after faults of it and of what follows up to `end`. A prefetch of a page that is not
 * there is not tried again. Context: may sleep. Return: undefined where there is none.
 */
function* resolve(
  svmm: NouveauSvmm,
  kind: number,
  at: number,
  end: number,
  accessed: Accessed,
): Task<GpuPte | undefined> {
  const { kernel } = svmm.mm;
  for (let tries = 1; !svmm.killed; tries++) {
    const pte = svmm.vmm?.translate(at, kind);
    if (pte !== undefined || (kind === FAULT_ACCESS_PREFETCH && tries > 1)) return pte;
    const raised = kind === FAULT_ACCESS_PREFETCH ? [at] : missing(svmm, kind, at, end);
    accessed.faults += raised.length;
    yield* nouveau_svm_fault(svmm, raised, kind);
    // The fault is replayed, for ever where what was mapped is not enough.
    if (kernel.tried_in_vain(tries)) yield* kernel.executor.yield('nouveau_svm_fault');
  }
  return undefined;
}

/**
 * Access whole pages, in order, until a fault kills the channel. `caller`: whose buffer is read or filled.
 * Context: may sleep. Return: pages that were accessed, and faults.
 */
export function* gpu_access(
  svmm: NouveauSvmm,
  caller: MmStruct,
  access: GpuAccess,
  { addr, npages, ptr }: DriverRange,
): Task<Accessed> {
  const accessed: Accessed = { done: 0, faults: 0 };
  const end = addr + npages * PAGE_SIZE;
  for (let at = addr, buffer = ptr; at < end && !svmm.killed; at += PAGE_SIZE, buffer += PAGE_SIZE) {
    const data = access === 'write' ? yield* copy_from_user(caller, buffer, PAGE_SIZE) : null;
    const pte = yield* resolve(svmm, kinds[access], at, end, accessed);
    if (pte === undefined) continue;
    const read = touch(svmm, access, pte, data);
    accessed.done++;
    if (read !== null) yield* copy_to_user(caller, buffer, read);
  }
  return accessed;
}

/** One access. Return: what was read. */
function touch(
  { mm }: NouveauSvmm,
  access: GpuAccess,
  { page }: GpuPte,
  data: Uint8Array | null,
): Uint8Array | null {
  const { contents } = mm.kernel;
  if (access === 'write' && data !== null) contents.writeBytes(page, 0, data, 0, PAGE_SIZE);
  if (access === 'read') {
    const bytes = new Uint8Array(PAGE_SIZE);
    contents.readBytes(page, 0, bytes, 0, PAGE_SIZE);
    return bytes;
  }
  if (access === 'atomic') {
    const word = new Uint8Array(4);
    contents.readBytes(page, 0, word, 0, 4);
    putU32(word, 0, u32At(word, 0) + 1);
    contents.writeBytes(page, 0, word, 0, 4);
  }
  return null;
}
