// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: kernel/fork.c, exit.c, signal.c. Fidelity: simplified: a child begins where its UserEntry says, not
 * where registers do; wait4() waits for one child and hands its status over as an object; every signal kills.
 */
import type { McePolicy } from '../../mm/memory_failure_kill.js';
import { dup_mm } from '../../mm/mmap.js';
import { map_vdso_once } from '../../mm/special_mapping.js';
import type { Task } from '../../sim/task.js';
import { done } from '../../sim/task.js';
import { ECHILD, EINTR, EINVAL, ESRCH } from '../../uapi/errno.js';
import {
  ARCH_MAP_VDSO_64,
  PR_MCE_KILL,
  PR_MCE_KILL_CLEAR,
  PR_MCE_KILL_GET,
  PR_MCE_KILL_SET,
} from '../../uapi/mman.js';
import { signalName } from '../../uapi/signal.js';
import { copy_files } from '../files.js';
import { type Process, ProcessExit } from '../process.js';
import { group_send_sig_info } from '../signals.js';
import { startThread } from '../thread.js';
import type { SyscallArg, SyscallResult } from './types.js';

/** The signal that tells the parent; all other bits say what is shared. */
const CSIGNAL = 0xff;

/** fork(): nothing is shared. A child without an entry is idle. Return: its pid, -EINVAL, or what dup_mm() answers. */
export function* sys_clone(process: Process, flags: number, entry: SyscallArg = 0): Task<number> {
  if ((flags & ~CSIGNAL) !== 0) return -EINVAL;
  const mm = yield* dup_mm(process.ownMm);
  if (typeof mm === 'number') return mm;
  const child = process.services.add_process(`${process.name}+`, process, mm);
  copy_files(process, child);
  child.makeItFail = process.makeItFail;
  child.mceProcess = process.mceProcess;
  child.mceEarly = process.mceEarly;
  child.user = process.user?.cloneFor(child) ?? null;
  if (typeof entry === 'object') startThread(child, entry, 'main');
  return child.pid;
}

/** A thread of the same process. Return: its id, -EINVAL without an entry. */
export function* sys_clone3(process: Process, entry: SyscallArg): Task<number> {
  if (typeof entry !== 'object') return -EINVAL;
  const { task } = startThread(process, entry, 'thread');
  // The new thread is woken with preemption: it runs first, until it sleeps.
  yield* process.services.executor.yield('clone');
  return task.id;
}

/** By what PR_MCE_KILL sets, and PR_MCE_KILL_GET answers. */
const MCE_POLICIES: readonly McePolicy[] = ['late', 'early', 'default'];

/** Answers for: kernel/sys.c, PR_MCE_KILL and PR_MCE_KILL_GET alone. Return: 0, the policy, -EINVAL. */
export function sys_prctl(
  process: Process,
  option: number,
  arg2 = 0,
  arg3 = 0,
  arg4 = 0,
  arg5 = 0,
): Task<number> {
  if (option === PR_MCE_KILL_GET) {
    if ([arg2, arg3, arg4, arg5].some((arg) => arg !== 0)) return done(-EINVAL);
    return done(MCE_POLICIES.indexOf(process.mcePolicy));
  }
  if (option !== PR_MCE_KILL || arg4 !== 0 || arg5 !== 0) return done(-EINVAL);
  if (arg2 === PR_MCE_KILL_CLEAR) {
    if (arg3 !== 0) return done(-EINVAL);
    process.mceProcess = false;
    return done(0);
  }
  if (arg2 !== PR_MCE_KILL_SET) return done(-EINVAL);
  const policy = MCE_POLICIES[arg3];
  // What is no policy leaves it with one of its own all the same.
  process.mceProcess = policy !== 'default';
  if (policy === undefined) return done(-EINVAL);
  process.mceEarly = policy === 'early';
  return done(0);
}

/** Answers for: arch/x86/kernel/process_64.c. Return: bytes of the code, -EEXIST, -ENOMEM, -EINVAL for what is not known. */
export function sys_arch_prctl(process: Process, option: number, arg: number): Task<number> {
  return option === ARCH_MAP_VDSO_64 ? map_vdso_once(process.ownMm, arg) : done(-EINVAL);
}

export function sys_exit_group(_process: Process, code: number): never {
  throw new ProcessExit(code);
}

/** `sig` 0 only asks whether the process is there. Return: 0, -ESRCH, -EINVAL. */
export function sys_kill(process: Process, pid: number, sig: number): Task<number> {
  const target = process.services.process(pid);
  if (target === undefined || target.reaped) return done(-ESRCH);
  if (sig === 0) return done(0);
  const signal = signalName(sig);
  if (signal === undefined) return done(-EINVAL);
  if (target.alive) group_send_sig_info(target, signal);
  return done(0);
}

/** Return: the status, -ECHILD, -EINTR. */
export function* sys_wait4(process: Process, pid: number): Task<SyscallResult> {
  const { services } = process;
  const child = services.process(pid);
  if (child === undefined || child.parent !== process || child.reaped) return -ECHILD;
  process.interruptible.add(process.childExit);
  while (child.alive && process.pendingSignal === null) {
    yield* process.childExit.sleep(services.executor, 'do_wait');
  }
  if (child.alive) return -EINTR;
  child.reaped = true;
  return { pid, exitCode: child.exitCode, signal: child.signal };
}
