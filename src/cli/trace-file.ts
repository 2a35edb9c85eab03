// SPDX-License-Identifier: GPL-2.0-only
/** --trace FILE: the file, written as events come, and the machines that are traced into it. */
import { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import { type TraceWriter, traceWriter } from '../report/trace-writer.js';
import type { MachineSource } from '../session/runner.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { Tracer } from '../watch/tracer.js';
import { SafeFile } from './files/safe-file.js';

const BUFFER = 1 << 16;

export class TraceFile {
  readonly #writer: TraceWriter;
  readonly #file: SafeFile;
  #open = true;
  /** The disk is full, say: what is simulated goes on, and close() tells. */
  #failure: unknown;
  #pending: string[] = [];
  #length = 0;

  /** Throws UsageError or HostError when the file cannot be written, UsageError when its name names no format. */
  constructor(readonly path: string) {
    const writer = traceWriter(path);
    if (writer === undefined) {
      throw new UsageError(`"${path}" names no format (expected a name in .txt, .jsonl or .json)`, '--trace');
    }
    this.#writer = writer;
    this.#file = new SafeFile(path, '--trace');
  }

  /** Trace `machine` from now on, under a heading. Return: where its events go. */
  attach(machine: Machine, heading: string): TraceSink {
    this.#put(this.#writer.section(heading));
    return new Tracer(machine, (record) => this.#put(this.#writer.record(record)));
  }

  /** Write the rest and give the file its name; later calls do nothing. Throws HostError when not all was written. */
  close(): void {
    if (!this.#open) return;
    this.#put(this.#writer.end());
    this.#flush();
    this.#open = false;
    if (this.#failure !== undefined) throw this.#failure;
    this.#file.commit();
  }

  #put(text: string): void {
    if (text === '' || !this.#open) return;
    this.#pending.push(text);
    this.#length += text.length;
    if (this.#length >= BUFFER) this.#flush();
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

/** Machines of another source, traced while they run a scenario. */
export class TracingSource implements MachineSource {
  constructor(
    private readonly source: MachineSource,
    private readonly file: TraceFile,
  ) {}

  acquire(setup: MachineSetup, name: string): MachineApi {
    const machine = this.source.acquire(setup, name);
    if (machine instanceof Machine)
      machine.trace = this.file.attach(machine, `${name} on ${setup.generation.id}`);
    return machine;
  }

  release(machine: MachineApi, usable: boolean): void {
    if (machine instanceof Machine) machine.trace = null;
    this.source.release(machine, usable);
  }
}
