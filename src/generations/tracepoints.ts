// SPDX-License-Identifier: GPL-2.0-only
/**
 * Tracepoints of the kernel that the machine tells of, with what each prints (TP_printk), oldest first. Answers for:
 * include/trace/events/{kmem,migrate}.h, arch/x86/include/asm/trace/exceptions.h, kernel/trace/trace_syscalls.c.
 */
import { holds, type Versions } from './version.js';

/** A member of a TP_STRUCT__entry, or an argument of a system call, which has eight bytes whatever its type is. */
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

/** What is printed of a field: as it is, as an address, as that of the struct page, or as names of GFP flags. */
export interface Printed {
  readonly field: string;
  readonly as?: 'pointer' | 'page' | 'gfp';
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

const field = (type: string, name: string): TracepointField => ({
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

/** Types and names of all arguments, for system calls that take here what they take there (SYSCALL_DEFINEn). */
const SYSCALLS: ReadonlyMap<string, readonly string[]> = new Map([
  ['read', ['unsigned int fd', 'char * buf', 'size_t count']],
  ['write', ['unsigned int fd', 'const char * buf', 'size_t count']],
  ['close', ['unsigned int fd']],
  ['lseek', ['unsigned int fd', 'off_t offset', 'unsigned int whence']],
  [
    'mmap',
    [
      'unsigned long addr',
      'unsigned long len',
      'unsigned long prot',
      'unsigned long flags',
      'unsigned long fd',
      'unsigned long off',
    ],
  ],
  ['mprotect', ['unsigned long start', 'size_t len', 'unsigned long prot']],
  ['munmap', ['unsigned long addr', 'size_t len']],
  ['ioctl', ['unsigned int fd', 'unsigned int cmd', 'unsigned long arg']],
  ['pread64', ['unsigned int fd', 'char * buf', 'size_t count', 'loff_t pos']],
  ['pwrite64', ['unsigned int fd', 'const char * buf', 'size_t count', 'loff_t pos']],
  [
    'mremap',
    [
      'unsigned long addr',
      'unsigned long old_len',
      'unsigned long new_len',
      'unsigned long flags',
      'unsigned long new_addr',
    ],
  ],
  ['madvise', ['unsigned long start', 'size_t len_in', 'int behavior']],
  ['ftruncate', ['unsigned int fd', 'off_t length']],
  ['mlock', ['unsigned long start', 'size_t len']],
  ['munlock', ['unsigned long start', 'size_t len']],
]);

const SYSCALL_NR = field('int', '__syscall_nr');

function syscallTracepoint(
  way: 'enter' | 'exit',
  name: string,
  fields: readonly TracepointField[],
): Tracepoint {
  const printed = as_is(...fields.map((one) => one.name));
  const format = way === 'exit' ? '0x%lx' : fields.map((one) => `${one.name}: 0x%08lx`).join(', ');
  return { system: 'syscalls', name: `sys_${way}_${name}`, fields: [SYSCALL_NR, ...fields], format, printed };
}

const SYSCALL_ENTRIES: ReadonlyMap<string, Tracepoint> = new Map(
  [...SYSCALLS].map(([name, args]) => {
    const fields = args.map((text): TracepointField => {
      const at = text.lastIndexOf(' ');
      return { type: text.slice(0, at), name: text.slice(at + 1), size: 8, signed: false };
    });
    return [name, syscallTracepoint('enter', name, fields)];
  }),
);

const syscallExits = new Map<string, Tracepoint>();

/** sys_enter_NAME; undefined where not all arguments are known. The trace file prints it in another way than binary files say. */
export const syscallEntry = (name: string): Tracepoint | undefined => SYSCALL_ENTRIES.get(name);

/** sys_exit_NAME. */
export function syscallExit(name: string): Tracepoint {
  const known = syscallExits.get(name);
  if (known !== undefined) return known;
  const tracepoint = syscallTracepoint('exit', name, [{ type: 'long', name: 'ret', size: 8, signed: true }]);
  syscallExits.set(name, tracepoint);
  return tracepoint;
}
