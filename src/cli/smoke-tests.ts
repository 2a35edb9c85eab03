// SPDX-License-Identifier: GPL-2.0-only
/** What `smoke` does with the machine, in whichever thread: boot, load the module, run the suite, and tell of all that. */
import { readFileSync } from 'node:fs';
import { DEFAULT_MODULE } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import { moduleNamed } from '../machine/registry.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { builtInSuites } from '../selftests/built_in.js';
import type { HarnessEvent } from '../selftests/events.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { test_harness_run } from '../selftests/kselftest_harness.js';
import type { TestFilter } from '../selftests/test_filter.js';
import { KernelBug } from '../sim/errors.js';
import { errnoName } from '../uapi/errno.js';
import { guarded } from './guard.js';
import type { OwnTests } from './own-tests.js';
import type { ObserveOptions, Observing } from './smoke-observer.js';

/** What there is to tell, in order. */
export type SmokeNews =
  | { readonly event: HarnessEvent }
  | { readonly complaint: string }
  | { readonly comment: string }
  | { readonly recorded: ScenarioDocument }
  | { readonly bailOut: string };

export interface KernelLogOptions {
  /** Tell all that the kernel logs while a test runs, not its WARN()s alone. */
  readonly dmesg?: boolean | undefined;
  /** A test in which the kernel warns has failed. */
  readonly failOnWarn?: boolean | undefined;
}

/** Plain data, for a thread. */
export interface SmokeOptions extends KernelLogOptions {
  readonly filters: readonly TestFilter[];
  /** Seconds on the host that a test may take. */
  readonly timeout?: number | undefined;
  /** The name of a suite that is not the kernel's. */
  readonly suite?: string | undefined;
  /** A file of tests to run beside those of the suite. */
  readonly ownFile?: string | undefined;
  readonly observe?: ObserveOptions | undefined;
}

export interface SmokeTests extends SmokeOptions {
  readonly description: MachineDescription;
  readonly tell: (news: SmokeNews) => void;
  /** Awaited before each test. */
  readonly turn: () => Promise<void>;
}

type Boot = () => Machine;

export async function smokeTests(tests: SmokeTests): Promise<void> {
  const { description, filters, timeout, dmesg = false, failOnWarn = false, tell, turn } = tests;
  const own = await ownTests(tests);
  const observing = await observingOf(tests);
  await turn();
  const boot = (): Machine => bootLoaded(tests, own?.boot ?? Machine.bootAs, observing);
  // The first machine boots before the plan is told: a module that kills the kernel leaves no tests to plan.
  let booted = firstMachine(tests, boot);
  if (booted === undefined) return;
  const suite = builtInSuites[tests.suite ?? ''] ?? hmmTests(description.generation);
  const steps = test_harness_run({
    suite: own?.suiteWith(suite, description.generation) ?? suite,
    filters,
    dmesg,
    failOnWarn,
    machine: () => {
      const machine = booted ?? boot();
      booted = undefined;
      return machine;
    },
    onEvent: (event) => tell({ event }),
    readText: readSourceMap,
    ...(observing === undefined ? {} : { observer: observing.observer }),
    ...(timeout === undefined ? {} : { guard: (run) => guarded(run, timeout) }),
  });
  for (let step = steps.next(); !step.done; step = steps.next()) await turn();
  observing?.end();
}

/** Explaining, tracing and recording are loaded when they are asked for. */
async function observingOf({ observe, description, tell }: SmokeTests): Promise<Observing | undefined> {
  if (observe === undefined) return undefined;
  const observer = await import('./smoke-observer.js');
  return observer.observe(observe, description, {
    print: (comment) => tell({ comment }),
    record: (recorded) => tell({ recorded }),
  });
}

async function ownTests({ ownFile }: SmokeTests): Promise<OwnTests | undefined> {
  if (ownFile === undefined) return undefined;
  const { loadOwnTests } = await import('./own-tests.js');
  return loadOwnTests(ownFile);
}

/** Undefined when the kernel oopsed. */
function firstMachine({ tell, description }: SmokeTests, boot: Boot): Machine | undefined {
  try {
    return boot();
  } catch (error) {
    if (!(error instanceof KernelBug)) throw error;
    const name = description.module?.name ?? DEFAULT_MODULE.name;
    tell({ bailOut: `the kernel oopsed in ${error.fn} while it loaded ${name}: ${error.reason}` });
    return undefined;
  }
}

function bootLoaded(
  { description, tell }: SmokeTests,
  bootAs: (description: MachineDescription) => Machine,
  observing: Observing | undefined,
): Machine {
  const machine = bootAs(description);
  machine.onStderr = (complaint) => tell({ complaint });
  const { module, insmod } = description;
  const complain = (command: string, name: string, error: number): void => {
    if (error < 0) tell({ complaint: `${command}: could not insert ${name}: ${errnoName(-error)}` });
  };
  if (module !== null) {
    const error = machine.loadModule(module.name, module.params);
    observing?.loaded(error);
    const { init } = moduleNamed(module.name).module;
    if (!description.builtin) complain('modprobe', module.name, error);
    else if (error < 0) tell({ complaint: `boot: ${init}() answers ${errnoName(-error)}` });
  }
  for (const { driver, params } of insmod) {
    complain('insmod', driver.module.name, machine.insmod(driver, params));
  }
  return machine;
}

/** Source maps lie beside the compiled code; without them, lines are those of the compiled code. */
function readSourceMap(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
