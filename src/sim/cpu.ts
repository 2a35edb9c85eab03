// SPDX-License-Identifier: GPL-2.0-only
/** What is a processor's own. */
import type { SimTask } from './executor.js';
import type { Tlb } from './tlb.js';

export class Cpu {
  /** The task that runs on it. */
  current: SimTask | null = null;
  /** Spinlocks held by that task; sleeping then is a bug of the simulated kernel. */
  atomicDepth = 0;
  /** Cached translations, by the id of the address space (its PCID). */
  readonly tlbs: (Tlb | undefined)[] = [];
}
