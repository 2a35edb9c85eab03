// SPDX-License-Identifier: GPL-2.0-only
/** Threads of a process that take steps of their own, beside the steps that follow in the document. */
import { type Actor, threadActor } from '../scenario/actor.js';
import { retOf, type StepResult, SUCCESS } from '../scenario/result.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import type { Begun, MachineApi as Machine, Sys } from '../user/api.js';

/** A step, as a thread takes it. */
type Taking = (sys: Sys, actor: Actor) => Task<StepResult>;

class StepThread {
  readonly #actor: Actor;
  /** Steps that it was given, and has not begun. */
  readonly #given: Taking[] = [];
  /** What its steps answered, as far as nobody asked. */
  readonly #answers: StepResult[] = [];
  #begun: Begun<void> | undefined;

  constructor(
    private readonly machine: Machine,
    process: Actor,
  ) {
    this.#actor = threadActor(process);
  }

  take(taking: Taking): void {
    this.#given.push(taking);
    if (this.#begun?.returned === false) return;
    this.#begun = this.machine.launch(this.#actor.process, (sys) => this.#run(sys));
  }

  *#run(sys: Sys): Task {
    for (let next = this.#given.shift(); next !== undefined; next = this.#given.shift()) {
      this.#answers.push(yield* next(sys, this.#actor));
    }
  }

  finish(limitNs: number): StepResult {
    const begun = this.#begun;
    if (begun !== undefined && !begun.returned) this.machine.finish(begun, limitNs);
    return this.#answers.shift() ?? retOf(-EINVAL);
  }
}

export class Threads {
  readonly #threads = new Map<string, StepThread>();

  /** `limitNs`: simulated time that finish() waits at most. */
  constructor(
    private readonly machine: Machine,
    private readonly process: Actor,
    private readonly limitNs: number,
  ) {}

  /** The thread of that name takes it, after what it was given before, from when others run. */
  take(name: string, taking: Taking): StepResult {
    const thread = this.#threads.get(name) ?? new StepThread(this.machine, this.process);
    this.#threads.set(name, thread);
    thread.take(taking);
    return SUCCESS;
  }

  /**
   * Wait until the thread has taken all that it was given. Return: what the first step answered that nobody asked for yet; EINVAL where
   * there is none. Throws as Machine.call() does.
   */
  finish(name: string): StepResult {
    return this.#threads.get(name)?.finish(this.limitNs) ?? retOf(-EINVAL);
  }
}
