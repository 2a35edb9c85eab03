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
