// SPDX-License-Identifier: GPL-2.0-only
/**
 * What pages contain. A page holds an id: zeros, one repeated word, or a host slab that pages share until one of
 * them is written. Copying a page copies the id; bytes are copied when somebody writes. A freed page keeps its contents
 * until it is used again, as on real hardware: stale entries of a device page table read them.
 */
import { CONTENT_WORD, CONTENT_ZERO, type Memmap, type Page } from './memmap.js';

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
    this.drop(page);
    if (word === 0) {
      this.mem.content[page] = CONTENT_ZERO;
    } else {
      this.mem.content[page] = CONTENT_WORD;
      this.mem.word[page] = word;
    }
  }

  copy_page(dst: Page, src: Page): void {
    if (dst === src) return;
    const { content, word } = this.mem;
    const id = content[src]!;
    this.drop(dst);
    if (id === CONTENT_WORD) word[dst] = word[src]!;
    else if (id !== CONTENT_ZERO) this.refs[id] = this.refs[id]! + 1;
    content[dst] = id;
  }

  /** The word that fills the whole page, or -1 when the words differ. */
  pageWord(page: Page): number {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return 0;
    if (id === CONTENT_WORD) return this.mem.word[page]!;
    const view = this.readable(page);
    const first = view[0]!;
    for (let i = 1; i < WORDS_PER_PAGE; i++) if (view[i] !== first) return -1;
    return first;
  }

  /** One word of the page; `index` in [0, 1024). */
  wordAt(page: Page, index: number): number {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return 0;
    if (id === CONTENT_WORD) return this.mem.word[page]!;
    return this.readable(page)[index]!;
  }

  /** Whether the page needs no host slab (zeros or one repeated word). */
  isUniform(page: Page): boolean {
    const id = this.mem.content[page]!;
    return id === CONTENT_ZERO || id === CONTENT_WORD;
  }

  /** The page's 1,024 words for reading; not to be kept. */
  readable(page: Page): Uint32Array {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO) return this.scratch(0);
    if (id === CONTENT_WORD) return this.scratch(this.mem.word[page]!);
    return this.slabs[id]!;
  }

  /** The page's 1,024 words for writing; valid until the page is copied, freed or filled. */
  writable(page: Page): Uint32Array {
    const { content } = this.mem;
    const id = content[page]!;
    if (id !== CONTENT_ZERO && id < CONTENT_WORD && this.refs[id] === 1) return this.slabs[id]!;
    const fresh = this.allocate();
    const view = this.slabs[fresh]!;
    if (id === CONTENT_ZERO) view.fill(0);
    else if (id === CONTENT_WORD) view.fill(this.mem.word[page]!);
    else view.set(this.slabs[id]!);
    this.drop(page);
    content[page] = fresh;
    return view;
  }

  /** Like writable(), for a caller that overwrites all 1,024 words: what the view holds is unspecified. */
  overwritable(page: Page): Uint32Array {
    const id = this.mem.content[page]!;
    if (id !== CONTENT_ZERO && id < CONTENT_WORD && this.refs[id] === 1) return this.slabs[id]!;
    const fresh = this.allocate();
    this.drop(page);
    this.mem.content[page] = fresh;
    return this.slabs[fresh]!;
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

  private scratch(word: number): Uint32Array {
    return this.scratchView.fill(word);
  }

  private drop(page: Page): void {
    const id = this.mem.content[page]!;
    if (id === CONTENT_ZERO || id >= CONTENT_WORD) return;
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
