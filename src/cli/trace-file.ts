// SPDX-License-Identifier: GPL-2.0-only
/** --trace FILE and --trace-functions FILE: files written as things happen, and the machines that are traced into them. */
import { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import { FunctionTraceWriter } from '../report/trace-functions.js';
import { type TraceWriter, traceWriter } from '../report/trace-writer.js';
import { isOwnMemory } from '../scenario/actor.js';
import type { MachineSource } from '../session/runner.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { FunctionTracer } from '../watch/function-tracer.js';
import { Tracer } from '../watch/tracer.js';
import { allOf } from './files/all-of.js';
import { SafeFile } from './files/safe-file.js';

const BUFFER = 1 << 16;

/** Text that is written in pieces. */
class Stream {
  readonly #file: SafeFile;
  #open = true;
  /** The disk is full, say: what is simulated goes on, and close() tells. */
  #failure: unknown;
  #pending: string[] = [];
  #length = 0;

  /** Throws UsageError or HostError when the file cannot be written. */
  constructor(path: string, option: string) {
    this.#file = new SafeFile(path, option);
  }

  put(text: string): void {
    if (text === '' || !this.#open) return;
    this.#pending.push(text);
    this.#length += text.length;
    if (this.#length >= BUFFER) this.#flush();
  }

  /** Write the rest and give the file its name; later calls do nothing. Throws HostError when not all was written. */
  close(rest: () => string): void {
    if (!this.#open) return;
    this.put(rest());
    this.#flush();
    this.#open = false;
    if (this.#failure !== undefined) throw this.#failure;
    this.#file.commit();
  }

  #flush(): void {
    const text = this.#pending.join('');
    this.#pending = [];
    this.#length = 0;
    if (this.#failure !== undefined) return;
    try {
      this.#file.append(text);
    } catch (error) {
      this.#failure = error;
    }
  }
}

/** What a machine is traced under. */
export interface Traced {
  readonly heading: string;
  /** The scenario, of which steps are marked and memory of the program's own is left out; undefined: a program. */
  readonly scenario?: string;
}

/** What happens. */
class EventTrace {
  readonly #writer: TraceWriter;
  readonly #stream: Stream;

  /** Throws UsageError or HostError when the file cannot be written, UsageError when its name names no format. */
  constructor(path: string) {
    const writer = traceWriter(path);
    if (writer === undefined) {
      throw new UsageError(`"${path}" names no format (expected a name in .txt, .jsonl or .json)`, '--trace');
    }
    this.#writer = writer;
    this.#stream = new Stream(path, '--trace');
  }

  attach(machine: Machine, { heading }: Traced): TraceSink {
    this.#stream.put(this.#writer.section(heading));
    return new Tracer(machine, (record) => this.#stream.put(this.#writer.record(record)));
  }

  step(name: string, index: number, ns: number, text: string): void {
    this.#stream.put(this.#writer.step(name, index, ns, text));
  }

  close(): void {
    this.#stream.close(() => this.#writer.end());
  }
}

/** Which functions are entered. */
class FunctionTrace {
  readonly #writer = new FunctionTraceWriter();
  readonly #stream: Stream;

  constructor(path: string) {
    this.#stream = new Stream(path, '--trace-functions');
  }

  attach(machine: Machine, { heading, scenario }: Traced): void {
    this.#stream.put(this.#writer.section(heading));
    const leftOut = scenario === undefined ? () => false : isOwnMemory;
    machine.functions = new FunctionTracer(machine, leftOut, (record) =>
      this.#stream.put(this.#writer.record(record)),
    );
  }

  step(name: string, index: number, ns: number): void {
    this.#stream.put(this.#writer.step(name, index, ns));
  }

  close(): void {
    this.#stream.close(() => this.#writer.end());
  }
}

export interface TraceFlags {
  readonly trace?: string | undefined;
  readonly traceFunctions?: string | undefined;
}

export const traces = ({ trace, traceFunctions }: TraceFlags): boolean =>
  trace !== undefined || traceFunctions !== undefined;

/** The files that are asked for. */
export class TraceFiles {
  readonly #events: EventTrace | undefined;
  readonly #functions: FunctionTrace | undefined;

  /** Throws UsageError or HostError when one cannot be written, UsageError when a name names no format. */
  constructor({ trace, traceFunctions }: TraceFlags) {
    this.#events = trace === undefined ? undefined : new EventTrace(trace);
    this.#functions = traceFunctions === undefined ? undefined : new FunctionTrace(traceFunctions);
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

  /** Write the rest and give the files their names; later calls do nothing. Throws HostError when not all was written. */
  close(): void {
    allOf(
      () => this.#events?.close(),
      () => this.#functions?.close(),
    );
  }
}

/** Machines of another source, traced while they run a scenario. */
export class TracingSource implements MachineSource {
  constructor(
    private readonly source: MachineSource,
    private readonly files: TraceFiles,
  ) {}

  acquire(setup: MachineSetup, name: string): MachineApi {
    const machine = this.source.acquire(setup, name);
    if (machine instanceof Machine) {
      const traced = { heading: `${name} on ${setup.generation.id}`, scenario: name };
      machine.trace = this.files.attach(machine, traced) ?? null;
    }
    return machine;
  }

  release(machine: MachineApi, usable: boolean): void {
    if (machine instanceof Machine) this.files.detach(machine);
    this.source.release(machine, usable);
  }
}
