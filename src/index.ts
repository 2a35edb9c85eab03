// SPDX-License-Identifier: GPL-2.0-only
/** The library: boot a machine, load the module, run user code as a generator. docs/ARCHITECTURE.md says what is below. */
export {
  DEFAULT_GENERATION,
  type Generation,
  generationById,
  generations,
  KERNELS,
  type KernelId,
} from './generations/index.js';
export { type BootOptions, Machine } from './library/machine.js';
export {
  compareScenario,
  explainScenario,
  loadScenarios,
  recordTest,
  runScenario,
  type ScenarioOptions,
  type ScenarioResult,
  type ShrinkOptions,
  type StepDifference,
  type StepExplanation,
  scenarioYaml,
  shrinkScenario,
} from './library/scenarios.js';
export type { Process } from './machine/machine.js';
export {
  asFakeMem,
  type FakeMem as EfiFakeMem,
  type PhysicalPlan,
  type PhysicalRequest,
  planPhysicalMemory,
} from './mm/e820.js';
export type { StepResult } from './scenario/result.js';
export type { ScenarioDocument, Step } from './scenario/schema.js';
export { Hang, InvariantViolation, KernelBug, ProcessDied, UsageError } from './sim/errors.js';
export type { Task, Wait } from './sim/task.js';
export * as errno from './uapi/errno.js';
export * as mman from './uapi/mman.js';
export * as nr from './uapi/syscalls.js';
export * as dmirror from './uapi/test_hmm_uapi.js';
export type { Mismatch, PageValue, Sys, UserMain, WaitStatus } from './user/api.js';
