// SPDX-License-Identifier: GPL-2.0-only
/** Lines as /sys/kernel/tracing/trace has them. */
import type { Moment } from '../watch/tracer.js';

/** What the file begins with: who traces, and what the columns are. */
export function ftraceHead(tracer: string): string {
  return [
    `# tracer: ${tracer}`,
    '#',
    '#                                _-----=> irqs-off/BH-disabled',
    '#                               / _----=> need-resched',
    '#                              | / _---=> hardirq/softirq',
    '#                              || / _--=> preempt-depth',
    '#                              ||| / _-=> migrate-disable',
    '#                              |||| /     delay',
    '#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION',
    '#              | |         |   |||||     |         |',
    '',
  ].join('\n');
}

/** Seconds with microseconds, rounded: no more does the kernel print of a clock that counts nanoseconds (ns2usecs()). */
function timestamp(ns: number): string {
  const us = Math.floor((ns + 500) / 1000);
  return `${String(Math.floor(us / 1e6)).padStart(5)}.${String(us % 1e6).padStart(6, '0')}`;
}

export function ftraceLine({ ns, pid, task }: Moment, text: string): string {
  const who = `${task.slice(0, 15).padStart(16)}-${String(pid).padEnd(7)}`;
  return `${who} [000] ..... ${timestamp(ns)}: ${text}\n`;
}

/** Who writes into trace_marker, and what the kernel calls that. */
export const MARKER = { pid: 0, task: 'hmm-sim', fn: 'tracing_mark_write' } as const;

/** What the controller of a scenario writes into trace_marker. */
export function markerLine(ns: number, text: string): string {
  return ftraceLine({ ...MARKER, ns }, `${MARKER.fn}: ${text}`);
}

export const stepMarker = (index: number, name: string): string => `step ${index} of ${name}`;
export const endMarker = (name: string): string => `end of ${name}`;
