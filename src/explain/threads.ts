// SPDX-License-Identifier: GPL-2.0-only
/** What threads of a document's processes were given to do, until somebody waits for it, and the faults meanwhile. */
import type { Machine } from '../machine/machine.js';
import type { Step } from '../scenario/schema.js';
import type { Fault } from '../watch/call-watch.js';
import { Touches } from './touch.js';

/** The thread that is given `step`, or waited for by it. */
const threadOf = (step: Step): string | undefined =>
  'thread' in step && step.thread !== undefined ? `${step.as ?? 'p0'} ${step.thread}` : undefined;

/** Does a thread take it, so that what it does is told later? */
export const isLaunched = (step: Step): boolean => threadOf(step) !== undefined && step.op !== 'await';

export class ThreadSteps {
  /** In the order in which they were given. */
  readonly #given = new Map<string, Step[]>();
  #faults = new Touches();

  /** Faults since the first of those steps. */
  get faults(): Touches {
    return this.#faults;
  }

  push(machine: Machine, fault: Fault): void {
    if (this.#given.size > 0) this.#faults.push(machine, fault);
  }

  /** The step is about to be taken. Return: the step of a thread that it waits for. */
  begin(step: Step): Step | undefined {
    if (this.#given.size === 0) this.#faults = new Touches();
    const thread = threadOf(step);
    if (thread === undefined) return undefined;
    const given = this.#given.get(thread) ?? [];
    if (step.op !== 'await') {
      this.#given.set(thread, [...given, step]);
      return undefined;
    }
    const [awaited, ...rest] = given;
    if (rest.length > 0) this.#given.set(thread, rest);
    else this.#given.delete(thread);
    return awaited;
  }
}
