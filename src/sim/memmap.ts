// SPDX-License-Identifier: GPL-2.0-only
/**
 * The memmap: `struct page` as a structure of arrays, indexed by page number. No object per page; 40 bytes each.
 *
 * The arrays are reserved for all pages at once; the host commits them a page at a time as they are touched, so
 * untouched memory costs nothing. `reset()` clears only what was touched.
 */

/**
 * A dense index into the memmap; not a pfn (device memory lies far up in the physical address space). It is the one type for what
 * has a pfn and for an offset on a device whose memory has none.
 */
export type Page = number;

/** No page: what a failed allocation gives, and what an empty slot holds. */
export const NO_PAGE: Page = 0;

/** Contents of a page: zeros, a sequence (`word`, `word + step`, ...), or a slab of the content store. */
export const CONTENT_ZERO = 0;
export const CONTENT_SEQUENCE = 0xffffffff;

/** A run of pages whose physical addresses follow each other. */
interface PfnRun {
  readonly page: Page;
  pfn: number;
  readonly count: number;
  free: boolean;
}

/** Pages [low, high). */
export interface PageRange {
  readonly low: Page;
  readonly high: Page;
}

/** Bytes of a base page. */
export const PAGE_SIZE = 4096;

/** Base pages in a page block (2 MiB): runs are aligned to it, so that a THP is an aligned run of page numbers. */
export const PAGEBLOCK = 512;

/** Page numbers stay below: what migration has of a page is its number and four flags, in 32 bits. */
export const MAX_PAGES = 2 ** 28;

const HEADROOM = 1 << 16;

export class Memmap {
  refcount!: Int32Array;
  /** PTEs that map the page (the kernel's _mapcount + 1). */
  mapcount!: Int32Array;
  flags!: Uint32Array;
  /** 0, an anon_vma's id, or the negated id of an address_space. */
  mapping!: Int32Array;
  index!: Float64Array;
  /** page->private, zone_device_data, or the head page of a tail page. */
  priv!: Uint32Array;
  content!: Uint32Array;
  /** First word of a sequence, and what each word adds to the one before; 0 repeats it. */
  word!: Uint32Array;
  step!: Uint32Array;

  private readonly runs: PfnRun[] = [];
  private arrays: readonly (Int32Array | Uint32Array | Float64Array)[] = [];
  private capacity = 0;
  /** Pages handed out to runs so far. Page 0 stands for "no page"; runs begin at whole page blocks. */
  private used = PAGEBLOCK;
  /** Touched ranges [low, high) by run, for reset(). */
  private touchedLow: number[] = [];
  private touchedHigh: number[] = [];

  constructor(pages: number) {
    this.reserve(pages + PAGEBLOCK + HEADROOM);
  }

  private freeRun(count: number): PfnRun | undefined {
    return this.runs.find((run) => run.free && run.count === count);
  }

  hasRoomFor(count: number): boolean {
    return this.used + count <= MAX_PAGES || this.freeRun(count) !== undefined;
  }

  /** Add `count` pages (whole page blocks) starting at `pfn`; there is room for them. Return: the first page. */
  addRun(pfn: number, count: number): Page {
    const again = this.freeRun(count);
    if (again !== undefined) {
      again.pfn = pfn;
      again.free = false;
      return again.page;
    }
    const page = this.used;
    if (page + count > this.capacity)
      this.reserve(Math.max(page + count, Math.min(MAX_PAGES, Math.floor(this.capacity * 1.5))));
    this.used += count;
    this.runs.push({ page, pfn, count, free: false });
    this.touchedLow.push(page + count);
    this.touchedHigh.push(page);
    return page;
  }

  page_to_pfn(page: Page): number {
    const run = this.runs.find((r) => !r.free && page >= r.page && page < r.page + r.count);
    return run === undefined ? -1 : run.pfn + (page - run.page);
  }

  /** NO_PAGE where there is no memory. */
  pfn_to_page(pfn: number): Page {
    const run = this.runs.find((r) => !r.free && pfn >= r.pfn && pfn < r.pfn + r.count);
    return run === undefined ? NO_PAGE : run.page + (pfn - run.pfn);
  }

  /** Pages from `page` to the next one that a page block begins with. */
  pagesToBlock(page: Page): number {
    const run = this.runs.find((r) => !r.free && page >= r.page && page < r.page + r.count)!;
    return (PAGEBLOCK - ((page - run.page) % PAGEBLOCK)) % PAGEBLOCK;
  }

  /** The physical range is gone; its page numbers may serve the next run of the same size. */
  releaseRun(page: Page): void {
    const i = this.runs.findIndex((run) => run.page === page);
    this.runs[i]!.free = true;
    this.clear(i);
  }

  /** Note that pages [first, first + count) are in use, so that reset() clears them. */
  touch(first: Page, count: number): void {
    for (let i = 0; i < this.runs.length; i++) {
      const run = this.runs[i]!;
      if (first < run.page || first >= run.page + run.count) continue;
      if (first < this.touchedLow[i]!) this.touchedLow[i] = first;
      if (first + count > this.touchedHigh[i]!) this.touchedHigh[i] = first + count;
      return;
    }
  }

  /** The pages that have been in use since boot, in ascending order, a range for each run that has some. */
  touched(): PageRange[] {
    const ranges: PageRange[] = [];
    for (let i = 0; i < this.runs.length; i++) {
      const low = this.touchedLow[i]!;
      const high = this.touchedHigh[i]!;
      if (low < high) ranges.push({ low, high });
    }
    return ranges;
  }

  /** Forget everything but the first `keepRuns` runs, and clear what was touched in them. */
  reset(keepRuns: number): void {
    for (let i = 0; i < this.runs.length; i++) this.clear(i);
    for (const array of this.arrays) array.fill(0, 0, 1);
    while (this.runs.length > keepRuns) {
      const run = this.runs.pop()!;
      this.used -= run.count;
      this.touchedLow.pop();
      this.touchedHigh.pop();
    }
  }

  private clear(i: number): void {
    const run = this.runs[i]!;
    const low = this.touchedLow[i]!;
    const high = this.touchedHigh[i]!;
    if (low < high) {
      for (const array of this.arrays) array.fill(0, low, high);
    }
    this.touchedLow[i] = run.page + run.count;
    this.touchedHigh[i] = run.page;
  }

  private listArrays(): void {
    this.arrays = [
      this.refcount,
      this.mapcount,
      this.flags,
      this.mapping,
      this.index,
      this.priv,
      this.content,
      this.word,
      this.step,
    ];
  }

  private reserve(capacity: number): void {
    // Only what was touched: a copied zero would commit host memory, and most of a large machine is never used.
    const ranges = [{ low: NO_PAGE, high: NO_PAGE + 1 }, ...this.touched()];
    const grow = <T extends Int32Array | Uint32Array | Float64Array>(fresh: T, old: T | undefined): T => {
      if (old === undefined) return fresh;
      for (const { low, high } of ranges) fresh.set(old.subarray(low, high), low);
      return fresh;
    };
    this.refcount = grow(new Int32Array(capacity), this.refcount);
    this.mapcount = grow(new Int32Array(capacity), this.mapcount);
    this.flags = grow(new Uint32Array(capacity), this.flags);
    this.mapping = grow(new Int32Array(capacity), this.mapping);
    this.index = grow(new Float64Array(capacity), this.index);
    this.priv = grow(new Uint32Array(capacity), this.priv);
    this.content = grow(new Uint32Array(capacity), this.content);
    this.word = grow(new Uint32Array(capacity), this.word);
    this.step = grow(new Uint32Array(capacity), this.step);
    this.capacity = capacity;
    this.listArrays();
  }
}
