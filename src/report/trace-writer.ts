// SPDX-License-Identifier: GPL-2.0-only
/** Trace files: what every format has in common. Text comes in pieces, so that a long trace needs no memory. */
import type { TraceRecord } from '../watch/tracer.js';
import { ChromeTraceWriter } from './trace-chrome.js';
import { FtraceWriter } from './trace-ftrace.js';
import { JsonLinesTraceWriter } from './trace-jsonl.js';

export interface TraceWriter {
  /** What ends a file that was left behind any text but the last. */
  readonly brokenOff: string;
  /** A machine begins, or is reset: time and pids may start again. */
  section(name: string): string;
  /** A step of the scenario `name` begins. */
  step(name: string, index: number, ns: number, text: string): string;
  record(record: TraceRecord): string;
  end(): string;
}

/** The writer that a file's name asks for; undefined for other names. */
export function traceWriter(path: string): TraceWriter | undefined {
  if (path.endsWith('.jsonl')) return new JsonLinesTraceWriter();
  if (path.endsWith('.json')) return new ChromeTraceWriter();
  return path.endsWith('.txt') ? new FtraceWriter() : undefined;
}
