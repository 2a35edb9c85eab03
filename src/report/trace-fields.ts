// SPDX-License-Identifier: GPL-2.0-only
/** The fields of a trace record as texts. */
import type { TraceRecord } from '../watch/tracer.js';

const hex = (value: number): string => `0x${value.toString(16)}`;

/** addr, pfn and device first, then the event's own arguments, then the reason. Page numbers of ours are left out. */
export function fieldsOf(record: TraceRecord): Record<string, string | number> {
  const { addr, pfn, device, why, args } = record;
  const { from_page: _, ...own } = args;
  return {
    ...(addr === undefined ? {} : { addr: hex(addr) }),
    ...(pfn === undefined ? {} : { pfn: hex(pfn) }),
    ...(device === undefined ? {} : { on: device }),
    ...own,
    ...(why === undefined ? {} : { reason: why }),
  };
}

function value(text: string | number): string {
  return typeof text === 'string' && /[\s"]/.test(text) ? JSON.stringify(text) : String(text);
}

/** What only the machine tells, as a text: which function, then the fields. */
export function ownText(record: TraceRecord): string {
  const fields = Object.entries(fieldsOf(record)).map(([key, field]) => `${key}=${value(field)}`);
  return [`fn=${record.fn}`, ...fields].join(' ');
}
