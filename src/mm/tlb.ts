// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/x86/mm/tlb.c: every processor forgets what it has cached of an address space. Fidelity: ported. */
import { COST_FLUSH } from '../sim/costs.js';
import type { MmStruct } from './types.js';

export function flush_tlb_page(mm: MmStruct, addr: number): void {
  mm.kernel.executor.charge(COST_FLUSH);
  for (const cpu of mm.kernel.executor.cpus) cpu.tlbs[mm.id]?.forgetPage(addr);
}

/** Bytes, [start, end). */
export function flush_tlb_range(mm: MmStruct, start: number, end: number): void {
  mm.kernel.executor.charge(COST_FLUSH);
  for (const cpu of mm.kernel.executor.cpus) cpu.tlbs[mm.id]?.forgetRange(start, end);
}

export function flush_tlb_mm(mm: MmStruct): void {
  mm.kernel.executor.charge(COST_FLUSH);
  for (const cpu of mm.kernel.executor.cpus) cpu.tlbs[mm.id]?.forgetAll();
}
