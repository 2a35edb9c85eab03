// SPDX-License-Identifier: GPL-2.0-only
/** Functions that were entered, as the kernel's function tracer prints them, with markers where steps begin. */
import type { FunctionRecord } from '../watch/function-tracer.js';
import { endMarker, ftraceHead, ftraceLine, markerLine, stepMarker } from './ftrace-line.js';

export class FunctionTraceWriter {
  readonly brokenOff = '';
  #begun = false;
  /** The scenario whose steps are being taken, and when it was last heard of. */
  #open: { readonly name: string; ns: number } | undefined;

  section(heading: string): string {
    return `${this.#close()}${this.#head()}# ${heading}\n`;
  }

  step(name: string, index: number, ns: number): string {
    this.#open = { name, ns };
    return markerLine(ns, stepMarker(index, name));
  }

  record(record: FunctionRecord): string {
    if (this.#open !== undefined) this.#open.ns = record.ns;
    return ftraceLine(record, record.fn);
  }

  end(): string {
    return `${this.#close()}${this.#head()}`;
  }

  #head(): string {
    const head = this.#begun ? '' : ftraceHead('function');
    this.#begun = true;
    return head;
  }

  #close(): string {
    const open = this.#open;
    this.#open = undefined;
    return open === undefined ? '' : markerLine(open.ns, endMarker(open.name));
  }
}
