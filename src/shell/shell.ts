// SPDX-License-Identifier: GPL-2.0-only
/** An interactive session without its terminal: lines in, lines out. */

import { stringify } from 'yaml';
import { type Actor, buffersOf, placeOf } from '../scenario/actor.js';
import { differencesOf } from '../scenario/compare.js';
import { writtenAnswer } from '../scenario/folded.js';
import { answerText, stepText } from '../scenario/place.js';
import { Presence } from '../scenario/presence.js';
import { Regions } from '../scenario/read.js';
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';
import { definitionOf } from '../scenario/steps/index.js';
import type { CommandContext } from '../scenario/steps/words.js';
import { acquireFor, type MachineSource } from '../session/runner.js';
import { Session } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { errnoName } from '../uapi/errno.js';
import { O_RDONLY, PAGE_SIZE } from '../uapi/mman.js';
import type { MachineApi as Machine, Sys } from '../user/api.js';
import { type Command, helpLines, parseCommand } from './commands.js';
import { complete } from './complete.js';
import { Recorder, type Taken } from './recorder.js';

/** A document to go on from, its steps as they were written, and the machine that it asks for. */
export interface OpenedDocument {
  readonly document: ScenarioDocument;
  readonly written: readonly unknown[];
  readonly setup: MachineSetup;
}

/** Looks at the session from outside, by running its steps again. */
export interface Views {
  /** `locks`: with those that were held where it slept. */
  why(setup: MachineSetup, document: ScenarioDocument, locks: boolean): string[];
  page(setup: MachineSetup, document: ScenarioDocument, page: string): string[];
  show(setup: MachineSetup, document: ScenarioDocument): string[];
}

export interface ShellOptions {
  readonly source: MachineSource;
  readonly setup: MachineSetup;
  /** What the saved document says about the machine. */
  readonly machineBlock: MachineBlock;
  /** Writes what `save` is told to. */
  readonly save: (file: string, text: string) => void;
  /** Reads what `load` is told to; on this kernel where the document names none. */
  readonly open: (file: string, name: string | undefined, kernel: string) => OpenedDocument;
  readonly views: Views;
}

const DEAD = 'the machine is dead; "undo" takes the last step back, "reset" starts a new one';

/** A result as one line of YAML. */
function showResult(result: StepResult): string {
  return stringify(writtenAnswer(result), { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

/** What a machine has gone through: everything that ends with it. */
class Life {
  readonly session: Session;
  readonly regions = new Regions();
  readonly presence = new Presence();
  readonly fds = new Set<string>();

  constructor(
    readonly machine: Machine,
    readonly setup: MachineSetup,
  ) {
    this.session = new Session(machine, setup.generation);
  }

  take(step: Step): StepResult {
    const absurdity = this.presence.absurdity(step);
    if (absurdity !== undefined) throw new UsageError(absurdity.message);
    const result = this.session.step(step);
    this.presence.note(step, result);
    if (result.ret === 0) this.#note(step);
    return result;
  }

  #note(step: Step): void {
    this.regions.note(step);
    if (definitionOf(step).opens !== undefined && 'fd' in step) this.fds.add(step.fd as string);
  }
}

/** Where a session was: what it takes to get there again. */
export interface Moment {
  readonly setup: MachineSetup;
  readonly recorder: Recorder;
  readonly taken: readonly Taken[];
  readonly as: string;
}

export class Shell {
  readonly #options: ShellOptions;
  #recorder: Recorder;
  #life: Life;
  #as = 'p0';
  #done = false;

  /** Throws KernelBug when loading the module oopses. */
  constructor(options: ShellOptions) {
    this.#options = options;
    const kernel = options.setup.generation.id;
    this.#recorder = new Recorder({ kernel, machine: options.machineBlock });
    this.#life = this.#born(options.setup);
  }

  /** Has `quit` been said? */
  get done(): boolean {
    return this.#done;
  }

  get prompt(): string {
    return `${this.#as}> `;
  }

  complete(line: string): [string[], string] {
    const { session, regions, fds } = this.#life;
    return complete(line, { processes: session.alive, regions: regions.names, fds: [...fds] });
  }

  /** Do what `line` says. Return: the lines to print. Throws UsageError for a line that makes no sense. */
  execute(line: string): string[] {
    return this.#obey(parseCommand(line, this.#context()));
  }

  get moment(): Moment {
    return {
      setup: this.#life.setup,
      recorder: this.#recorder,
      taken: [...this.#recorder.taken],
      as: this.#as,
    };
  }

  /** Back to where it was, on a fresh machine that takes the steps once more; that of now is left as it is. */
  returnTo({ setup, recorder, taken, as }: Moment): void {
    this.#life = this.#born(setup);
    this.#recorder = recorder;
    this.#takeAgain(taken);
    this.#as = as;
  }

  /** The same from its beginning. */
  startOver({ setup, recorder }: Moment): void {
    this.returnTo({ setup, recorder, taken: [], as: 'p0' });
  }

  #takeAgain(taken: readonly Taken[]): void {
    this.#recorder.clear();
    for (const { step, written } of taken) this.#recorder.add(step, written, this.#life.take(step));
  }

  #born(setup: MachineSetup): Life {
    return new Life(this.#options.source.acquire(setup, 'session'), setup);
  }

  get #migrateHasDirection(): boolean {
    return this.#life.setup.generation.uapi.nr.MIGRATE !== undefined;
  }

  #context(): CommandContext {
    return {
      as: this.#as,
      pagesOf: (region) => this.#life.regions.pagesOf(region),
      migrateHasDirection: this.#migrateHasDirection,
    };
  }

  #obey(command: Command): string[] {
    switch (command.kind) {
      case 'nothing':
        return [];
      case 'step':
        return this.#step(command.step, command.written);
      case 'as':
        return this.#switch(command.process);
      case 'save':
        return this.#save(command.file);
      case 'load':
        return this.#load(command.file, command.name);
      case 'why':
        return this.#why(command.locks);
      case 'show':
        return this.#show();
      case 'page':
        return this.#page(command.page);
      case 'undo':
        return this.#undo();
      case 'help':
        return helpLines(command.topic, this.#migrateHasDirection);
      case 'dmesg':
        return [...this.#life.machine.dmesg];
      case 'lsmod':
        return this.#lsmod();
      case 'maps':
        return this.#maps();
      case 'reset':
        return this.#reset();
      case 'quit':
        this.#done = true;
        return [];
    }
  }

  #step(step: Step, written: unknown): string[] {
    this.#mustLive();
    const { machine, session } = this.#life;
    const logged = machine.dmesg.length;
    const result = this.#life.take(step);
    this.#recorder.add(step, written, result);
    const warnings = session.warningsSince(logged).map((text) => `# WARNING ${text}`);
    const { fatal } = session;
    const lines = [showResult(result), ...warnings, ...unexpected([step], [result])];
    return fatal === undefined ? lines : [...lines, `# ${fatal.message}`, `# ${DEAD}`];
  }

  #mustLive(): void {
    if (this.#life.session.fatal !== undefined) throw new UsageError(DEAD);
  }

  #switch(process: string): string[] {
    if (this.#life.session.actor(process) === undefined)
      throw new UsageError(`there is no process ${process}; fork makes one`);
    this.#as = process;
    return [];
  }

  #save(file: string): string[] {
    this.#options.save(file, this.#recorder.text(file));
    return [`saved ${this.#recorder.length} steps to ${file}`];
  }

  // --- looking back ---------------------------------------------------------------------------------------

  #why(locks: boolean): string[] {
    this.#mustHaveSteps();
    return this.#options.views.why(this.#life.setup, this.#recorder.document(), locks);
  }

  #show(): string[] {
    this.#mustHaveSteps();
    return this.#options.views.show(this.#life.setup, this.#recorder.document());
  }

  #page(word: string): string[] {
    this.#mustHaveSteps();
    const page = word.includes(':') ? word : `${this.#as}:${word}`;
    return this.#options.views.page(this.#life.setup, this.#recorder.document(), page);
  }

  #mustHaveSteps(): void {
    if (this.#recorder.taken.length === 0) throw new UsageError('no step was taken yet');
  }

  #undo(): string[] {
    this.#mustHaveSteps();
    const taken = this.#recorder.taken;
    const last = taken.at(-1)!;
    const { setup } = this.#life;
    this.#leave();
    this.#life = this.#born(setup);
    this.#takeAgain(taken.slice(0, -1));
    if (!this.#life.session.alive.includes(this.#as)) this.#as = 'p0';
    const left = taken.length - 1;
    return [`undone: ${stepText(bare(last.step))}; ${left === 1 ? '1 step is' : `${left} steps are`} left`];
  }

  // --- starting over --------------------------------------------------------------------------------------

  #load(file: string, name: string | undefined): string[] {
    const kernel = this.#life.setup.generation.id;
    const { document, written, setup } = this.#options.open(file, name, kernel);
    // It may not come up; then the session goes on as it was.
    const { machine } = acquireFor(this.#options.source, setup, document);
    this.#leave();
    this.#life = new Life(machine, setup);
    this.#recorder = new Recorder({ ...document, kernel: setup.generation.id });
    this.#as = 'p0';
    const lines: string[] = [];
    const results: StepResult[] = [];
    for (const [index, step] of document.steps.entries()) {
      const result = this.#life.take(step);
      results.push(result);
      this.#recorder.add(step, written[index], result);
      lines.push(`${index}  ${stepText(step)}: ${answerText(result)}`);
      if (this.#life.session.fatal !== undefined) break;
    }
    const { fatal } = this.#life.session;
    lines.push(...unexpected(document.steps, results), `loaded "${document.name}" on ${setup.generation.id}`);
    return fatal === undefined ? lines : [...lines, `# ${fatal.message}`, `# ${DEAD}`];
  }

  #reset(): string[] {
    const { setup } = this.#life;
    this.#leave();
    this.#life = this.#born(setup);
    this.#recorder.clear();
    this.#as = 'p0';
    return ['a fresh machine; the recorded steps are gone'];
  }

  #leave(): void {
    const { machine, session } = this.#life;
    this.#options.source.release(machine, session.fatal === undefined);
  }

  // --- the machine ----------------------------------------------------------------------------------------

  #lsmod(): string[] {
    const { module } = this.#life.setup;
    const header = 'Module      Parameters';
    if (module === null) return [header];
    const given = Object.entries(module.params).map(([name, value]) => `${name}=${value}`);
    return [header, `${module.name.padEnd(11)} ${given.join(' ')}`.trimEnd()];
  }

  #maps(): string[] {
    const { machine, session } = this.#life;
    const actor = session.actor(this.#as);
    this.#mustLive();
    if (actor === undefined || !actor.process.alive) throw new UsageError(`${this.#as} is gone`);
    const text = machine.call(actor.process, (sys) => readFile(sys, actor, '/proc/self/maps'));
    // Our own buffers are elsewhere.
    const isOurs = (line: string): boolean => placeOf(Number.parseInt(line, 16)) === undefined;
    return text.split('\n').filter((line) => line !== '' && !isOurs(line));
  }
}

/** A step without what is expected of it. */
const bare = ({ expect: _, ...step }: Step): Step => step as Step;

/** What the steps answered otherwise than they say. */
function unexpected(steps: readonly Step[], results: readonly StepResult[]): string[] {
  const document = { name: 'session', steps: [...steps] };
  return differencesOf(document, results)
    .filter(({ step }) => steps[step]?.expect !== undefined)
    .map(({ step, key, expected, actual }) => {
      const where = steps.length === 1 ? '' : `step ${step} `;
      return `# ${where}${key}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
    });
}

/** The whole of a text file, read through a page of the process's own buffers. */
function* readFile(sys: Sys, actor: Actor, path: string): Task<string> {
  const buffer = (yield* buffersOf(sys, actor)).scratch + PAGE_SIZE;
  const fd = yield* sys.open(path, O_RDONLY);
  if (fd < 0) throw new UsageError(`${path}: ${errnoName(-fd)}`);
  const chunks: string[] = [];
  for (;;) {
    const count = yield* sys.read(fd, buffer, PAGE_SIZE);
    if (count <= 0) break;
    chunks.push(String.fromCharCode(...(yield* sys.loadBytes(buffer, count))));
  }
  yield* sys.close(fd);
  return chunks.join('');
}
