// SPDX-License-Identifier: GPL-2.0-only
/**
 * Tracepoints of the kernel that the machine tells of, with what each prints (TP_printk), oldest first. Answers for:
 * include/trace/events/{kmem,migrate}.h, arch/x86/include/asm/trace/exceptions.h, kernel/trace/trace_syscalls.c.
 */
import { holds, type Versions } from './version.js';

interface Printed {
  readonly since: Versions;
  readonly format: string;
}

/** Older than any kernel here. */
const ALWAYS: Versions = ['4.20'];

const FAULT: readonly Printed[] = [{ since: ALWAYS, format: 'address=%ps ip=%ps error_code=0x%lx' }];
const MIGRATION_PTE: readonly Printed[] = [{ since: ['5.18'], format: 'addr=%lx, pte=%lx order=%d' }];

const TRACEPOINTS: ReadonlyMap<string, readonly Printed[]> = new Map([
  ['page_fault_user', FAULT],
  ['page_fault_kernel', FAULT],
  ['set_migration_pte', MIGRATION_PTE],
  ['remove_migration_pte', MIGRATION_PTE],
  [
    'mm_page_alloc',
    [
      { since: ALWAYS, format: 'page=%p pfn=%lu order=%d migratetype=%d gfp_flags=%s' },
      { since: ['5.14'], format: 'page=%p pfn=0x%lx order=%d migratetype=%d gfp_flags=%s' },
    ],
  ],
  [
    'mm_page_free',
    [
      { since: ALWAYS, format: 'page=%p pfn=%lu order=%d' },
      { since: ['5.14'], format: 'page=%p pfn=0x%lx order=%d' },
    ],
  ],
]);

/** What Linux `version` prints at its tracepoint `name`; undefined where it has none. */
export function tracepointFormat(name: string, version: string): string | undefined {
  return TRACEPOINTS.get(name)?.findLast(({ since }) => holds(version, since))?.format;
}

/** Names of all arguments, for system calls that take here what they take there. */
const SYSCALLS: ReadonlyMap<string, readonly string[]> = new Map([
  ['read', ['fd', 'buf', 'count']],
  ['write', ['fd', 'buf', 'count']],
  ['close', ['fd']],
  ['lseek', ['fd', 'offset', 'whence']],
  ['mmap', ['addr', 'len', 'prot', 'flags', 'fd', 'off']],
  ['mprotect', ['start', 'len', 'prot']],
  ['munmap', ['addr', 'len']],
  ['ioctl', ['fd', 'cmd', 'arg']],
  ['pread64', ['fd', 'buf', 'count', 'pos']],
  ['pwrite64', ['fd', 'buf', 'count', 'pos']],
  ['mremap', ['addr', 'old_len', 'new_len', 'flags', 'new_addr']],
  ['madvise', ['start', 'len_in', 'behavior']],
  ['ftruncate', ['fd', 'length']],
  ['mlock', ['start', 'len']],
  ['munlock', ['start', 'len']],
]);

/** As sys_enter_NAME prints them; undefined where not all are known. */
export function syscallArguments(name: string): readonly string[] | undefined {
  return SYSCALLS.get(name);
}
