// SPDX-License-Identifier: GPL-2.0-only
/**
 * Pages of one CPU as the kernel's ring buffer hands them out. Answers for: kernel/trace/ring_buffer.c (struct
 * buffer_data_page, rb_update_event(), the time extension), include/linux/ring_buffer.h (struct ring_buffer_event).
 */
import { Bytes } from './bytes.js';

export const PAGE_BYTES = 4096;
/** Of a page: its time, and how many bytes of events it has. */
const PAGE_HEAD = 16;

const TYPE_TIME_EXTEND = 30;
/** The longest event, in words, whose length is in the type. */
const MAX_SHORT = 28;
const TYPE_BITS = 5;
const DELTA_BITS = 27;
const MAX_DELTA = 2 ** DELTA_BITS - 1;
const EXTENSION = 8;

/** Of the longest event that fits on a page of its own. */
export const MAX_EVENT = PAGE_BYTES - PAGE_HEAD - EXTENSION - 8;

export class RingBuffer {
  readonly #events = new Bytes();
  #first = 0;
  #last = 0;

  /** `ns` never goes back. Return: the page that is full now, if one is. */
  add(ns: number, event: Uint8Array): Uint8Array | undefined {
    const words = Math.ceil(event.length / 4);
    const length = 4 * words + (words > MAX_SHORT ? 8 : 4);
    const extended = ns - this.#last > MAX_DELTA ? EXTENSION : 0;
    const full = this.#events.length + extended + length > PAGE_BYTES - PAGE_HEAD ? this.page() : undefined;
    if (this.#events.length === 0) {
      this.#first = ns;
      this.#last = ns;
    }
    this.#time(ns);
    if (words > MAX_SHORT) this.#events.u32(this.#head(0, ns)).u32(4 * words + 4);
    else this.#events.u32(this.#head(words, ns));
    this.#events.raw(event).align(4);
    this.#last = ns;
    return full;
  }

  /** The page that is being filled, as it is; the next event begins another. Undefined where it has none. */
  page(): Uint8Array | undefined {
    if (this.#events.length === 0) return undefined;
    const page = new Bytes().u64(this.#first).u64(this.#events.length).raw(this.#events.view());
    this.#events.clear();
    return page.align(PAGE_BYTES).take();
  }

  #time(ns: number): void {
    const delta = ns - this.#last;
    if (delta <= MAX_DELTA) return;
    const low = delta % (MAX_DELTA + 1);
    this.#events.u32(low * 2 ** TYPE_BITS + TYPE_TIME_EXTEND).u32((delta - low) / (MAX_DELTA + 1));
    this.#last = ns;
  }

  #head(type: number, ns: number): number {
    return (ns - this.#last) * 2 ** TYPE_BITS + type;
  }
}
