// SPDX-License-Identifier: GPL-2.0-only
/** Traces as the kernel's own text. Its events are as it prints them; what only the machine tells has a prefix. */
import type { TraceRecord } from '../watch/tracer.js';
import { endMarker, ftraceHead, ftraceLine, markerLine, stepMarker } from './ftrace-line.js';
import { ownText } from './trace-fields.js';
import type { TraceWriter } from './trace-writer.js';

/** Of events that no kernel has. */
const OURS = 'hmm_sim:';

/** Text that hooks scripts written for ftrace. Sections are comments, steps are markers. */
export class FtraceWriter implements TraceWriter {
  readonly brokenOff = '';
  #begun = false;
  #name: string | undefined;
  #ns = 0;

  section(heading: string): string {
    return `${this.#close()}${this.#head()}# ${heading}\n`;
  }

  step(name: string, index: number, ns: number): string {
    this.#name = name;
    this.#ns = ns;
    return markerLine(ns, stepMarker(index, name));
  }

  record(record: TraceRecord): string {
    this.#ns = record.ns;
    return ftraceLine(record, record.kernel?.line ?? `${OURS}${record.event}: ${ownText(record)}`);
  }

  end(): string {
    return `${this.#close()}${this.#head()}`;
  }

  #head(): string {
    const head = this.#begun ? '' : ftraceHead('nop');
    this.#begun = true;
    return head;
  }

  #close(): string {
    const name = this.#name;
    this.#name = undefined;
    return name === undefined ? '' : markerLine(this.#ns, endMarker(name));
  }
}
