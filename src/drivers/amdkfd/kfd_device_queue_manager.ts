// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_device_queue_manager.c, kfd_process.c and kfd_device.c: queues that are taken off the GPU and put
 * back. Fidelity: ported: a count a process and device, which its queues look at.
 */
import type { MmStruct } from '../../mm/types.js';
import { type AmdkfdModule, type KfdProcess, kfd_lookup_process_by_mm } from './kfd_priv.js';
import { kfd_smi_event_queue_eviction, kfd_smi_event_queue_restore } from './kfd_smi_events.js';

/** Context: may not sleep: what a queue was doing is not finished, and nothing of it goes on from here. */
function kfd_process_evict_queues(p: KfdProcess, trigger: number): void {
  for (const pdd of p.pdds) {
    kfd_smi_event_queue_eviction(pdd.dev, p.lead_pid, trigger);
    pdd.evicted++;
  }
}

export function kfd_process_restore_queues(p: KfdProcess): void {
  for (const pdd of p.pdds) {
    kfd_smi_event_queue_restore(pdd.dev, p.lead_pid);
    if (pdd.evicted === 0) continue;
    pdd.evicted--;
    if (pdd.evicted === 0) pdd.restored.wakeAll(p.module.kernel.executor);
  }
}

/** The queues of this address space stop; where its process is gone there are none. Context: may not sleep. */
export function kgd2kfd_quiesce_mm(module: AmdkfdModule, mm: MmStruct, trigger: number): void {
  const p = kfd_lookup_process_by_mm(module, mm);
  if (p !== null) kfd_process_evict_queues(p, trigger);
}
