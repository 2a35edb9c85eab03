// SPDX-License-Identifier: GPL-2.0-only
/** The drivers that there are: the one place above the drivers that names them. A new one is a line here. */
import type { DriverCheckers } from '../checkers/index.js';
import { test_hmm_checkers } from '../checkers/test_hmm/index.js';
import { amdgpu } from '../drivers/amdkfd/driver.js';
import { gpuFaultReasons } from '../drivers/amdkfd/kfd_svm_fault.js';
import { coherent_node } from '../drivers/coherent_node/driver.js';
import { gup_test_init } from '../drivers/gup_test/driver.js';
import { gupTestReasons } from '../drivers/gup_test/reasons.js';
import { hmm_dmirror } from '../drivers/hmm_dmirror/driver.js';
import { kvm_hv } from '../drivers/kvm_hv/driver.js';
import { nouveau } from '../drivers/nouveau/driver.js';
import { device_dax } from '../drivers/nvdimm/device_dax.js';
import { nd_pmem } from '../drivers/nvdimm/pmem.js';
import { page_holder_init } from '../drivers/page_holder/driver.js';
import { test_hmm } from '../drivers/test_hmm/driver.js';
import { dmirrorReasons } from '../drivers/test_hmm/reasons.js';
import type { BuiltinDriver, Driver, DriverModule } from '../kernel/module.js';
import { coreReasons, type ReasonTable } from '../mm/reasons.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';

/** A module, with the checkers that its driver brings along. */
export interface LoadableDriver {
  readonly module: DriverModule;
  readonly checkers: DriverCheckers<Driver>;
  /** From outside of the tree: what it does wrong is not ours. */
  readonly outside?: true;
}

/** A driver from outside of the tree, and what insmod is told for it. */
export interface Insmod {
  readonly driver: LoadableDriver;
  readonly params: Readonly<Record<string, string>>;
}

const NO_CHECKERS: DriverCheckers<Driver> = { checkers: () => ({}) };

/** Checkers that are another driver's are a type error here. */
export function loadable<D extends Driver>(
  module: DriverModule<D>,
  checkers: DriverCheckers<D> = NO_CHECKERS,
): LoadableDriver {
  return { module, checkers };
}

/** Part of the kernel image, in the order in which they start. */
export const builtinDrivers: readonly BuiltinDriver[] = [gup_test_init, page_holder_init];

const loadableDrivers: readonly LoadableDriver[] = [
  // What modprobe finds, by name.
  loadable(test_hmm, test_hmm_checkers),
  loadable(hmm_dmirror),
  loadable(coherent_node),
  loadable(amdgpu),
  loadable(kvm_hv),
  loadable(nouveau),
  loadable(nd_pmem),
  loadable(device_dax),
];

/** Why something was not done, by id: a reason that a driver declares and does not list is a type error here. */
export const reasons: ReasonTable = {
  ...coreReasons,
  ...dmirrorReasons,
  ...gpuFaultReasons,
  ...gupTestReasons,
};

/** Throws UsageError for a name that no module has. */
export function moduleNamed(name: string): LoadableDriver {
  const found = loadableDrivers.find(({ module }) => module.name === name);
  if (found !== undefined) return found;
  const names = loadableDrivers.map(({ module }) => module.name);
  throw new UsageError(`unknown module "${name}"${didYouMean(name, names)}`, 'modprobe');
}
