// SPDX-License-Identifier: GPL-2.0-only
/** Tracepoints of system calls, and how the trace file prints them. Answers for: kernel/trace/trace_syscalls.c. */
import { field, type Printed, type Tracepoint, type TracepointField } from './tracepoints.js';
import { holds, type Versions } from './version.js';

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
  ['msync', ['unsigned long start', 'size_t len', 'int flags']],
  ['fsync', ['unsigned int fd']],
  ['sync_file_range', ['int fd', 'loff_t offset', 'loff_t nbytes', 'unsigned int flags']],
  ['ftruncate', ['unsigned int fd', 'off_t length']],
  ['mlock', ['unsigned long start', 'size_t len']],
  ['munlock', ['unsigned long start', 'size_t len']],
]);

/** Calls whose buffer is part of the event (check_faultable_syscall()): that argument, and the one that has its length. */
const USER_DATA: ReadonlyMap<string, { readonly buffer: string; readonly length: string }> = new Map([
  ['write', { buffer: 'buf', length: 'count' }],
  ['pwrite64', { buffer: 'buf', length: 'count' }],
]);

/** Since when an event has what the user's pointers point to, and numbers from 10 on begin with 0x. */
const WITH_USER_DATA: Versions = ['7.3'];

/** Bytes of a buffer that an event has (CONFIG_TRACE_SYSCALL_BUF_SIZE_DEFAULT). */
export const SYSCALL_BUF_SIZE = 63;

const SYSCALL_NR = field('int', '__syscall_nr');

/** sys_enter_NAME. */
export interface SyscallEntry extends Tracepoint {
  /** The arguments. */
  readonly args: readonly TracepointField[];
  /** Where among the arguments the buffer and its length are, of calls whose event has the buffer; its field is the last. */
  readonly data?: { readonly buffer: number; readonly length: number };
  /** An argument, in the text of the trace file. Binary files say another format of it. */
  readonly text: (value: bigint) => string;
}

function entryOf(name: string, args: readonly string[], version: string): SyscallEntry {
  const told = holds(version, WITH_USER_DATA);
  const fields = args.map((text): TracepointField => {
    const at = text.lastIndexOf(' ');
    return { type: text.slice(0, at), name: text.slice(at + 1), size: 8, signed: false };
  });
  const user = told ? USER_DATA.get(name) : undefined;
  const place = (arg: string): number => fields.findIndex((one) => one.name === arg);
  const buffer: TracepointField[] =
    user === undefined
      ? []
      : [{ type: '__data_loc char[]', name: `__${user.buffer}_val`, size: 4, signed: false }];
  const printed = fields.flatMap((one): Printed[] => [
    { field: one.name },
    ...(one.name === user?.buffer ? [{ field: `__${one.name}_val`, as: 'bytes' as const }] : []),
  ]);
  const formats = fields.map((one) => `${one.name}: 0x%08lx${one.name === user?.buffer ? ' (%s)' : ''}`);
  return {
    system: 'syscalls',
    name: `sys_enter_${name}`,
    fields: [SYSCALL_NR, ...fields, ...buffer],
    args: fields,
    format: formats.join(', '),
    printed,
    text: (value) => `${told && value >= 10n ? '0x' : ''}${value.toString(16)}`,
    ...(user === undefined ? {} : { data: { buffer: place(user.buffer), length: place(user.length) } }),
  };
}

const entries = new Map<string, SyscallEntry>();

/** sys_enter_NAME of Linux `version`; undefined where not all arguments are known. */
export function syscallEntry(name: string, version: string): SyscallEntry | undefined {
  const args = SYSCALLS.get(name);
  if (args === undefined) return undefined;
  const key = `${version} ${name}`;
  const known = entries.get(key) ?? entryOf(name, args, version);
  entries.set(key, known);
  return known;
}

const exits = new Map<string, Tracepoint>();

/** sys_exit_NAME. */
export function syscallExit(name: string): Tracepoint {
  const known = exits.get(name);
  if (known !== undefined) return known;
  const ret: TracepointField = { type: 'long', name: 'ret', size: 8, signed: true };
  const tracepoint: Tracepoint = {
    system: 'syscalls',
    name: `sys_exit_${name}`,
    fields: [SYSCALL_NR, ret],
    format: '0x%lx',
    printed: [{ field: 'ret' }],
  };
  exits.set(name, tracepoint);
  return tracepoint;
}
