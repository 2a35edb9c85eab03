// SPDX-License-Identifier: GPL-2.0-only
/** An interactive session without its terminal: lines in, lines out. */
import { stringify } from 'yaml';
import { type Actor, buffersOf, placeOf } from '../scenario/actor.js';
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, Step } from '../scenario/schema.js';
import { definitionOf } from '../scenario/steps/index.js';
import type { CommandContext } from '../scenario/steps/words.js';
import { writeYaml } from '../scenario/update.js';
import type { MachineSource } from '../session/runner.js';
import { Session } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { errnoName } from '../uapi/errno.js';
import { O_RDONLY, PAGE_SIZE } from '../uapi/mman.js';
import type { MachineApi as Machine, Sys } from '../user/api.js';
import { type Command, complete, helpLines, parseCommand } from './commands.js';
import { Recorder } from './recorder.js';

export interface ShellOptions {
  readonly source: MachineSource;
  readonly setup: MachineSetup;
  /** What the saved document says about the machine. */
  readonly machineBlock: MachineBlock;
  /** Writes what `save` is told to. */
  readonly save: (file: string, text: string) => void;
}

const DEAD = 'the machine is dead; "reset" starts a new one';

/** A result as one line of YAML. */
function showResult(result: StepResult): string {
  return stringify(result, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

export class Shell {
  readonly #options: ShellOptions;
  readonly #recorder: Recorder;
  #machine: Machine;
  #session: Session;
  #as = 'p0';
  readonly #pages = new Map<string, number>();
  #done = false;

  /** Throws KernelBug when loading the module oopses. */
  constructor(options: ShellOptions) {
    this.#options = options;
    const kernel = options.setup.generation.id;
    this.#recorder = new Recorder({ name: 'session', kernel, machine: options.machineBlock });
    this.#machine = options.source.acquire(options.setup, 'session');
    this.#session = new Session(this.#machine, options.setup.generation);
  }

  /** Has `quit` been said? */
  get done(): boolean {
    return this.#done;
  }

  get prompt(): string {
    return `${this.#as}> `;
  }

  complete(line: string): [string[], string] {
    return complete(line, [...this.#session.alive, ...this.#pages.keys()]);
  }

  /** Do what `line` says. Return: the lines to print. Throws UsageError for a line that makes no sense. */
  execute(line: string): string[] {
    return this.#obey(parseCommand(line, this.#context()));
  }

  #context(): CommandContext {
    return {
      as: this.#as,
      pagesOf: (region) => this.#pages.get(region),
      migrateHasDirection: this.#options.setup.generation.uapi.nr.MIGRATE !== undefined,
    };
  }

  #obey(command: Command): string[] {
    switch (command.kind) {
      case 'nothing':
        return [];
      case 'step':
        return this.#step(command.step);
      case 'as':
        return this.#switch(command.process);
      case 'save':
        return this.#save(command.file);
      case 'help':
        return helpLines(command.topic);
      case 'dmesg':
        return [...this.#machine.dmesg];
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

  #step(step: Step): string[] {
    this.#mustLive();
    const logged = this.#machine.dmesg.length;
    const result = this.#session.step(step);
    const warnings = this.#session.warningsSince(logged).map((text) => `# WARNING ${text}`);
    // A violation is our mistake, nothing for a document to expect.
    if (result.violation === undefined) this.#recorder.add(step, result);
    if (result.ret === 0) this.#note(step);
    const { fatal } = this.#session;
    const lines = [showResult(result), ...warnings];
    return fatal === undefined ? lines : [...lines, `# ${fatal.message}`, `# ${DEAD}`];
  }

  /** What a step has mapped is what its region's name alone stands for. */
  #note(step: Step): void {
    const range = definitionOf(step).maps?.(step);
    if (range === undefined) return;
    const known = step.op === 'mmap' ? 0 : (this.#pages.get(range.region) ?? 0);
    this.#pages.set(range.region, Math.max(known, range.page + range.pages));
  }

  #mustLive(): void {
    if (this.#session.fatal !== undefined) throw new UsageError(DEAD);
  }

  #switch(process: string): string[] {
    if (this.#session.actor(process) === undefined)
      throw new UsageError(`there is no process ${process}; fork makes one`);
    this.#as = process;
    return [];
  }

  #save(file: string): string[] {
    this.#options.save(file, writeYaml(this.#recorder.document()));
    return [`saved ${this.#recorder.length} steps to ${file}`];
  }

  #lsmod(): string[] {
    const { module } = this.#options.setup;
    const header = 'Module      Parameters';
    if (module === null) return [header];
    const given = Object.entries(module.params).map(([name, value]) => `${name}=${value}`);
    return [header, `${module.name.padEnd(11)} ${given.join(' ')}`.trimEnd()];
  }

  #maps(): string[] {
    const actor = this.#session.actor(this.#as);
    this.#mustLive();
    if (actor === undefined || !actor.process.alive) throw new UsageError(`${this.#as} is gone`);
    const text = this.#machine.call(actor.process, (sys) => readFile(sys, actor, '/proc/self/maps'));
    // Our own buffers are elsewhere.
    const isOurs = (line: string): boolean => placeOf(Number.parseInt(line, 16)) === undefined;
    return text.split('\n').filter((line) => line !== '' && !isOurs(line));
  }

  #reset(): string[] {
    const { source, setup } = this.#options;
    source.release(this.#machine, this.#session.fatal === undefined);
    this.#machine = source.acquire(setup, 'session');
    this.#session = new Session(this.#machine, setup.generation);
    this.#recorder.clear();
    this.#pages.clear();
    this.#as = 'p0';
    return ['a fresh machine; the recorded steps are gone'];
  }
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
