// SPDX-License-Identifier: GPL-2.0-only
/** What drivers move to their devices and back, and why: of one page, and how much of it all is thrash. */
import type { MigrationCause } from '../kernel/driver-events.js';
import type { TraceEvent, TraceSink } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { PAGE_SIZE } from '../uapi/mman.js';

/** Why a page was moved, in words that go on a sentence. */
export const MOVED_BY: Readonly<Record<MigrationCause, string>> = {
  prefetch: 'by a prefetch',
  'gpu-fault': 'by a fault of the GPU',
  'cpu-fault': 'by a fault of the CPU',
  eviction: 'by an eviction',
};

/** Moves alike: which way, and why. */
export interface CountedMove {
  /** The device; null for system memory. */
  readonly to: string | null;
  readonly by: MigrationCause;
  readonly times: number;
}

export interface MovesData {
  /** Of the page. */
  readonly moves: readonly CountedMove[];
  /** Of all pages, in bytes: the working set is each page that was moved, once. */
  readonly movedBytes: number;
  readonly workingSet: number;
}

/** Counts the moves of all pages, and those of one of them by their causes. */
export class Moves implements TraceSink {
  readonly #counts = new Map<string, CountedMove>();
  readonly #pages = new Map<MmStruct, Set<number>>();
  #moved = 0;

  /** `isFollowed`: whether the page of an address space is the one that is followed. */
  constructor(private readonly isFollowed: (mm: MmStruct, addr: number) => boolean) {}

  emit(event: TraceEvent): void {
    if (event.event !== 'device_migration') return;
    const { mm, addr, args } = event;
    this.#moved++;
    const pages = this.#pages.get(mm) ?? new Set();
    this.#pages.set(mm, pages.add(addr));
    if (!this.isFollowed(mm, addr)) return;
    const { by } = args;
    const to = args.to_device === 1 ? args.device : null;
    const key = `${to} ${by}`;
    this.#counts.set(key, { to, by, times: (this.#counts.get(key)?.times ?? 0) + 1 });
  }

  get data(): MovesData {
    const distinct = [...this.#pages.values()].reduce((sum, { size }) => sum + size, 0);
    return {
      moves: [...this.#counts.values()],
      movedBytes: this.#moved * PAGE_SIZE,
      workingSet: distinct * PAGE_SIZE,
    };
  }
}

/** Nothing where no driver has moved anything. */
export function movesLines({ moves, movedBytes, workingSet }: MovesData): string[] {
  if (workingSet === 0) return [];
  const times = (movedBytes / workingSet).toFixed(1);
  return [
    ...moves.map(({ to, by, times }) => `moved  ${times} x to ${to ?? 'system memory'} ${MOVED_BY[by]}`),
    `thrash ${movedBytes / 1024} KiB moved, ${times} times the ${workingSet / 1024} KiB that were moved at all`,
  ];
}
