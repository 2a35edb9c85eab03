// SPDX-License-Identifier: GPL-2.0-only
/** --trace FILE and --trace-functions FILE: files written as things happen, and the machines that are traced into them. */
import { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import {
  type FunctionWriter,
  functionWriter,
  type Piece,
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
import { SafeFile } from './files/safe-file.js';
import { flagInPlace, statsOf } from './files/writable.js';

const BUFFER = 1 << 16;

const REGULAR = 'expected one, because the head of a binary trace is written last';
const FORMATS = '.txt, .jsonl, .json, .dat or .data';

/** As one; text and bytes are never mixed. */
function dataOf(pieces: readonly Piece[]): string | Buffer {
  const text = pieces.filter((piece) => typeof piece === 'string');
  if (text.length === pieces.length) return text.join('');
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece as Uint8Array)));
}

/** What is written from begin to end can go anywhere, nothing else. */
function demandRegular(path: string, option: string): void {
  const stats = statsOf(path);
  if (stats !== undefined && !stats.isDirectory() && flagInPlace(stats) !== undefined)
    throw new UsageError(`"${path}" is no regular file (${REGULAR})`, option);
}

type Writer = Pick<TraceWriter, 'end' | 'head'>;

/** A file that is written in pieces. */
class Stream {
  readonly #file: SafeFile;
  #open = true;
  /** The disk is full, say: what is simulated goes on, and close() tells. */
  #failure: unknown;
  #pending: Piece[] = [];
  #length = 0;

  /** Throws UsageError or HostError when the file cannot be written. */
  constructor(
    path: string,
    option: string,
    private readonly writer: Writer,
  ) {
    if (writer.head !== undefined) demandRegular(path, option);
    this.#file = new SafeFile(path, option);
  }

  put(piece: Piece): void {
    if (piece.length === 0 || !this.#open) return;
    this.#pending.push(piece);
    this.#length += piece.length;
    if (this.#length >= BUFFER) this.#flush();
  }

  /** Write the rest and give the file its name; later calls do nothing. Throws HostError when not all was written. */
  close(): void {
    if (!this.#open) return;
    this.put(this.writer.end());
    this.#flush();
    this.#open = false;
    if (this.#failure !== undefined) throw this.#failure;
    const head = this.writer.head?.();
    if (head !== undefined) this.#file.replaceHead(head);
    this.#file.commit();
  }

  #flush(): void {
    const data = dataOf(this.#pending);
    this.#pending = [];
    this.#length = 0;
    if (this.#failure !== undefined) return;
    try {
      this.#file.append(data);
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
      throw new UsageError(`"${path}" names no format (expected a name in ${FORMATS})`, '--trace');
    }
    this.#writer = writer;
    this.#stream = new Stream(path, '--trace', writer);
  }

  attach(machine: Machine, { heading }: Traced): TraceSink {
    this.#stream.put(this.#writer.section(heading));
    return new Tracer(machine, (record) => this.#stream.put(this.#writer.record(record)));
  }

  step(name: string, index: number, ns: number, text: string): void {
    this.#stream.put(this.#writer.step(name, index, ns, text));
  }

  close(): void {
    this.#stream.close();
  }
}

/** Which functions are entered. */
class FunctionTrace {
  readonly #writer: FunctionWriter;
  readonly #stream: Stream;

  constructor(path: string) {
    this.#writer = functionWriter(path);
    this.#stream = new Stream(path, '--trace-functions', this.#writer);
  }

  attach(machine: Machine, { heading, scenario }: Traced): void {
    this.#stream.put(this.#writer.section(heading));
    const leftOut = scenario === undefined ? () => false : isOwnMemory;
    machine.functions = new FunctionTracer(machine, leftOut, (record) =>
      this.#stream.put(this.#writer.record(record)),
    );
  }

  step(name: string, index: number, ns: number): void {
    this.#stream.put(this.#writer.step(name, index, ns, ''));
  }

  close(): void {
    this.#stream.close();
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
