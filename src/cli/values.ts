// SPDX-License-Identifier: GPL-2.0-only
/** Values as users write them on the command line. All throw UsageError, naming the option. */

import { generations } from '../generations/index.js';
import type { ModuleInfo } from '../kernel/module.js';
import { DEFAULT_MODULE, MODULES } from '../machine/defaults.js';
import type { FakeMem } from '../mm/e820.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from './suggest.js';

const units: Readonly<Record<string, bigint>> = {
  '': 1n,
  K: 2n ** 10n,
  M: 2n ** 20n,
  G: 2n ** 30n,
  T: 2n ** 40n,
};

/** Digits as kstrtoul takes them with base 0: decimal, 0x hexadecimal, leading-0 octal. */
function parseDigits(text: string): bigint | undefined {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^(0x[0-9a-f]+|0|[1-9]\d*)$/i.test(text) ? BigInt(text) : undefined;
}

function exact(value: bigint, text: string, where: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UsageError(`${text} is too large`, where);
  return Number(value);
}

/** A number from 0, as C spells it: 64, 0x40, 0100. */
export function parseNumber(text: string, where: string): number {
  if (/^-\d/.test(text)) throw new UsageError(`"${text}" is negative`, where);
  const value = parseDigits(text);
  if (value === undefined) throw new UsageError(`"${text}" is not a number (expected 64 or 0x40)`, where);
  return exact(value, text, where);
}

/** Bytes: a number with an optional K, M, G or T (powers of 1024). */
export function parseSize(text: string, where: string): number {
  if (/^-\d/.test(text)) throw new UsageError(`"${text}" is negative`, where);
  const [, digits, unit] = /^(\w+?)([KMGT]?)$/i.exec(text) ?? [];
  const value = digits === undefined ? undefined : parseDigits(digits);
  if (value === undefined) throw new UsageError(`"${text}" is not a size (expected 512M or 6G)`, where);
  return exact(value * units[unit!.toUpperCase()]!, text, where);
}

/** SIZE@START:ATTRIBUTE,... as the kernel's efi_fake_mem= takes it. */
export function parseEfiFakeMem(text: string, where: string): FakeMem[] {
  return text.split(',').map((part) => {
    const match = /^([^@:]+)@([^@:]+):([^@:]+)$/.exec(part);
    if (match === null) {
      throw new UsageError(`"${part}" is not SIZE@START:ATTRIBUTE (expected 1G@0x100000000:0x40000)`, where);
    }
    const [, size, start, attribute] = match;
    return {
      size: parseSize(size!, where),
      start: parseSize(start!, where),
      attribute: parseNumber(attribute!, where),
    };
  });
}

/** Throws UsageError for a parameter that the module has not. */
export function checkModuleParam(
  { name: module, parameters }: ModuleInfo,
  name: string,
  where: string,
): void {
  const known = parameters.map((parameter) => parameter.name);
  if (known.includes(name)) return;
  throw new UsageError(`${module} has no parameter "${name}"${didYouMean(name, known)}`, where);
}

/** KEY=VALUE of a parameter of some module; the value is a number where it takes one. */
export function parseModuleParam(text: string, where: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError(`"${text}" is not NAME=VALUE (expected spm_addr_dev0=0x100000000)`, where);
  }
  const parameter = MODULES.flatMap(({ parameters }) => parameters).find((known) => known.name === name);
  if (parameter === undefined) checkModuleParam(DEFAULT_MODULE, name, where);
  if (parameter?.type !== 'charp') parseNumber(value!, name);
  return [name, value!];
}

/** The last of the generations, whichever that is. */
const LATEST = 'latest';

/** A generation's id. */
export function parseKernel(text: string, where: string): string {
  const ids = generations.map(({ id }) => id);
  if (text === LATEST) return ids.at(-1)!;
  if (ids.includes(text)) return text;
  throw new UsageError(
    `unknown kernel "${text}"${didYouMean(text, KERNELS)}; there are ${ids.join(', ')}`,
    where,
  );
}

/** Seconds of --timeout. */
export function parseTimeout(text: string): number {
  const seconds = parseNumber(text, '--timeout');
  if (seconds >= 1 && seconds <= MAX_TIMEOUT) return seconds;
  throw new UsageError(`expected 1 to ${MAX_TIMEOUT}, got ${text}`, '--timeout');
}

const MAX_TIMEOUT = 1_000_000;

export const TIMEOUT_HELP =
  'seconds on this host that one may take; it fails then, and the rest runs (default: none)';
export const TRACE_HELP =
  'write what happens: ftrace text (.txt), JSON Lines (.jsonl), for Perfetto (.json), trace-cmd and KernelShark (.dat), or perf (.data)';
export const TRACE_FUNCTIONS_HELP =
  "write which functions of the memory core are entered, as the kernel's function tracer does";
/** What --kernel takes. */
export const KERNELS = [...generations.map(({ id }) => id), LATEST];
export const KERNEL_HELP = `generation: ${KERNELS.join(', ')}`;
export { DEFAULT_GENERATION } from '../generations/index.js';

export const SEED_HELP = 'of schedule, random data, and which memory is handed out first';
