// SPDX-License-Identifier: GPL-2.0-only
/** The machine that the options of a command line describe. */
import { randomInt } from 'node:crypto';
import type { ModuleInfo } from '../kernel/module.js';
import { ADDRESS_PARAMS, DEFAULT_MODULE, SUITE_MODULES } from '../machine/defaults.js';
import { describeMachine, type MachineDescription } from '../machine/description.js';
import type { Insmod } from '../machine/registry.js';
import { checkSpmAddress } from '../mm/e820.js';
import { UsageError } from '../sim/errors.js';
import type { MachineFlags } from './machine-options.js';
import { checkModuleParam, parseNumber } from './values.js';

/** The module's parameters: the two positionals, or --module-param. */
function moduleParams(
  module: ModuleInfo,
  addresses: readonly string[],
  flags: MachineFlags,
): Record<string, string> {
  for (const [name] of flags.moduleParam) checkModuleParam(module, name, '--module-param');
  if (addresses.length === 0) return Object.fromEntries(flags.moduleParam);
  if (module !== DEFAULT_MODULE)
    throw new UsageError(`${module.name} is given no addresses`, 'spm_addr_dev0');
  if (flags.moduleParam.length > 0) {
    throw new UsageError('give the addresses as arguments or as --module-param, not both');
  }
  if (addresses.length === 1) {
    parseNumber(addresses[0]!, ADDRESS_PARAMS[0]!);
    throw new UsageError(
      'give both addresses (to set one alone: --module-param spm_addr_dev0=ADDRESS)',
      'spm_addr_dev1',
    );
  }
  return Object.fromEntries(ADDRESS_PARAMS.map((name, device) => [name, addresses[device]!]));
}

/** Parameters checked, and in one spelling: users write octal too, as modprobe would take it. */
function canonical(
  { parameters }: ModuleInfo,
  params: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(params).map(([name, text]) => {
    const { type, specialPurpose } = parameters.find((parameter) => parameter.name === name)!;
    if (!specialPurpose) return [name, type === 'charp' ? text : String(parseNumber(text, name))];
    const address = parseNumber(text, name);
    checkSpmAddress(address, name);
    return [name, `0x${address.toString(16)}`];
  });
  return Object.fromEntries(entries);
}

/** The machine that the command line describes. Throws UsageError; nothing has booted yet. */
export function machineOf(
  addresses: readonly string[],
  flags: MachineFlags,
  insmod: readonly Insmod[],
): MachineDescription {
  const { kernel, memory, hugepages, thp, efiFakeMem, seed = randomInt(2 ** 32), check } = flags;
  const { schedule, spmMemory, swap, physBits, kaslr, nodes } = flags;
  const info = SUITE_MODULES[flags.suite ?? ''] ?? DEFAULT_MODULE;
  const module = { name: info.name, params: canonical(info, moduleParams(info, addresses, flags)) };
  const { module: load, bug: bugs, fix: fixes } = flags;
  return describeMachine({
    kernel,
    profile: flags.machine,
    memory,
    hugepages,
    swap,
    thp,
    physBits,
    kaslr,
    nodes,
    efiFakeMem,
    spmMemory,
    module,
    load,
    insmod,
    seed,
    schedule,
    check,
    bugs,
    fixes,
  });
}
