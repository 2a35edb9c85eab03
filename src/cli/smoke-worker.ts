// SPDX-License-Identifier: GPL-2.0-only
/** The thread that `smoke` runs its tests in. They wait where `turn` is awaited. */
import { whereOrdered } from './elsewhere.js';
import { machineOf } from './flagged-machine.js';
import { loadDrivers } from './insmod.js';
import type { MachineFlags } from './machine-options.js';
import { type SmokeNews, type SmokeOptions, smokeTests } from './smoke-tests.js';

/** What a thread needs for a run: plain data. */
export interface SmokeOrder {
  readonly addresses: readonly string[];
  readonly flags: MachineFlags;
  readonly options: SmokeOptions;
}

await whereOrdered<SmokeOrder, SmokeNews>(async ({ addresses, flags, options }, telling) => {
  const insmod = await loadDrivers(flags.insmod);
  await smokeTests({ description: machineOf(addresses, flags, insmod), ...options, ...telling });
});
