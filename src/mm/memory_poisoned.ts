// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c, __do_fault() of a page that the hardware has lost, and that its file's cache has still. Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { mapping_evict_folio } from './filemap_pages.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { put_page } from './page_alloc.js';
import { compound_head, folio_mapped, folio_nr_pages } from './page_flags.js';
import { VM_FAULT_HWPOISON, VM_FAULT_NOPAGE, type VmFault } from './types.js';

/**
 * Nobody maps its folio any more. Where nobody has it, and it is clean, another may take its place: then the fault is tried again.
 * Context: folio locked, and with a reference of the fault's, which both go; may sleep. Return: VM_FAULT_*.
 */
export function* refuse_poisoned({ vma, address, page }: VmFault): Task<number> {
  const k = vma.vm_mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  const folio = compound_head(k.mem, page);
  if (folio_mapped(k.mem, folio))
    yield* unmap_mapping_pages(mapping, k.mem.index[folio]!, folio_nr_pages(k.mem, folio), false);
  const gone = mapping_evict_folio(k, mapping, folio);
  k.unlock_page(folio);
  put_page(k, folio);
  if (k.trace !== null && !gone) {
    const reason = { id: 'hwpoison-page' } as const;
    k.note({ event: 'skip', fn: '__do_fault', mm: vma.vm_mm, addr: address, page, reason });
  }
  return gone ? VM_FAULT_NOPAGE : VM_FAULT_HWPOISON;
}
