// SPDX-License-Identifier: GPL-2.0-only
/** A program whose system calls are told to the trace, as the kernel's sys_enter_* and sys_exit_* do. */
import type { Kernel } from '../mm/kernel.js';
import type { Task } from '../sim/task.js';
import type { Sys } from '../user/api.js';
import type { Process } from './process.js';

/** Methods of `Sys` that are system calls; the arguments that are numbers, by their names in the kernel. */
const SYSCALLS = {
  open: [],
  close: ['fd'],
  read: ['fd', 'buf', 'count'],
  write: ['fd', 'buf', 'count'],
  pread: ['fd', 'buf', 'count', 'pos'],
  pwrite: ['fd', 'buf', 'count', 'pos'],
  lseek: ['fd', 'offset', 'whence'],
  ftruncate: ['fd', 'length'],
  memfd_create: [],
  ioctl: ['fd', 'cmd', 'arg'],
  mmap: ['addr', 'len', 'prot', 'flags', 'fd', 'off'],
  munmap: ['addr', 'len'],
  mprotect: ['start', 'len', 'prot'],
  madvise: ['start', 'len', 'behavior'],
  mremap: ['addr', 'old_len', 'new_len', 'flags', 'new_addr'],
  mlock: ['start', 'len'],
  munlock: ['start', 'len'],
  fork: [],
  kill: ['pid'],
  waitpid: ['pid'],
  nanosleep: ['ns'],
} as const satisfies Partial<Record<keyof Sys, readonly string[]>>;

type Method = (...args: unknown[]) => Task<unknown>;

/** Addresses and request numbers read better in hexadecimal. */
const readable = (value: number): string | number => (value >= 4096 ? `0x${value.toString(16)}` : value);

function numbers(names: readonly string[], args: readonly unknown[]): Record<string, string | number> {
  const known: Record<string, string | number> = {};
  for (const [i, name] of names.entries()) {
    const value = args[i];
    if (typeof value === 'number') known[name] = readable(value);
  }
  return known;
}

/** Names that differ from the method's, as libc maps them. */
const NAMES: Readonly<Record<string, string>> = {
  open: 'openat',
  pread: 'pread64',
  pwrite: 'pwrite64',
  fork: 'clone',
  waitpid: 'wait4',
};

/** `sys` itself, with system calls in front that tell when they begin and end. */
export function traced<T extends Sys>(sys: T, process: Process, kernel: Kernel): T {
  const wrapped = Object.create(sys) as Record<string, unknown>;
  for (const [method, names] of Object.entries(SYSCALLS)) {
    const call = (sys as unknown as Record<string, Method>)[method]!;
    const name = NAMES[method] ?? method;
    const at = () => ({ fn: `__x64_sys_${name}`, ...(process.mm === null ? {} : { mm: process.mm }) });
    wrapped[method] = function* (...args: unknown[]): Task<unknown> {
      kernel.note({ ...at(), event: `sys_enter_${name}`, args: numbers(names, args) });
      const ret = yield* call.apply(wrapped, args);
      kernel.note({
        ...at(),
        event: `sys_exit_${name}`,
        args: typeof ret === 'number' ? { ret: readable(ret) } : {},
      });
      return ret;
    };
  }
  return wrapped as T;
}
