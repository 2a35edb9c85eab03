// SPDX-License-Identifier: GPL-2.0-only
/** What the kernel's own tracepoints print of an event, where that kernel has one that stands there. */
import {
  __GFP_COMP,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_TRANSHUGE,
  gfpText,
} from '../generations/gfp.js';
import {
  type Printed,
  STRUCT_PAGE,
  syscallEntry,
  syscallExit,
  type Tracepoint,
  tracepointOf,
  VMEMMAP,
} from '../generations/tracepoints.js';
import { syscalls } from '../kernel/syscalls/table.js';
import type { Machine } from '../machine/machine.js';
import { compound_head, folio_nr_pages } from '../mm/page_flags.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import { entryAt } from './observe.js';
import { hardware_present, pte_val } from './x86-pte.js';

export type FieldValue = number | bigint;

/** A tracepoint that was passed. */
export interface KernelEvent {
  readonly tracepoint: Tracepoint;
  /** In the order of its fields. */
  readonly values: readonly FieldValue[];
  /** As the kernel's trace file has it. */
  readonly line: string;
}

type Value = FieldValue | string;

/** An unsigned long. */
const unsigned = (value: Value): bigint => BigInt.asUintN(64, BigInt(value));
const hex = (value: Value): string => unsigned(value).toString(16);

/** The kernel's printf, as far as the formats go. */
const CONVERSIONS: Readonly<Record<string, (value: Value) => string>> = {
  '%ps': (value) => `0x${hex(value)}`,
  '%p': (value) => hex(value).padStart(16, '0'),
  '%lx': hex,
  '%lu': (value) => String(unsigned(value)),
  '%d': String,
  '%s': String,
};

function printedValue({ as }: Printed, value: FieldValue): Value {
  if (as === 'page') return VMEMMAP + STRUCT_PAGE * BigInt(value);
  return as === 'gfp' ? gfpText(Number(value)) : value;
}

function lineOf({ name, format, printed, fields }: Tracepoint, values: readonly FieldValue[]): string {
  let n = 0;
  const text = format.replace(/%(?:ps|p|lx|lu|d|s)/g, (conversion) => {
    const one = printed[n++]!;
    const at = fields.findIndex((field) => field.name === one.field);
    return CONVERSIONS[conversion]!(printedValue(one, values[at]!));
  });
  return `${name}: ${text}`;
}

/** Of what a program maps; whether it is zeroed too, the machine does not tell. */
const USER_GFP = [GFP_HIGHUSER_MOVABLE | __GFP_COMP, GFP_TRANSHUGE] as const;
const DRIVER_GFP = GFP_HIGHUSER;

const order_of = (machine: Machine, page: Page): number =>
  Math.log2(folio_nr_pages(machine.kernel.mem, page));

const entry_val = (machine: Machine, mm: MmStruct, addr: number): bigint => {
  const { page, flags } = entryAt(mm, addr);
  return pte_val(flags, machine.kernel.mem.page_to_pfn(page));
};

/** Present, written to, by a program: as the CPU pushes it. */
function error_code({ mm, addr, args, user }: TraceEventOf<'page_fault_user'>): number {
  const present = hardware_present(entryAt(mm, addr).flags);
  return Number(present) + 2 * args.write + 4 * Number(user);
}

/** The tracepoint that stands where the event is told, with the values of its fields. */
function valuesOf(machine: Machine, event: TraceEvent): [name: string, ...FieldValue[]] | undefined {
  const { mem } = machine.kernel;
  switch (event.event) {
    case 'page_fault_user':
      return [event.user ? 'page_fault_user' : 'page_fault_kernel', event.addr, 0, error_code(event)];
    case 'set_migration_pte': {
      // Only where pages are unmapped by their reverse mapping.
      if (event.fn !== 'try_to_migrate_one') return undefined;
      const order = order_of(machine, compound_head(mem, event.page));
      return [event.event, event.addr, entry_val(machine, event.mm, event.addr), order];
    }
    case 'remove_migration_pte': {
      const head = compound_head(mem, event.page) === event.page;
      const value = entry_val(machine, event.mm, event.addr);
      return [event.event, event.addr, value, head ? order_of(machine, event.page) : 0];
    }
    case 'mm_page_alloc': {
      const { order } = event.args;
      const gfp = event.movable ? USER_GFP[order === 0 ? 0 : 1] : DRIVER_GFP;
      return [event.event, mem.page_to_pfn(event.page), order, gfp, Number(event.movable)];
    }
    case 'mm_page_free':
      return [event.event, mem.page_to_pfn(event.page), event.args.order];
    default:
      return undefined;
  }
}

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries(syscalls).map(([number, { name }]) => [name, Number(number)]),
);

/** sys_NAME(a: 1, b: 2), or sys_NAME -> 0x0; undefined where something of it is not known. */
function syscallEvent({ event, args }: TraceEvent): KernelEvent | undefined {
  const [, way, name] = /^sys_(enter|exit)_(.*)$/.exec(event) ?? [];
  const number = NUMBERS.get(name ?? '');
  if (name === undefined || number === undefined) return undefined;
  const known = (args ?? {}) as Readonly<Record<string, Value>>;
  if (way === 'exit') {
    if (known.ret === undefined) return undefined;
    const values = [number, BigInt(known.ret)];
    return { tracepoint: syscallExit(name), values, line: `sys_${name} -> 0x${hex(known.ret)}` };
  }
  const tracepoint = syscallEntry(name);
  if (tracepoint === undefined) return undefined;
  const given = Object.values(known);
  const [, ...fields] = tracepoint.fields;
  const values = fields.map((_, i) => unsigned(given[i] ?? 0));
  const texts = fields.map((field, i) => `${field.name}: ${hex(values[i]!)}`);
  return { tracepoint, values: [number, ...values], line: `sys_${name}(${texts.join(', ')})` };
}

/** What the kernel's own tracepoint tells; undefined where there is none. */
export function kernelEvent(machine: Machine, event: TraceEvent): KernelEvent | undefined {
  if (event.event.startsWith('sys_')) return syscallEvent(event);
  const [name, ...values] = valuesOf(machine, event) ?? [];
  const tracepoint = name === undefined ? undefined : tracepointOf(name, machine.generation.version);
  return tracepoint === undefined ? undefined : { tracepoint, values, line: lineOf(tracepoint, values) };
}
