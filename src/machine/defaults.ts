// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a machine is when nobody says otherwise. Command lines and documents are read by this much alone; the machine's
 * own code is loaded when one is described.
 */
import { amdgpu_info } from '../drivers/amdkfd/modinfo.js';
import { coherent_node_info } from '../drivers/coherent_node/modinfo.js';
import { hmm_dmirror_info } from '../drivers/hmm_dmirror/modinfo.js';
import { kvm_hv_info } from '../drivers/kvm_hv/modinfo.js';
import { nouveau_info } from '../drivers/nouveau/modinfo.js';
import { device_dax_info, nd_pmem_info } from '../drivers/nvdimm/modinfo.js';
import { test_hmm_info } from '../drivers/test_hmm/modinfo.js';
import { DEFAULT_GENERATION } from '../generations/index.js';
import type { ModuleInfo } from '../kernel/module.js';

/** A module and the parameters that it is loaded with, as modprobe takes them. */
export interface ModuleLoad {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

/** The module that commands and documents load. */
export const DEFAULT_MODULE: ModuleInfo = test_hmm_info;

/** Modules that there are, by their names: what modinfo tells, and what --module-param may name. */
export const MODULES: readonly ModuleInfo[] = [
  DEFAULT_MODULE,
  hmm_dmirror_info,
  coherent_node_info,
  amdgpu_info,
  kvm_hv_info,
  nouveau_info,
  nd_pmem_info,
  device_dax_info,
];

/** Suites that come with the simulator, beside that of the default module; each with the module that it needs. */
export const SUITE_MODULES: Readonly<Record<string, ModuleInfo>> = { kfdtest: amdgpu_info };

export const SCHEDULES = ['run-to-block', 'random'] as const;
export type Schedule = (typeof SCHEDULES)[number];

export const MACHINE_DEFAULTS = {
  kernel: DEFAULT_GENERATION,
  memory: 6 * 2 ** 30,
  hugepages: 64,
  swap: 0,
  thp: 'madvise',
  physBits: 46,
  kaslr: false,
  nodes: 1,
  spmMemory: true,
  seed: 0,
  schedule: 'run-to-block',
} as const;

/** Where the special purpose memory of the recorded kernels began. */
const RECORDED_ADDRESSES = [0x100000000, 0x140000000];

/** The parameters of the default module that take them, by device. */
export const ADDRESS_PARAMS: readonly string[] = DEFAULT_MODULE.parameters
  .filter(({ specialPurpose }) => specialPurpose)
  .map(({ name }) => name);

/** The default module, with the addresses of special purpose memory given to its parameters in their order; none where it is null. */
export function moduleAt(addresses: readonly (number | null)[]): ModuleLoad {
  const given = addresses.flatMap((address, device) =>
    address === null ? [] : [[ADDRESS_PARAMS[device]!, `0x${address.toString(16)}`]],
  );
  return { name: DEFAULT_MODULE.name, params: Object.fromEntries(given) };
}

/**
 * How the recordings of real kernels were made: what a scenario gets that says nothing else. By hand nothing but the
 * default module without addresses is loaded.
 */
export const RECORDING_CONDITIONS = { module: moduleAt(RECORDED_ADDRESSES) } as const;
