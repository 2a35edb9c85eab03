// SPDX-License-Identifier: GPL-2.0-only
/** Traces as the kernel's own text, the format of /sys/kernel/tracing/trace with the nanosecond clock. */
import type { TraceRecord } from '../watch/tracer.js';
import { fieldsOf } from './trace-fields.js';
import type { TraceWriter } from './trace-writer.js';

const HEAD = [
  '# tracer: nop',
  '#',
  '#           TASK-PID     CPU#  |||||  TIMESTAMP      FUNCTION',
  '#              | |         |   |||||     |             |',
  '',
].join('\n');

function timestamp(ns: number): string {
  const seconds = String(Math.floor(ns / 1e9)).padStart(5);
  return `${seconds}.${String(ns % 1e9).padStart(9, '0')}`;
}

function value(text: string | number): string {
  return typeof text === 'string' && /[\s"]/.test(text) ? JSON.stringify(text) : String(text);
}

/** Text that hooks scripts written for ftrace. Sections are comments. */
export class FtraceWriter implements TraceWriter {
  #begun = false;

  section(name: string): string {
    const head = this.#begun ? '' : HEAD;
    this.#begun = true;
    return `${head}# ${name}\n`;
  }

  record(record: TraceRecord): string {
    const task = `${record.task.slice(0, 15).padStart(16)}-${String(record.pid).padEnd(7)}`;
    const fields = Object.entries(fieldsOf(record)).map(([key, field]) => `${key}=${value(field)}`);
    const head = `${task} [000] ..... ${timestamp(record.ns)}: ${record.event}:`;
    return `${[head, `fn=${record.fn}`, ...fields].join(' ')}\n`;
  }

  end(): string {
    return this.#begun ? '' : HEAD;
  }
}
