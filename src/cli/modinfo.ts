// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim modinfo`: what modinfo(8) would say of test_hmm, and what the generation adds. */
import type { Command } from 'commander';
import { DEFAULT_GENERATION, type Generation, generationById } from '../generations/index.js';
import { printLine } from './terminal.js';
import { KERNEL_HELP, MODULE_PARAMS, parseKernel } from './values.js';

const FALLBACK_DESCRIPTION = 'HMM (Heterogeneous Memory Management) test module';

export function configure(command: Command): void {
  command
    .option('--kernel <id>', KERNEL_HELP, (text) => parseKernel(text, '--kernel'), DEFAULT_GENERATION)
    .action(({ kernel }: { kernel: string }) => modinfoLines(generationById(kernel)!).forEach(printLine));
}

function field(name: string, value: string): string {
  return `${`${name}:`.padEnd(16)}${value}`;
}

function parm(device: number, { behaviours }: Generation): string {
  const effect = behaviours.spmSelectsType
    ? 'both parameters together make all devices generic'
    : 'both parameters together add two coherent devices';
  return `${MODULE_PARAMS[device]}:physical address where the special purpose memory of device ${device} begins; ${effect} (long)`;
}

/** Which devices there are, without and with the parameters. */
function deviceLines({ ndevices, behaviours }: Generation): string[] {
  const nodes = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => `/dev/hmm_dmirror${first + i}`).join(' ');
  if (behaviours.spmSelectsType) {
    return [field('devices', `${nodes(0, ndevices)} (private; generic with both parameters)`)];
  }
  return [
    field('devices', `${nodes(0, 2)} (private)`),
    field('devices', `${nodes(2, ndevices - 2)} (coherent; only with both parameters)`),
  ];
}

export function modinfoLines(generation: Generation): string[] {
  return [
    field('filename', '(simulated)'),
    field(
      'description',
      generation.moduleDescription ?? `${FALLBACK_DESCRIPTION} (this generation has no description)`,
    ),
    field('license', 'GPL'),
    field('name', 'test_hmm'),
    field('vermagic', `${generation.release} SMP mod_unload`),
    ...MODULE_PARAMS.map((_, device) => field('parm', parm(device, generation))),
    field('generation', `${generation.id} (${generation.title})`),
    ...deviceLines(generation),
  ];
}
