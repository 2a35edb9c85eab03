// SPDX-License-Identifier: GPL-2.0-only
/** What the kernel's own tracepoints print of an event, where that kernel has one that stands there. */
import { syscallArguments, tracepointFormat } from '../generations/tracepoints.js';
import type { Machine } from '../machine/machine.js';
import { compound_head, folio_nr_pages } from '../mm/page_flags.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import { entryAt } from './observe.js';
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

function printed(format: string, values: readonly Value[]): string {
  let n = 0;
  return format.replace(/%(?:ps|p|lx|lu|d|s)/g, (conversion) => CONVERSIONS[conversion]!(values[n++]!));
}

/** Where struct pages are, without KASLR; 64 bytes each. */
const VMEMMAP = 0xffffea0000000000n;

/** Of what a program maps; whether it is zeroed too, the machine does not tell. */
const USER_GFP = ['GFP_HIGHUSER_MOVABLE|__GFP_COMP', 'GFP_TRANSHUGE'] as const;
const DRIVER_GFP = 'GFP_HIGHUSER';

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

/** The tracepoint that stands where the event is told, with its values. */
function valuesOf(machine: Machine, event: TraceEvent): [name: string, ...Value[]] | undefined {
  const { mem } = machine.kernel;
  const page = (of: Page): [Value, Value] => {
    const pfn = mem.page_to_pfn(of);
    return [VMEMMAP + 64n * BigInt(pfn), pfn];
  };
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
      return [event.event, ...page(event.page), order, Number(event.movable), gfp];
    }
    case 'mm_page_free':
      return [event.event, ...page(event.page), event.args.order];
    default:
      return undefined;
  }
}

/** sys_NAME(a: 1, b: 2), or sys_NAME -> 0x0; undefined where something of it is not known. */
function syscallLine({ event, args }: TraceEvent): string | undefined {
  const [, way, name] = /^sys_(enter|exit)_(.*)$/.exec(event) ?? [];
  const known = (args ?? {}) as Readonly<Record<string, Value>>;
  if (way === 'exit') return known.ret === undefined ? undefined : `sys_${name} -> 0x${hex(known.ret)}`;
  const names = name === undefined ? undefined : syscallArguments(name);
  if (names === undefined) return undefined;
  const values = Object.values(known);
  const texts = names.map((argument, i) => `${argument}: ${hex(values[i] ?? 0)}`);
  return `sys_${name}(${texts.join(', ')})`;
}

/** The line of the kernel's own; undefined where none is printed. */
export function kernelLine(machine: Machine, event: TraceEvent): string | undefined {
  if (event.event.startsWith('sys_')) return syscallLine(event);
  const [name, ...values] = valuesOf(machine, event) ?? [];
  if (name === undefined) return undefined;
  const format = tracepointFormat(name, machine.generation.version);
  return format === undefined ? undefined : `${name}: ${printed(format, values)}`;
}
