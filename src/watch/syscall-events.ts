// SPDX-License-Identifier: GPL-2.0-only
/** What the kernel's tracepoints of system calls tell. Answers for: kernel/trace/trace_syscalls.c. */
import {
  SYSCALL_BUF_SIZE,
  type SyscallEntry,
  syscallEntry,
  syscallExit,
} from '../generations/syscall-tracepoints.js';
import { syscalls } from '../kernel/syscalls/table.js';
import type { Machine } from '../machine/machine.js';
import type { TraceEvent } from '../mm/trace.js';
import { type MmStruct, VM_READ } from '../mm/types.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { KernelEvent } from './kernel-event.js';
import { entryAt } from './observe.js';
import { hardware_present } from './x86-pte.js';

const PAGE_SIZE = 4096;

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries(syscalls).map(([number, { name }]) => [name, Number(number)]),
);

/** An unsigned long. */
const unsigned = (value: string | number): bigint => BigInt.asUintN(64, BigInt(value));

/** The page that the program reads there without a fault, null where it would find zeros; undefined where it has to fault. */
function readable(mm: MmStruct, addr: number): Page | null | undefined {
  const { flags, page } = entryAt(mm, addr);
  if (flags !== 0) return hardware_present(flags) && page !== NO_PAGE ? page : undefined;
  const vma = mm.vmas.vma_lookup(addr);
  return vma !== null && vma.vm_ops === null && (vma.vm_flags & VM_READ) !== 0 ? null : undefined;
}

/** So many bytes of a program's memory; undefined where the kernel would have to do more than read to know them. */
function peek({ kernel }: Machine, mm: MmStruct, addr: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const offset = (addr + done) % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, length - done);
    const page = readable(mm, addr + done);
    if (page === undefined) return undefined;
    if (page !== null) kernel.contents.readBytes(page, offset, bytes, done, chunk);
    done += chunk;
  }
  return bytes;
}

const isPrint = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;

/** A buffer: its bytes, then as characters where one of them is printable. */
function dataText(bytes: Uint8Array, length: bigint): string {
  const cut = BigInt(bytes.length) < length;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
  const numbers = ` (${hex}${cut ? ', ...' : ''})`;
  if (!bytes.some(isPrint)) return numbers;
  const characters = Array.from(bytes, (byte) => (isPrint(byte) ? String.fromCharCode(byte) : '.')).join('');
  return `${numbers} "${characters}"${cut ? '...' : ''}`;
}

/** The buffer that the event has; undefined where it is not known. */
function bufferOf(
  machine: Machine,
  mm: MmStruct | undefined,
  { data }: SyscallEntry,
  values: readonly bigint[],
): Uint8Array | undefined {
  const length = values[data!.length]!;
  if (mm === undefined || values[data!.buffer]! > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const told = length < SYSCALL_BUF_SIZE ? Number(length) : SYSCALL_BUF_SIZE;
  return peek(machine, mm, Number(values[data!.buffer]), told);
}

/** sys_NAME(a: 1, b: 2), or sys_NAME -> 0x0; undefined where something of it is not known. */
export function syscallEvent(machine: Machine, { event, args, mm }: TraceEvent): KernelEvent | undefined {
  const [, way, name] = /^sys_(enter|exit)_(.*)$/.exec(event) ?? [];
  const number = NUMBERS.get(name ?? '');
  if (name === undefined || number === undefined) return undefined;
  const known = (args ?? {}) as Readonly<Record<string, string | number>>;
  if (way === 'exit') {
    if (known.ret === undefined) return undefined;
    const ret = unsigned(known.ret);
    const line = `sys_${name} -> 0x${ret.toString(16)}`;
    return { tracepoint: syscallExit(name), values: [number, BigInt(known.ret)], line };
  }
  const tracepoint = syscallEntry(name, machine.generation.version);
  if (tracepoint === undefined) return undefined;
  const given = Object.values(known);
  const values = tracepoint.args.map((_, i) => unsigned(given[i] ?? 0));
  const buffer = tracepoint.data === undefined ? null : bufferOf(machine, mm, tracepoint, values);
  if (buffer === undefined) return undefined;
  const texts = tracepoint.args.map((arg, i) => {
    const text = `${arg.name}: ${tracepoint.text(values[i]!)}`;
    return i === tracepoint.data?.buffer ? text + dataText(buffer!, values[tracepoint.data.length]!) : text;
  });
  const line = `sys_${name}(${texts.join(', ')})`;
  return { tracepoint, values: [number, ...values, ...(buffer === null ? [] : [buffer])], line };
}
