// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the memory core tells about itself: skips with their reasons, faults, migrations. Off unless somebody listens.
 *
 * Whoever emits on a hot path looks at `k.trace` first, so that an event nobody hears is never built.
 */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { folio_mapcount } from './page_flags.js';
import type { MmStruct } from './types.js';

export interface TraceEvent {
  /** Tracepoint name where the kernel has one, ours else. */
  readonly event: string;
  /** The kernel function that decided. */
  readonly fn: string;
  readonly mm?: MmStruct;
  readonly addr?: number;
  readonly page?: Page;
  /** Why, in the kernel's terms. */
  readonly reason?: string;
  readonly args?: Readonly<Record<string, string | number>>;
}

export interface TraceSink {
  emit(event: TraceEvent): void;
}

/** The pages that an event with an address is about: that many from there on (`args.pages`), else one. */
export function tracedPages(event: TraceEvent): number {
  const pages = event.args?.pages;
  return typeof pages === 'number' ? pages : 1;
}

/** Why a folio with more than `expected` references stays where it is. */
export function pinnedReason(k: Kernel, folio: Page, expected: number): string {
  const mapcount = folio_mapcount(k.mem, folio);
  return `pinned: refcount ${k.mem.refcount[folio]}, mapcount ${mapcount}, expected ${expected}`;
}
