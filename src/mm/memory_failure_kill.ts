// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory-failure.c, kill_procs(): who gets a signal for a page that the hardware has lost. Fidelity: ported. */
import type { Kernel } from './kernel.js';

/** Whoever asked for it finds out at once, where the kernel says so (MF_ACTION_REQUIRED); nobody else is told early. */
export function kill_current(k: Kernel): void {
  if (k.behaviour.injectedErrorsKill) k.signals.force('SIGBUS');
}
