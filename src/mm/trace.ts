// SPDX-License-Identifier: GPL-2.0-only
/** What the memory core tells about itself: skips with their reasons, references, states. Off unless somebody listens. */
import type { Page } from '../sim/memmap.js';
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
