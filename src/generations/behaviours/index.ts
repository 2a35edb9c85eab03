// SPDX-License-Identifier: GPL-2.0-only
/**
 * The registry of behaviours in which kernels differ, one file for each file of the kernel that decides. Historical
 * bugs and their fixes are overrides of the same entries.
 */

import { amdgpu } from './drm-amdgpu.js';
import { nouveau } from './drm-nouveau.js';
import { type Entry, type Origin, valueIn } from './entry.js';
import { dax } from './fs-dax.js';
import { taskMmu } from './fs-proc-task-mmu.js';
import { testHmm } from './lib-test-hmm.js';
import { testHmmModule } from './lib-test-hmm-module.js';
import { gup } from './mm-gup.js';
import { hmm } from './mm-hmm.js';
import { hmmMirror } from './mm-hmm-mirror.js';
import { hugeMemory } from './mm-huge-memory.js';
import { hugetlb } from './mm-hugetlb.js';
import { khugepaged } from './mm-khugepaged.js';
import { madvise, memoryFailure } from './mm-madvise.js';
import { memory } from './mm-memory.js';
import { memremap } from './mm-memremap.js';
import { migrate } from './mm-migrate.js';
import { migrateDevice } from './mm-migrate-device.js';
import { mprotect } from './mm-mprotect.js';
import { memcontrol, oomKill, vmscan } from './mm-oom-kill.js';
import { readahead } from './mm-readahead.js';
import { rmap } from './mm-rmap.js';
import { userfaultfd } from './mm-userfaultfd.js';
import { kaslr } from './x86-kaslr.js';

export const registry = {
  ...migrate,
  ...hugeMemory,
  ...mprotect,
  ...khugepaged,
  ...madvise,
  ...memory,
  ...memoryFailure,
  ...memcontrol,
  ...taskMmu,
  ...dax,
  ...gup,
  ...hugetlb,
  ...hmm,
  ...hmmMirror,
  ...migrateDevice,
  ...readahead,
  ...rmap,
  ...userfaultfd,
  ...vmscan,
  ...oomKill,
  ...memremap,
  ...kaslr,
  ...testHmm,
  ...testHmmModule,
  ...amdgpu,
  ...nouveau,
};

export type BehaviourName = keyof typeof registry;

type Value<E> = E extends { readonly values: unknown } ? number : boolean;

/** The resolved values, by name. */
export type Behaviours = { readonly [K in BehaviourName]: Value<(typeof registry)[K]> };

export const behaviourNames = Object.keys(registry) as BehaviourName[];

/** The values of every behaviour in one kernel. */
export function resolve(origin: Origin): Behaviours {
  const entries: Readonly<Record<BehaviourName, Entry>> = registry;
  return Object.fromEntries(
    behaviourNames.map((name) => [name, valueIn(entries[name], origin)]),
  ) as Behaviours;
}
