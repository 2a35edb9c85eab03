// SPDX-License-Identifier: GPL-2.0-only
/** Runs tests of the suite on a machine, and keeps of each what a log would show of it. */
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import type { HarnessEvent, LogEvent } from '../selftests/events.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { test_harness_run } from '../selftests/kselftest_harness.js';
import type { TestFilter } from '../selftests/test_filter.js';
import { KernelBug } from '../sim/errors.js';
import { errnoName } from '../uapi/errno.js';
import { warningsIn } from '../user/kernel-log.js';

/** What one test showed. */
export interface Shown {
  readonly name: string;
  readonly code: 0 | 1 | 4;
  readonly reason: string;
  /** Texts of its failed assertions, and of how it ended, without places. */
  readonly assertions: readonly string[];
  readonly death: string;
  /** Functions that oopsed or hung. */
  readonly fn: string | undefined;
  /** Functions that warned, each once. */
  readonly warnings: readonly string[];
}

export interface Measured {
  readonly tests: readonly Shown[];
  /** modprobe's error, or the function that it oopsed in. */
  readonly load: { readonly ret: string } | { readonly oops: string } | undefined;
}

const withoutPlace = ({ text }: LogEvent): string => text.replace(/^\S+?:\d+:\w+:/, '').replace(/^\w+: /, '');

class Recorder {
  readonly tests: Shown[] = [];
  private log: LogEvent[] = [];
  private from = 0;
  private warnings: string[] = [];

  readonly observer = {
    before: (machine: { readonly dmesg: readonly string[] }) => {
      this.from = machine.dmesg.length;
    },
    after: (machine: { readonly dmesg: readonly string[] }) => {
      this.warnings = [...new Set(warningsIn(machine.dmesg.slice(this.from)))];
    },
  };

  readonly onEvent = (event: HarnessEvent): void => {
    if (event.type === 'start') this.log = [];
    else if (event.type === 'log') this.log.push(event);
    else if (event.type === 'result') this.result(event.name, event.code, event.diagnostic);
  };

  private result(name: string, code: 0 | 1 | 4, reason: string): void {
    const texts = (kinds: readonly LogEvent['kind'][]) =>
      this.log.filter(({ kind }) => kinds.includes(kind)).map(withoutPlace);
    const endings = texts(['death', 'oops', 'violation']);
    const fn = endings.map((text) => /^(?:Kernel oops|Hung) in (\w+)/.exec(text)?.[1]).find(Boolean);
    this.tests.push({
      name,
      code,
      reason,
      assertions: texts(['assertion']),
      death: endings.join('; '),
      fn,
      warnings: this.warnings,
    });
  }
}

/** Boots, loads, and runs the tests that `filters` select. */
export function measure(description: MachineDescription, filters: readonly TestFilter[]): Measured {
  let load: Measured['load'];
  const boot = (): Machine => {
    const machine = Machine.bootAs(description);
    const { module } = description;
    if (module === null) return machine;
    const error = machine.loadModule(module.name, module.params);
    if (error < 0) load = { ret: errnoName(-error) };
    return machine;
  };
  const recorder = new Recorder();
  let first: Machine | undefined;
  try {
    first = boot();
  } catch (error) {
    if (!(error instanceof KernelBug)) throw error;
    return { tests: [], load: { oops: error.fn } };
  }
  const steps = test_harness_run({
    suite: hmmTests(description.generation),
    filters,
    machine: () => {
      const machine = first ?? boot();
      first = undefined;
      return machine;
    },
    onEvent: recorder.onEvent,
    observer: recorder.observer,
  });
  for (let step = steps.next(); !step.done; step = steps.next());
  return { tests: recorder.tests, load };
}
