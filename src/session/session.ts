// SPDX-License-Identifier: GPL-2.0-only
/** A running scenario: processes by name on one machine, and the step that each takes next. */
import type { Generation } from '../generations/index.js';
import { type Actor, forkActor, newActor, setUpBuffers } from '../scenario/actor.js';
import * as dmirror from '../scenario/dmirror-steps.js';
import * as gup from '../scenario/gup-steps.js';
import * as memory from '../scenario/memory-steps.js';
import { retOf, type StepResult, SUCCESS } from '../scenario/result.js';
import type { Step, StepOf } from '../scenario/schema.js';
import { spellingOf } from '../scenario/spelling.js';
import { Hang, InvariantViolation, KernelBug, ProcessDied } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import type { MachineApi as Machine, Sys } from '../user/api.js';

/** Simulated time after which a step counts as hung: far beyond the driver's own timeout of one second. */
const STEP_LIMIT_NS = 10e9;

/** An oops, a hang, or what a checker found. */
type Fatal = KernelBug | Hang | InvariantViolation;

const GONE: StepResult = { ret: 'ESRCH' };

export class Session {
  readonly #machine: Machine;
  readonly #face: dmirror.Interface;
  readonly #actors = new Map<string, Actor>();
  #fatal: Fatal | undefined;

  /** Context: a machine with its module loaded (or not, on purpose) and no processes of its own. */
  constructor(machine: Machine, generation: Generation) {
    this.#machine = machine;
    this.#face = { uapi: generation.uapi, spelling: spellingOf(generation) };
    const process = machine.spawn('p0');
    this.#actors.set('p0', newActor(process, machine.call(process, setUpBuffers)));
  }

  /** Why the machine is dead; undefined while it lives. */
  get fatal(): Fatal | undefined {
    return this.#fatal;
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

  #end(error: Fatal, result: StepResult): StepResult {
    this.#fatal = error;
    return result;
  }

  #take(actor: Actor, step: Step): StepResult {
    if (step.op === 'exit') {
      this.#machine.kill(actor.process);
      return SUCCESS;
    }
    if (step.op === 'fork') return this.#fork(actor, step);
    return this.#machine.call(actor.process, (sys) => this.#run(sys, actor, step), STEP_LIMIT_NS);
  }

  #fork(parent: Actor, step: StepOf<'fork'>): StepResult {
    const pid = this.#machine.call(parent.process, (sys) => sys.fork(), STEP_LIMIT_NS);
    if (pid < 0) return retOf(pid);
    const child = this.#machine.process(pid);
    if (child === undefined) throw new Error(`fork answered pid ${pid}, which the machine does not know`);
    child.name = step.child;
    this.#actors.set(step.child, forkActor(parent, child));
    return SUCCESS;
  }

  #run(sys: Sys, actor: Actor, step: Exclude<Step, { op: 'exit' | 'fork' }>): Task<StepResult> {
    switch (step.op) {
      case 'open':
        return dmirror.open(sys, actor, step);
      case 'close':
        return dmirror.close(sys, actor, step);
      case 'ioctl':
        return dmirror.ioctl(sys, actor, step, this.#face);
      case 'ioctl_raw':
        return dmirror.ioctlRaw(sys, actor, step, this.#face);
      case 'mmap':
        return memory.mmap(sys, actor, step);
      case 'munmap':
        return memory.munmap(sys, step);
      case 'mlock':
        return memory.mlock(sys, step);
      case 'munlock':
        return memory.munlock(sys, step);
      case 'mprotect':
        return memory.mprotect(sys, step);
      case 'madvise':
        return memory.madvise(sys, step);
      case 'mremap':
        return memory.mremap(sys, step);
      case 'store':
        return memory.store(sys, step);
      case 'load':
        return memory.load(sys, step);
      case 'pagemap':
        return memory.pagemap(sys, actor, step);
      case 'gup':
        return gup.gup(sys, actor, step);
      case 'pin':
        return gup.pin(sys, actor, step);
      case 'unpin':
        return gup.unpin(sys, actor);
    }
  }
}
