// SPDX-License-Identifier: GPL-2.0-only
/** Traces for scripts: one JSON object a line. A line with "section" begins each machine. */
import type { TraceRecord } from '../watch/tracer.js';
import { fieldsOf } from './trace-fields.js';
import type { TraceWriter } from './trace-writer.js';

/** Raised whenever a consumer of the lines would have to change. */
const TRACE_JSON_VERSION = 1;

export class JsonLinesTraceWriter implements TraceWriter {
  readonly brokenOff = '';

  section(name: string): string {
    return `${JSON.stringify({ version: TRACE_JSON_VERSION, section: name })}\n`;
  }

  step(): string {
    return '';
  }

  record(record: TraceRecord): string {
    const { ns, pid, task, event, fn } = record;
    return `${JSON.stringify({ ns, pid, task, event, fn, ...fieldsOf(record) })}\n`;
  }

  end(): string {
    return '';
  }
}
