// SPDX-License-Identifier: GPL-2.0-only
/** The library: boot a machine, load the module, run user code as a generator. docs/ARCHITECTURE.md says what is below. */
export { DEFAULT_GENERATION, type Generation, generationById, generations } from './generations/index.js';
export type { MachineOptions } from './machine/description.js';
export { Machine, type Process } from './machine/machine.js';
export {
  asFakeMem,
  type FakeMem as EfiFakeMem,
  type PhysicalPlan,
  type PhysicalRequest,
  planPhysicalMemory,
} from './mm/e820.js';
export { Hang, InvariantViolation, KernelBug, ProcessDied, UsageError } from './sim/errors.js';
export type { Task, Wait } from './sim/task.js';
export * as errno from './uapi/errno.js';
export * as mman from './uapi/mman.js';
export * as nr from './uapi/syscalls.js';
export * as dmirror from './uapi/test_hmm_uapi.js';
export type { Mismatch, PageValue, Sys, UserMain, WaitStatus } from './user/api.js';
