// SPDX-License-Identifier: GPL-2.0-only
/**
 * --trace FILE and --trace-functions FILE: files written as things happen, and the machines that are traced into them, in
 * another thread maybe.
 */
import { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import {
  type FunctionWriter,
  functionWriter,
  type TraceWriter,
  traceWriter,
} from '../report/trace-writer.js';
import { isOwnMemory } from '../scenario/actor.js';
import type { MachineSource } from '../session/runner.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { FunctionTracer } from '../watch/function-tracer.js';
import { Tracer } from '../watch/tracer.js';
import { allOf } from './files/all-of.js';
import { SharedFile, type SharedText, SharedWriter } from './files/shared-text.js';
import { flagInPlace, statsOf } from './files/writable.js';

const REGULAR = 'expected one, because the head of a binary trace is written last';
const FORMATS = '.txt, .jsonl, .json, .dat or .data';

/** What is written from begin to end can go anywhere, nothing else. */
function demandRegular(path: string, option: string): void {
  const stats = statsOf(path);
  if (stats !== undefined && !stats.isDirectory() && flagInPlace(stats) !== undefined)
    throw new UsageError(`"${path}" is no regular file (${REGULAR})`, option);
}

/** What a machine is traced under. */
export interface Traced {
  readonly heading: string;
  /** The scenario, of which steps are marked and memory of the program's own is left out; undefined: a program. */
  readonly scenario?: string;
}

/** The writer that the name asks for. Throws UsageError when it names no format. */
function writerOf(path: string): TraceWriter {
  const writer = traceWriter(path);
  if (writer !== undefined) return writer;
  throw new UsageError(`"${path}" names no format (expected a name in ${FORMATS})`, '--trace');
}

export interface TraceFlags {
  readonly trace?: string | undefined;
  readonly traceFunctions?: string | undefined;
}

export const traces = ({ trace, traceFunctions }: TraceFlags): boolean =>
  trace !== undefined || traceFunctions !== undefined;

/** Where a thread traces to: plain data. */
export interface TraceOrder {
  readonly events?: { readonly path: string; readonly target: SharedText };
  readonly functions?: { readonly path: string; readonly target: SharedText };
}

/** The files that are asked for, with their names and ends. */
export class TraceFiles {
  readonly #events: SharedFile | undefined;
  readonly #functions: SharedFile | undefined;
  readonly #flags: TraceFlags;

  /** Throws UsageError or HostError when one cannot be written, UsageError when a name names no format. */
  constructor(flags: TraceFlags) {
    const { trace, traceFunctions } = flags;
    this.#flags = flags;
    if (trace !== undefined) {
      this.#events = fileFor(trace, '--trace', writerOf(trace));
    }
    if (traceFunctions !== undefined) {
      this.#functions = fileFor(traceFunctions, '--trace-functions', functionWriter(traceFunctions));
    }
  }

  /** For a Tracing, in whichever thread. */
  get order(): TraceOrder {
    const events = this.#events && { path: this.#flags.trace!, target: this.#events.target };
    const functions = this.#functions && {
      path: this.#flags.traceFunctions!,
      target: this.#functions.target,
    };
    return { ...(events && { events }), ...(functions && { functions }) };
  }

  /**
   * Write what is left and give the files their names, whether or not their Tracing has ended; later calls do nothing. Throws
   * HostError when not all was written.
   */
  close(): void {
    allOf(
      () => this.#events && closeAs(this.#events, writerOf(this.#flags.trace!)),
      () => this.#functions && closeAs(this.#functions, functionWriter(this.#flags.traceFunctions!)),
    );
  }
}

type Ending = Pick<TraceWriter, 'end' | 'head' | 'brokenOff'>;

function fileFor(path: string, option: string, writer: Ending): SharedFile {
  if (writer.head !== undefined) demandRegular(path, option);
  return new SharedFile(path, option);
}

function closeAs(file: SharedFile, writer: Ending): void {
  file.close({ whole: writer.end(), head: writer.head?.(), brokenOff: writer.brokenOff ?? '' });
}

/** What happens. */
class EventTrace {
  readonly #writer: TraceWriter;
  readonly #text: SharedWriter;

  constructor({ path, target }: NonNullable<TraceOrder['events']>) {
    this.#writer = writerOf(path);
    this.#text = new SharedWriter(target);
  }

  attach(machine: Machine, { heading }: Traced): TraceSink {
    this.#text.put(this.#writer.section(heading));
    return new Tracer(machine, (record) => this.#text.put(this.#writer.record(record)));
  }

  step(name: string, index: number, ns: number, text: string): void {
    this.#text.put(this.#writer.step(name, index, ns, text));
  }

  end(): void {
    this.#text.end(this.#writer.end(), this.#writer.head?.());
  }
}

/** Which functions are entered. */
class FunctionTrace {
  readonly #writer: FunctionWriter;
  readonly #text: SharedWriter;

  constructor({ path, target }: NonNullable<TraceOrder['functions']>) {
    this.#writer = functionWriter(path);
    this.#text = new SharedWriter(target);
  }

  attach(machine: Machine, { heading, scenario }: Traced): void {
    this.#text.put(this.#writer.section(heading));
    const leftOut = scenario === undefined ? () => false : isOwnMemory;
    machine.functions = new FunctionTracer(machine, leftOut, (record) =>
      this.#text.put(this.#writer.record(record)),
    );
  }

  step(name: string, index: number, ns: number): void {
    this.#text.put(this.#writer.step(name, index, ns, ''));
  }

  end(): void {
    this.#text.end(this.#writer.end(), this.#writer.head?.());
  }
}

/** Machines that are traced, in the thread that runs them. */
export class Tracing {
  readonly #events: EventTrace | undefined;
  readonly #functions: FunctionTrace | undefined;

  constructor({ events, functions }: TraceOrder) {
    this.#events = events && new EventTrace(events);
    this.#functions = functions && new FunctionTrace(functions);
  }

  /** Trace `machine` from now on. Return: where its events go; undefined where nobody wants them. */
  attach(machine: Machine, traced: Traced): TraceSink | undefined {
    this.#functions?.attach(machine, traced);
    const { scenario } = traced;
    if (scenario !== undefined) {
      machine.onStep = (index, text) => {
        this.#events?.step(scenario, index, machine.now, text);
        this.#functions?.step(scenario, index, machine.now);
      };
    }
    return this.#events?.attach(machine, traced);
  }

  /** Trace it no more. */
  detach(machine: Machine): void {
    machine.trace = null;
    machine.functions = null;
    machine.onStep = undefined;
  }

  /** Nothing more comes. */
  end(): void {
    this.#events?.end();
    this.#functions?.end();
  }
}

/** Machines of another source, traced while they run a scenario. */
export class TracingSource implements MachineSource {
  constructor(
    private readonly source: MachineSource,
    private readonly tracing: Tracing,
  ) {}

  acquire(setup: MachineSetup, name: string): MachineApi {
    const machine = this.source.acquire(setup, name);
    if (machine instanceof Machine) {
      const traced = { heading: `${name} on ${setup.generation.id}`, scenario: name };
      machine.trace = this.tracing.attach(machine, traced) ?? null;
    }
    return machine;
  }

  release(machine: MachineApi, usable: boolean): void {
    if (machine instanceof Machine) this.tracing.detach(machine);
    this.source.release(machine, usable);
  }
}
