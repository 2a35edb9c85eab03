// SPDX-License-Identifier: GPL-2.0-only
/** --trace FILE: the file, written as events come, and the machines that are traced into it. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Machine } from '../machine/machine.js';
import type { TraceSink } from '../mm/trace.js';
import { type TraceWriter, traceWriter } from '../report/trace-writer.js';
import type { MachineSource } from '../session/runner.js';
import type { MachineSetup } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { Tracer } from '../watch/tracer.js';
import { cannotWrite } from './report-file.js';

const BUFFER = 1 << 16;

export class TraceFile {
  readonly #writer: TraceWriter;
  #fd: number;
  #pending: string[] = [];
  #length = 0;

  /** Opens, and thereby empties, the file. Throws UsageError when it cannot, or when its name names no format. */
  constructor(readonly path: string) {
    const writer = traceWriter(path);
    if (writer === undefined) {
      throw new UsageError(`"${path}" names no format (expected a name in .txt, .jsonl or .json)`, '--trace');
    }
    this.#writer = writer;
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw cannotWrite(path, '--trace', error);
    }
  }

  /** Trace `machine` from now on, under a heading. Return: where its events go. */
  attach(machine: Machine, heading: string): TraceSink {
    this.#put(this.#writer.section(heading));
    return new Tracer(machine, (record) => this.#put(this.#writer.record(record)));
  }

  /** Write the rest and close the file; later calls do nothing. */
  close(): void {
    if (this.#fd < 0) return;
    this.#put(this.#writer.end());
    this.#flush();
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #put(text: string): void {
    if (text === '' || this.#fd < 0) return;
    this.#pending.push(text);
    this.#length += text.length;
    if (this.#length >= BUFFER) this.#flush();
  }

  #flush(): void {
    try {
      writeFileSync(this.#fd, this.#pending.join(''));
    } catch (error) {
      throw cannotWrite(this.path, '--trace', error);
    }
    this.#pending = [];
    this.#length = 0;
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
