// SPDX-License-Identifier: GPL-2.0-only
/** Trace files: what every format has in common. They come in pieces, so that a long trace needs no memory. */
import type { FunctionRecord } from '../watch/function-tracer.js';
import type { TraceRecord } from '../watch/tracer.js';
import { DatFunctionWriter, DatWriter } from './binary/trace-dat.js';
import { PerfWriter } from './binary/trace-perf.js';
import { ChromeTraceWriter } from './trace-chrome.js';
import { FtraceWriter } from './trace-ftrace.js';
import { FunctionTraceWriter } from './trace-functions.js';
import { JsonLinesTraceWriter } from './trace-jsonl.js';

/** What comes next in a file, of text or of bytes. */
export type Piece = string | Uint8Array;

interface Writer<Told> {
  /** What ends a file that was left behind any text but the last; one with a head cannot be ended so. */
  readonly brokenOff?: string;
  /** A machine begins, or is reset: time and pids may start again. */
  section(name: string): Piece;
  /** A step of the scenario `name` begins. */
  step(name: string, index: number, ns: number, text: string): Piece;
  record(record: Told): Piece;
  end(): Piece;
  /** After end(): bytes that take the place of the file's first ones. Other formats are written from begin to end. */
  head?(): Uint8Array;
}

export type TraceWriter = Writer<TraceRecord>;
export type FunctionWriter = Writer<FunctionRecord>;

/** The writer that a file's name asks for; undefined for other names. */
export function traceWriter(path: string): TraceWriter | undefined {
  if (path.endsWith('.jsonl')) return new JsonLinesTraceWriter();
  if (path.endsWith('.json')) return new ChromeTraceWriter();
  if (path.endsWith('.dat')) return new DatWriter();
  if (path.endsWith('.data')) return new PerfWriter();
  return path.endsWith('.txt') ? new FtraceWriter() : undefined;
}

/** Text, unless the file's name asks for trace-cmd's format. */
export function functionWriter(path: string): FunctionWriter {
  return path.endsWith('.dat') ? new DatFunctionWriter() : new FunctionTraceWriter();
}
