// SPDX-License-Identifier: GPL-2.0-only
/** System calls are told to the trace, as the kernel's sys_enter_* and sys_exit_* do. */
import type { Args } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import type { Process } from './process.js';
import type { Syscall, SyscallArg, SyscallResult } from './syscalls/types.js';

interface SyscallEvent {
  readonly mm?: MmStruct;
  readonly args: Args;
}

declare module '../mm/trace.js' {
  interface TraceEvents {
    [enter: `sys_enter_${string}`]: SyscallEvent;
    [exit: `sys_exit_${string}`]: SyscallEvent;
  }
}

/** Addresses and request numbers read better in hexadecimal. */
const readable = (value: number): string | number => (value >= 4096 ? `0x${value.toString(16)}` : value);

function numbers(
  names: readonly string[],
  args: readonly (SyscallArg | undefined)[],
): Record<string, string | number> {
  const known: Record<string, string | number> = {};
  for (const [i, name] of names.entries()) {
    const value = args[i];
    if (typeof value === 'number') known[name] = readable(value);
  }
  return known;
}

const where = ({ mm }: Process, { name }: Syscall) => ({
  fn: `__x64_sys_${name}`,
  ...(mm === null ? {} : { mm }),
});

export function trace_sys_enter(
  process: Process,
  call: Syscall,
  args: readonly (SyscallArg | undefined)[],
): void {
  process.services.kernel.note({
    ...where(process, call),
    event: `sys_enter_${call.name}`,
    args: numbers(call.args, args),
  });
}

export function trace_sys_exit(process: Process, call: Syscall, ret: SyscallResult): void {
  process.services.kernel.note({
    ...where(process, call),
    event: `sys_exit_${call.name}`,
    args: typeof ret === 'number' ? { ret: readable(ret) } : {},
  });
}
