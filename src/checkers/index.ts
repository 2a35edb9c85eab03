// SPDX-License-Identifier: GPL-2.0-only
/** Invariants of the simulated kernel, one file each; run after every system call when asked. */
import type { DmirrorModule } from '../drivers/test_hmm/dmirror.js';
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';

export type Checker = (k: Kernel, module: DmirrorModule | null, mms: readonly MmStruct[]) => void;

export const checkers: Readonly<Record<string, Checker>> = {};

/** Throws InvariantViolation at the first finding. */
export function run_checkers(k: Kernel, module: DmirrorModule | null, mms: readonly MmStruct[]): void {
  for (const checker of Object.values(checkers)) checker(k, module, mms);
}
