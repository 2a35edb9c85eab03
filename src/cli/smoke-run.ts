// SPDX-License-Identifier: GPL-2.0-only
/** The run of `smoke`: machine, module, suite, KTAP. */
import { readFileSync } from 'node:fs';
import { DEFAULT_MODULE } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import { bailOutLine, ktapLines } from '../report/ktap.js';
import type { EndEvent, HarnessEvent, TestObserver } from '../selftests/events.js';
import type { Suite } from '../selftests/fixture.js';
import { exitCode, test_harness_run } from '../selftests/kselftest_harness.js';
import type { TestFilter } from '../selftests/test_filter.js';
import { KernelBug } from '../sim/errors.js';
import { errnoName } from '../uapi/errno.js';
import { EXIT_FAILED } from './exit-codes.js';
import type { Reports } from './smoke-reports.js';
import { breathe, ktapPainter, onInterrupt, type Painter, printErrorLine, printLine } from './terminal.js';

/** Somebody who looks at the machine around each test, and is told when all is over. */
export interface Observing {
  readonly observer: TestObserver;
  /** What modprobe answered. */
  loaded?(ret: number): void;
  end(): void;
}

export class SmokeRun {
  private readonly paint: Painter = ktapPainter();

  constructor(
    private readonly suite: Suite,
    private readonly filters: readonly TestFilter[],
    private readonly description: MachineDescription,
    private readonly reports: Reports,
    private readonly observing?: Observing,
  ) {}

  /** Return: the exit code. */
  async run(): Promise<number> {
    const stopListening = onInterrupt(() => {
      this.print(bailOutLine('interrupted'));
      this.end();
    });
    try {
      // The first machine boots before the plan is printed: a module that kills the kernel leaves no tests to plan.
      const first = this.boot();
      return first === undefined ? EXIT_FAILED : exitCode(await this.tests(first));
    } catch (error) {
      this.print(bailOutLine('internal error'));
      throw error;
    } finally {
      stopListening();
      this.end();
    }
  }

  private end(): void {
    this.reports.write();
    this.observing?.end();
  }

  private print(line: string): void {
    printLine(this.paint(line));
  }

  private boot(): Machine | undefined {
    try {
      return this.bootAgain();
    } catch (error) {
      if (!(error instanceof KernelBug)) throw error;
      this.print('TAP version 13');
      const { name } = DEFAULT_MODULE;
      this.print(bailOutLine(`the kernel oopsed in ${error.fn} while it loaded ${name}: ${error.reason}`));
      return undefined;
    }
  }

  private bootAgain(): Machine {
    const machine = Machine.bootAs(this.description);
    machine.onStderr = printErrorLine;
    const { module } = this.description;
    if (module === null) return machine;
    const error = machine.loadModule(module.name, module.params);
    this.observing?.loaded?.(error);
    if (error < 0) printErrorLine(`modprobe: could not insert ${module.name}: ${errnoName(-error)}`);
    return machine;
  }

  private async tests(first: Machine): Promise<EndEvent> {
    let booted: Machine | undefined = first;
    const steps = test_harness_run({
      suite: this.suite,
      filters: this.filters,
      machine: () => {
        const machine = booted ?? this.bootAgain();
        booted = undefined;
        return machine;
      },
      onEvent: (event) => this.onEvent(event),
      readText: readSourceMap,
      ...(this.observing === undefined ? {} : { observer: this.observing.observer }),
    });
    for (;;) {
      await breathe();
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  private onEvent(event: HarnessEvent): void {
    this.reports.recorder.onEvent(event);
    for (const line of ktapLines(event, this.suite.style)) this.print(line);
  }
}

/** Source maps lie beside the compiled code; without them, lines are those of the compiled code. */
function readSourceMap(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
