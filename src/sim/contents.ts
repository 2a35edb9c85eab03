// SPDX-License-Identifier: GPL-2.0-only
/**
 * What pages contain. A page holds an id: zeros, an arithmetic sequence of words (one repeated word is one with step
 * 0), or a host slab that pages share until one of them is written. Copying a page copies the id; bytes are copied when somebody writes. A freed page keeps its contents
 * until it is used again, as on real hardware: stale entries of a device page table read them.
 */
import { CONTENT_SEQUENCE, CONTENT_ZERO, type Memmap, type Page } from './memmap.js';

export const WORDS_PER_PAGE = 1024;

const SLABS_PER_ARENA = 256;

/** What each of many pages holds, outside of the machine's memory: a disk. */
export class StoredContents {
  readonly content: Uint32Array;
  readonly word: Uint32Array;
  readonly step: Uint32Array;

  constructor(pages: number) {
    this.content = new Uint32Array(pages);
    this.word = new Uint32Array(pages);
    this.step = new Uint32Array(pages);
  }

  /** The same, with as much room again. */
  grown(): StoredContents {
    const larger = new StoredContents(this.content.length * 2);
    larger.content.set(this.content);
    larger.word.set(this.word);
    larger.step.set(this.step);
    return larger;
  }
}

/** Structs are copied byte by byte: for so few the call of set(), and the view that it needs, cost more. */
const FEW_BYTES = 128;

function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  if (count > FEW_BYTES) {
    target.set(source.subarray(from, from + count), to);
    return;
  }
  for (let i = 0; i < count; i++) target[to + i] = source[from + i]!;
}

export class Contents {
  private readonly slabs: Uint32Array[] = [new Uint32Array(0)];
  /** The same slabs as bytes; making a view costs more than a copy of a few words. */
  private readonly slabBytes: Uint8Array[] = [new Uint8Array(0)];
  private refs = new Int32Array(SLABS_PER_ARENA);
  private readonly free: number[] = [];

  constructor(private readonly mem: Memmap) {}

  clear_page(page: Page): void {
    this.drop(page);
    this.mem.content[page] = CONTENT_ZERO;
  }

  fill_page(page: Page, word: number): void {
    this.fill_sequence(page, word, 0);
  }

  /** Words first, first + step, ... (modulo 2^32). */
  fill_sequence(page: Page, first: number, step: number): void {
    const { mem } = this;
    this.drop(page);
    if (first === 0 && step === 0) {
      mem.content[page] = CONTENT_ZERO;
      return;
    }
    mem.content[page] = CONTENT_SEQUENCE;
    mem.word[page] = first;
    // Most pages have step 0 all their life; a write that changes nothing would still cost host memory.
    if (mem.step[page] !== step >>> 0) mem.step[page] = step;
  }

  /** Whether the page is known to hold that sequence, without a look at its words. */
  holds_sequence(page: Page, first: number, step: number): boolean {
    const { content, word, step: steps } = this.mem;
    const id = content[page]!;
    if (id === CONTENT_ZERO) return first === 0 && step === 0;
    return id === CONTENT_SEQUENCE && word[page] === first >>> 0 && steps[page] === step >>> 0;
  }

  copy_page(dst: Page, src: Page): void {
    if (dst === src) return;
    const { content, word, step } = this.mem;
    const id = content[src]!;
    this.drop(dst);
    if (id === CONTENT_SEQUENCE) {
      word[dst] = word[src]!;
      if (step[dst] !== step[src]) step[dst] = step[src]!;
    } else if (id !== CONTENT_ZERO) {
      this.refs[id] = this.refs[id]! + 1;
    }
    content[dst] = id;
  }

  /** Keep what the page holds in place `n` of `store`. */
  store_page(store: StoredContents, n: number, src: Page): void {
    const { content, word, step } = this.mem;
    const id = content[src]!;
    if (id !== CONTENT_ZERO && id !== CONTENT_SEQUENCE) this.refs[id] = this.refs[id]! + 1;
    this.release(store.content[n]!);
    store.content[n] = id;
    store.word[n] = word[src]!;
    store.step[n] = step[src]!;
  }

  /** What place `n` of `store` keeps, into the page. */
  load_page(dst: Page, store: StoredContents, n: number): void {
    const { content, word, step } = this.mem;
    const id = store.content[n]!;
    this.drop(dst);
    if (id === CONTENT_SEQUENCE) {
      word[dst] = store.word[n]!;
      step[dst] = store.step[n]!;
    } else if (id !== CONTENT_ZERO) {
      this.refs[id] = this.refs[id]! + 1;
    }
    content[dst] = id;
  }

  /** clear_page() of `nr` pages in a row. */
  clear_pages(first: Page, nr: number): void {
    if (this.hasSlabs(first, nr)) for (let n = 0; n < nr; n++) this.drop(first + n);
    this.mem.content.fill(CONTENT_ZERO, first, first + nr);
  }

  /** copy_page() of `nr` pages in a row, which do not overlap. */
  copy_pages(dst: Page, src: Page, nr: number): void {
    if (dst === src) return;
    if (this.hasSlabs(dst, nr) || this.hasSlabs(src, nr)) {
      for (let n = 0; n < nr; n++) this.copy_page(dst + n, src + n);
      return;
    }
    const { content, word, step } = this.mem;
    let sequences = 0;
    let steps = 0;
    for (let page = src, to = dst; page < src + nr; page++, to++) {
      if (content[page] !== CONTENT_SEQUENCE) continue;
      sequences = 1;
      steps |= step[page]! | step[to]!;
    }
    // What would not change anything would still cost host memory.
    content.copyWithin(dst, src, src + nr);
    if (sequences !== 0) word.copyWithin(dst, src, src + nr);
    if (steps !== 0) step.copyWithin(dst, src, src + nr);
  }

  private hasSlabs(first: Page, nr: number): boolean {
    const { content } = this.mem;
    for (let page = first; page < first + nr; page++) {
      const id = content[page]!;
      if (id !== CONTENT_ZERO && id !== CONTENT_SEQUENCE) return true;
    }
    return false;
  }

  /** The word that fills the whole page, or -1 when the words differ. */
  pageWord(page: Page): number {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return 0;
    if (id === CONTENT_SEQUENCE) return this.mem.step[page] === 0 ? this.mem.word[page]! : -1;
    const view = this.readable(page);
    const first = view[0]!;
    for (let i = 1; i < WORDS_PER_PAGE; i++) if (view[i] !== first) return -1;
    return first;
  }

  /** One word of the page; `index` in [0, 1024). */
  wordAt(page: Page, index: number): number {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return 0;
    if (id === CONTENT_SEQUENCE) return (this.mem.word[page]! + Math.imul(this.mem.step[page]!, index)) >>> 0;
    return this.readable(page)[index]!;
  }

  /** The page's 1,024 words for reading; not to be kept. */
  readable(page: Page): Uint32Array {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return this.scratchView.fill(0);
    if (id === CONTENT_SEQUENCE) return this.spell_out(page, this.scratchView);
    return this.slabs[id]!;
  }

  /** The page's 1,024 words for writing; valid until the page is copied, freed or filled. */
  writable(page: Page): Uint32Array {
    const { content } = this.mem;
    const id = content[page]!;
    if (id !== CONTENT_ZERO && id !== CONTENT_SEQUENCE && this.refs[id] === 1) return this.slabs[id]!;
    const fresh = this.allocate();
    const view = this.slabs[fresh]!;
    if (id === CONTENT_ZERO) view.fill(0);
    else if (id === CONTENT_SEQUENCE) this.spell_out(page, view);
    else view.set(this.slabs[id]!);
    this.drop(page);
    content[page] = fresh;
    return view;
  }

  /** Copy bytes [offset, offset + count) of the page to `at` in `target`. */
  readBytes(page: Page, offset: number, target: Uint8Array, at: number, count: number): void {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) {
      target.fill(0, at, at + count);
    } else if (id === CONTENT_SEQUENCE) {
      this.spell_out(page, this.scratchView);
      copyBytes(this.scratchBytes, offset, target, at, count);
    } else {
      copyBytes(this.slabBytes[id]!, offset, target, at, count);
    }
  }

  /** Copy `count` bytes from `at` in `source` to `offset` in the page. */
  writeBytes(page: Page, offset: number, source: Uint8Array, at: number, count: number): void {
    this.writable(page);
    copyBytes(source, at, this.slabBytes[this.mem.content[page]!]!, offset, count);
  }

  /** Forget all slabs' owners; the memmap is being reset. Host memory is kept for the next use. */
  reset(): void {
    if (this.slabsInUse === 0) return;
    this.free.length = 0;
    this.refs.fill(0);
    for (let id = this.slabs.length - 1; id > 0; id--) this.free.push(id);
  }

  /** Host slabs in use. */
  get slabsInUse(): number {
    return this.slabs.length - 1 - this.free.length;
  }

  private readonly scratchView = new Uint32Array(WORDS_PER_PAGE);
  private readonly scratchBytes = new Uint8Array(this.scratchView.buffer);

  /** Write a sequence out into `view`. */
  private spell_out(page: Page, view: Uint32Array): Uint32Array {
    const step = this.mem.step[page]! | 0;
    let word = this.mem.word[page]! | 0;
    if (step === 0) return view.fill(word);
    for (let i = 0; i < WORDS_PER_PAGE; i++) {
      view[i] = word;
      word = (word + step) | 0;
    }
    return view;
  }

  private drop(page: Page): void {
    this.release(this.mem.content[page]!);
  }

  private release(id: number): void {
    if (id === CONTENT_ZERO || id === CONTENT_SEQUENCE) return;
    const left = this.refs[id]! - 1;
    this.refs[id] = left;
    if (left === 0) this.free.push(id);
  }

  private allocate(): number {
    let id = this.free.pop();
    if (id === undefined) {
      this.addArena();
      id = this.free.pop()!;
    }
    this.refs[id] = 1;
    return id;
  }

  private addArena(): void {
    const arena = new ArrayBuffer(SLABS_PER_ARENA * WORDS_PER_PAGE * 4);
    const first = this.slabs.length;
    for (let i = 0; i < SLABS_PER_ARENA; i++) {
      this.slabs.push(new Uint32Array(arena, i * WORDS_PER_PAGE * 4, WORDS_PER_PAGE));
      this.slabBytes.push(new Uint8Array(arena, i * WORDS_PER_PAGE * 4, WORDS_PER_PAGE * 4));
    }
    for (let i = SLABS_PER_ARENA - 1; i >= 0; i--) this.free.push(first + i);
    if (this.slabs.length > this.refs.length) {
      const refs = new Int32Array(this.slabs.length * 2);
      refs.set(this.refs);
      this.refs = refs;
    }
  }
}
