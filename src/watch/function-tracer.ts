// SPDX-License-Identifier: GPL-2.0-only
/** Functions of the memory core as a machine enters them, with time and task: what the function tracer prints. */
import { kernelName } from '../generations/names.js';
import type { Machine } from '../machine/machine.js';
import type { FunctionSink } from '../mm/trace.js';
import { type Moment, momentOf } from './tracer.js';

export interface FunctionRecord extends Moment {
  /** As that kernel calls it. */
  readonly fn: string;
}

export class FunctionTracer implements FunctionSink {
  constructor(
    private readonly machine: Machine,
    /** Memory of which nothing is told. */
    private readonly leftOut: (addr: number) => boolean,
    private readonly listener: (record: FunctionRecord) => void,
  ) {}

  entered(fn: string, addr?: number): void {
    if (addr !== undefined && this.leftOut(addr)) return;
    const name = kernelName(fn, this.machine.generation.version);
    this.listener({ ...momentOf(this.machine), fn: name });
  }
}
