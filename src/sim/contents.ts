// SPDX-License-Identifier: GPL-2.0-only
/**
 * What pages contain. A page holds an id: zeros, an arithmetic sequence of words (one repeated word is one with step
 * 0), or a host slab that pages share until one of them is written. Copying a page copies the id; bytes are copied when somebody writes. A freed page keeps its contents
 * until it is used again, as on real hardware: stale entries of a device page table read them.
 */
import { CONTENT_SEQUENCE, CONTENT_ZERO, type Memmap, type Page } from './memmap.js';

export const WORDS_PER_PAGE = 1024;

const SLABS_PER_ARENA = 256;

export class Contents {
  private readonly slabs: Uint32Array[] = [new Uint32Array(0)];
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

  /** Whether the page needs no host slab (zeros or a sequence). */
  isUniform(page: Page): boolean {
    const id = this.mem.content[page]!;
    return id === CONTENT_ZERO || id === CONTENT_SEQUENCE;
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
    const id = this.mem.content[page]!;
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
    }
    for (let i = SLABS_PER_ARENA - 1; i >= 0; i--) this.free.push(first + i);
    if (this.slabs.length > this.refs.length) {
      const refs = new Int32Array(this.slabs.length * 2);
      refs.set(this.refs);
      this.refs = refs;
    }
  }
}
