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
  type Tracepoint,
  tracepointOf,
  VMEMMAP,
} from '../generations/tracepoints.js';
import type { Machine } from '../machine/machine.js';
import { compound_head, folio_nr_pages } from '../mm/page_flags.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import { type MmStruct, VM_EXEC } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import type { KernelEvent } from './kernel-event.js';
import { entryAt } from './observe.js';
import { syscallEvent } from './syscall-events.js';
import { hardware_present, pte_val } from './x86-pte.js';

type Value = number | bigint | string;

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

function printedValue({ as }: Printed, value: Value): Value {
  if (as === 'page') return VMEMMAP + STRUCT_PAGE * BigInt(value);
  return as === 'gfp' ? gfpText(Number(value)) : value;
}

function lineOf({ name, format, printed, fields }: Tracepoint, values: readonly Value[]): string {
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
  const exec = ((mm.vmas.vma_lookup(addr)?.vm_flags ?? 0) & VM_EXEC) !== 0;
  return pte_val(flags, machine.kernel.mem.page_to_pfn(page), { version: machine.generation.version, exec });
};

/** Present, written to, by a program: as the CPU pushes it. */
function error_code({ mm, addr, args, user }: TraceEventOf<'page_fault_user'>): number {
  const present = hardware_present(entryAt(mm, addr).flags);
  return Number(present) + 2 * args.write + 4 * Number(user);
}

/** The tracepoint that stands where the event is told. */
function nameOf(event: TraceEvent): string {
  if (event.event === 'page_fault_user') return event.user ? 'page_fault_user' : 'page_fault_kernel';
  // Only where pages are unmapped by their reverse mapping.
  if (event.event === 'set_migration_pte' && event.fn !== 'try_to_migrate_one') return '';
  return event.event;
}

/** The values of its fields. */
function valuesOf(machine: Machine, event: TraceEvent): (number | bigint)[] | undefined {
  const { mem } = machine.kernel;
  switch (event.event) {
    case 'page_fault_user':
      return [event.addr, 0, error_code(event)];
    case 'set_migration_pte': {
      const order = order_of(machine, compound_head(mem, event.page));
      return [event.addr, entry_val(machine, event.mm, event.addr), order];
    }
    case 'remove_migration_pte': {
      const head = compound_head(mem, event.page) === event.page;
      const value = entry_val(machine, event.mm, event.addr);
      return [event.addr, value, head ? order_of(machine, event.page) : 0];
    }
    case 'set_migration_pmd':
    case 'remove_migration_pmd':
      return [event.addr, entry_val(machine, event.mm, event.addr)];
    case 'mm_page_alloc': {
      const { order } = event.args;
      const gfp = event.movable ? USER_GFP[order === 0 ? 0 : 1] : DRIVER_GFP;
      return [mem.page_to_pfn(event.page), order, gfp, Number(event.movable)];
    }
    case 'mm_page_free':
      return [mem.page_to_pfn(event.page), event.args.order];
    default:
      return undefined;
  }
}

/** What the kernel's own tracepoint tells; undefined where there is none. */
export function kernelEvent(machine: Machine, event: TraceEvent): KernelEvent | undefined {
  if (event.event.startsWith('sys_')) return syscallEvent(machine, event);
  const tracepoint = tracepointOf(nameOf(event), machine.generation.version);
  const values = tracepoint === undefined ? undefined : valuesOf(machine, event);
  if (tracepoint === undefined || values === undefined) return undefined;
  return { tracepoint, values, line: lineOf(tracepoint, values) };
}
