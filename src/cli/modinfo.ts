// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim modinfo`: what modinfo(8) would say of a module, and what the generation adds. */
import type { Command } from 'commander';
import { DEFAULT_GENERATION, type Generation, generationById } from '../generations/index.js';
import type { ModuleInfo, ModuleParameter } from '../kernel/module.js';
import { DEFAULT_MODULE, MODULES } from '../machine/defaults.js';
import { profileNamed } from '../machine/profiles.js';
import { UsageError } from '../sim/errors.js';
import { type ProfileFlags, profileOption } from './machine-profile.js';
import { didYouMean } from './suggest.js';
import { printLine } from './terminal.js';
import { KERNEL_HELP, parseKernel } from './values.js';

export function configure(command: Command): void {
  command
    .argument(
      '[module]',
      `of ${MODULES.map(({ name }) => name).join(', ')}; default: the kernel's test module`,
    )
    .option('--kernel <id>', KERNEL_HELP, (text) => parseKernel(text, '--kernel'), DEFAULT_GENERATION)
    .addOption(profileOption())
    .action((name: string | undefined, { kernel, machine }: { kernel: string } & ProfileFlags) => {
      const generation = generationById(kernel)!;
      const module = moduleNamed(name ?? generation.testModule ?? DEFAULT_MODULE.name);
      const builtin = profileNamed(machine ?? null).builtin && module === DEFAULT_MODULE;
      modinfoLines(generation, module, builtin).forEach(printLine);
    });
}

function moduleNamed(name: string): ModuleInfo {
  const found = MODULES.find((module) => module.name === name);
  if (found !== undefined) return found;
  const names = MODULES.map((module) => module.name);
  throw new UsageError(
    `there is no module "${name}"${didYouMean(name, names)}; there are ${names.join(', ')}`,
    'modinfo',
  );
}

function field(name: string, value: string): string {
  return `${`${name}:`.padEnd(16)}${value}`;
}

/** The same field once for each text. */
function fields(name: string, values: readonly string[]): string[] {
  return values.map((value) => field(name, value));
}

/** `builtin`: it is part of the kernel image, and has no file that says for which kernel it is. */
export function modinfoLines(
  generation: Generation,
  module: ModuleInfo = DEFAULT_MODULE,
  builtin = false,
): string[] {
  const parm = ({ name, type, description }: ModuleParameter): string =>
    `${name}:${description(generation)} (${type})`;
  return [
    field('filename', builtin ? '(builtin)' : '(simulated)'),
    field('description', module.description(generation)),
    field('license', module.license),
    field('name', module.name),
    ...(builtin ? [] : [field('vermagic', `${generation.release} SMP mod_unload`)]),
    ...fields('parm', module.parameters.map(parm)),
    field('generation', `${generation.id} (${generation.title})`),
    ...fields('devices', module.devices(generation)),
  ];
}
