// SPDX-License-Identifier: GPL-2.0-only
/**
 * Tracepoints of the kernel that the machine tells of, with what each prints (TP_printk), oldest first. Answers for:
 * include/trace/events/{kmem,migrate,thp}.h, arch/x86/include/asm/trace/exceptions.h.
 */
import { holds, type Versions } from './version.js';

/**
 * A member of a TP_STRUCT__entry, or an argument of a system call, which has eight bytes whatever its type is. Of a type
 * that begins with __data_loc it says where in the record its bytes stand, and how many.
 */
export interface TracepointField {
  /** In C. */
  readonly type: string;
  readonly name: string;
  /** Bytes. */
  readonly size: 4 | 8;
  readonly signed: boolean;
}

/** Where struct pages are, without KASLR, and the bytes of each. */
export const VMEMMAP = 0xffffea0000000000n;
export const STRUCT_PAGE = 64n;

/** What is printed of a field: as it is, as an address, as that of the struct page, as names of GFP flags, or as bytes. */
export interface Printed {
  readonly field: string;
  readonly as?: 'pointer' | 'page' | 'gfp' | 'bytes';
}

export interface Tracepoint {
  /** TRACE_SYSTEM. */
  readonly system: string;
  readonly name: string;
  readonly fields: readonly TracepointField[];
  /** TP_printk's format, and what its conversions print. */
  readonly format: string;
  readonly printed: readonly Printed[];
}

interface Since {
  readonly since: Versions;
  readonly tracepoint: Omit<Tracepoint, 'name'>;
}

/** Older than any kernel here. */
const ALWAYS: Versions = ['4.20'];

export const field = (type: string, name: string): TracepointField => ({
  type,
  name,
  size: type.includes('long') ? 8 : 4,
  signed: !type.startsWith('unsigned'),
});

const as_is = (...names: readonly string[]): readonly Printed[] => names.map((name) => ({ field: name }));

const FAULT: readonly Since[] = [
  {
    since: ALWAYS,
    tracepoint: {
      system: 'exceptions',
      fields: ['address', 'ip', 'error_code'].map((name) => field('unsigned long', name)),
      format: 'address=%ps ip=%ps error_code=0x%lx',
      printed: [{ field: 'address', as: 'pointer' }, { field: 'ip', as: 'pointer' }, { field: 'error_code' }],
    },
  },
];

const MIGRATION_PTE: readonly Since[] = [
  {
    since: ['5.18'],
    tracepoint: {
      system: 'migrate',
      fields: [field('unsigned long', 'addr'), field('unsigned long', 'pte'), field('int', 'order')],
      format: 'addr=%lx, pte=%lx order=%d',
      printed: as_is('addr', 'pte', 'order'),
    },
  },
];

const MIGRATION_PMD: readonly Since[] = [
  {
    since: ['5.18'],
    tracepoint: {
      system: 'thp',
      fields: [field('unsigned long', 'addr'), field('unsigned long', 'pmd')],
      format: 'addr=%lx, pmd=%lx',
      printed: as_is('addr', 'pmd'),
    },
  },
];

/** Of pages: what is told of each, then more. Before 5.14 the number was printed in decimal. */
function ofPage(
  fields: readonly TracepointField[],
  rest: string,
  printed: readonly Printed[],
): readonly Since[] {
  const tracepoint = (pfn: string): Omit<Tracepoint, 'name'> => ({
    system: 'kmem',
    fields: [field('unsigned long', 'pfn'), field('unsigned int', 'order'), ...fields],
    format: `page=%p pfn=${pfn} order=%d${rest}`,
    printed: [{ field: 'pfn', as: 'page' }, { field: 'pfn' }, { field: 'order' }, ...printed],
  });
  return [
    { since: ALWAYS, tracepoint: tracepoint('%lu') },
    { since: ['5.14'], tracepoint: tracepoint('0x%lx') },
  ];
}

function named(name: string, all: readonly Since[]): [string, { since: Versions; tracepoint: Tracepoint }[]] {
  return [name, all.map(({ since, tracepoint }) => ({ since, tracepoint: { ...tracepoint, name } }))];
}

const TRACEPOINTS = new Map([
  named('page_fault_user', FAULT),
  named('page_fault_kernel', FAULT),
  named('set_migration_pte', MIGRATION_PTE),
  named('remove_migration_pte', MIGRATION_PTE),
  named('set_migration_pmd', MIGRATION_PMD),
  named('remove_migration_pmd', MIGRATION_PMD),
  named(
    'mm_page_alloc',
    ofPage(
      [field('unsigned long', 'gfp_flags'), field('int', 'migratetype')],
      ' migratetype=%d gfp_flags=%s',
      [{ field: 'migratetype' }, { field: 'gfp_flags', as: 'gfp' }],
    ),
  ),
  named('mm_page_free', ofPage([], '', [])),
]);

/** What Linux `version` has as its tracepoint `name`; undefined where it has none. */
export function tracepointOf(name: string, version: string): Tracepoint | undefined {
  return TRACEPOINTS.get(name)?.findLast(({ since }) => holds(version, since))?.tracepoint;
}
