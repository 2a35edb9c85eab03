// SPDX-License-Identifier: GPL-2.0-only
/** A running scenario: processes by name on one machine, and the step that each takes next. */
import type { Generation } from '../generations/index.js';
import { type Actor, firstActor, forkActor } from '../scenario/actor.js';
import { stepText } from '../scenario/place.js';
import { retOf, type StepResult, SUCCESS } from '../scenario/result.js';
import type { Step } from '../scenario/schema.js';
import type { Driving } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import { Hang, InvariantViolation, KernelBug, ProcessDied } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import type { Begun, MachineApi as Machine, ProcessHandle, Sys } from '../user/api.js';
import { warningTexts } from '../user/kernel-log.js';
import { Threads } from './threads.js';

/** Simulated time after which a step counts as hung: far beyond the driver's own timeout of one second. */
const STEP_LIMIT_NS = 10e9;

/** An oops, a hang, or what a checker found. */
type Fatal = KernelBug | Hang | InvariantViolation;

const NO_WARNINGS: readonly string[] = [];

const GONE: StepResult = { ret: 'ESRCH' };

/** A step that was taken. */
export interface TakenStep {
  readonly index: number;
  readonly step: Step;
  readonly result: StepResult;
  /** What the kernel warned of meanwhile: "function: message". */
  readonly warnings: readonly string[];
}

export class Session {
  readonly #machine: Machine;
  readonly #generation: Generation;
  readonly #actors = new Map<string, Actor>();
  readonly #peers = new Map<string, ProcessHandle>();
  readonly #driving: Driving = {
    fork: (parent, child) => this.#fork(parent, child),
    kill: (actor, signal, core) => this.#kill(actor, signal, core),
    finish: (actor, thread) => this.#finish(actor, thread),
  };
  /** Steps in the background, by who takes them. */
  readonly #begun = new Map<Actor, Begun<StepResult>>();
  readonly #threads = new Map<Actor, Threads>();
  #fatal: Fatal | undefined;

  /** Context: a machine with its module loaded (or not, on purpose) and no processes of its own. */
  constructor(machine: Machine, generation: Generation) {
    this.#machine = machine;
    this.#generation = generation;
    const process = machine.spawn('p0');
    this.#peers.set('p0', process);
    this.#actors.set(
      'p0',
      machine.call(process, (sys) => firstActor(sys, process, this.#peers, machine.driverSteps)),
    );
  }

  /** Why the machine is dead; undefined while it lives. */
  get fatal(): Fatal | undefined {
    return this.#fatal;
  }

  /** Of the kernel log's lines from the `logged`-th on, the warnings. */
  warningsSince(logged: number): readonly string[] {
    const { dmesg } = this.#machine;
    return dmesg.length === logged ? NO_WARNINGS : warningTexts(dmesg.slice(logged));
  }

  /** Names of the processes that live. */
  get alive(): string[] {
    return [...this.#actors].filter(([, actor]) => actor.process.alive).map(([name]) => name);
  }

  /** The process of that name, dead or alive. */
  actor(name: string): Actor | undefined {
    return this.#actors.get(name);
  }

  /** Take one step. Return: its result; after one that is fatal the machine must not be used again. */
  step(step: Step): StepResult {
    const actor = this.#actors.get(step.as ?? 'p0');
    if (actor === undefined || !actor.process.alive) return GONE;
    try {
      return this.#take(actor, step);
    } catch (error) {
      if (error instanceof ProcessDied) return GONE;
      if (error instanceof KernelBug) return this.#end(error, { oops: error.fn });
      if (error instanceof Hang) return this.#end(error, { hang: error.where });
      if (error instanceof InvariantViolation) return this.#end(error, { violation: error.message });
      throw error;
    }
  }

  /**
   * The one loop over a document: take its steps in order, until they end or the machine does.
   * `before` is told of each step before it is taken.
   */
  *takeAll(steps: readonly Step[], before?: (index: number, step: Step) => void): Generator<TakenStep, void> {
    for (const [index, step] of steps.entries()) {
      before?.(index, step);
      this.#machine.onStep?.(index, stepText(step));
      const logged = this.#machine.dmesg.length;
      const result = this.step(step);
      yield { index, step, result, warnings: this.warningsSince(logged) };
      if (this.#fatal !== undefined) return;
    }
  }

  #end(error: Fatal, result: StepResult): StepResult {
    this.#fatal = error;
    return result;
  }

  #take(actor: Actor, step: Step): StepResult {
    const definition = definitionOf(step);
    if ('drive' in definition) return definition.drive(this.#driving, actor, step);
    const { take } = definition;
    if ('thread' in step && step.thread !== undefined) {
      const { thread } = step;
      return this.#threadsOf(actor).take(thread, (sys, own) => take(sys, own, step, this.#generation));
    }
    if ('background' in step && step.background)
      return this.#begin(actor, (sys) => take(sys, actor, step, this.#generation));
    return this.#machine.call(
      actor.process,
      (sys) => take(sys, actor, step, this.#generation),
      STEP_LIMIT_NS,
    );
  }

  /** Take it as far as it gets. One that waits, `await` sees to its end. */
  #begin(actor: Actor, taking: (sys: Sys) => Task<StepResult>): StepResult {
    const begun = this.#machine.begin(actor.process, taking);
    if (begun.returned) return begun.value;
    this.#begun.set(actor, begun);
    return { waits: begun.where };
  }

  #threadsOf(actor: Actor): Threads {
    const known = this.#threads.get(actor);
    if (known !== undefined) return known;
    const threads = new Threads(this.#machine, actor, STEP_LIMIT_NS);
    this.#threads.set(actor, threads);
    return threads;
  }

  #finish(actor: Actor, thread: string | undefined): StepResult {
    if (thread !== undefined) return this.#threadsOf(actor).finish(thread);
    const begun = this.#begun.get(actor);
    if (begun === undefined) return retOf(-EINVAL);
    this.#begun.delete(actor);
    return this.#machine.finish(begun, STEP_LIMIT_NS);
  }

  #fork(parent: Actor, name: string): StepResult {
    const pid = this.#machine.call(parent.process, (sys) => sys.fork(), STEP_LIMIT_NS);
    if (pid < 0) return retOf(pid);
    const child = this.#machine.process(pid);
    if (child === undefined) throw new Error(`fork answered pid ${pid}, which the machine does not know`);
    child.name = name;
    this.#peers.set(name, child);
    this.#actors.set(name, forkActor(parent, child));
    return SUCCESS;
  }

  #kill({ process }: Actor, signal?: string, core?: boolean): StepResult {
    this.#machine.kill(process, signal, core);
    return SUCCESS;
  }
}
