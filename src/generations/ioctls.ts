// SPDX-License-Identifier: GPL-2.0-only
/** Which ioctls of the driver a kernel has, where behaviours decide. */
import type { DmirrorOp, DmirrorUapi } from '../uapi/test_hmm_uapi.js';
import type { Behaviours } from './behaviours/index.js';

/** Ioctls that came later, by the behaviour that brings them. */
const LATER = {
  FLAGS: { behaviour: 'driverTakesFlags', nr: 8 },
  READ_UNLOCKED: { behaviour: 'driverReadsUnlocked', nr: 9 },
} as const satisfies Partial<Record<DmirrorOp, { behaviour: keyof Behaviours; nr: number }>>;

/** `uapi` with those of the later ioctls that the behaviours bring, as it numbers them already or as they came, and without the others. */
export function withIoctls(uapi: DmirrorUapi, behaviours: Behaviours): DmirrorUapi {
  const nr = { ...uapi.nr };
  for (const [op, later] of Object.entries(LATER)) {
    if (behaviours[later.behaviour]) nr[op as keyof typeof LATER] ??= later.nr;
    else delete nr[op as keyof typeof LATER];
  }
  return { ...uapi, nr };
}
