// SPDX-License-Identifier: GPL-2.0-only
/**
 * How VMAs are split, merged and moved, in pictures. A character is a page, a run of them one VMA: w readable and
 * writable, r readable, n neither, . nothing mapped, and | the border of two VMAs without a hole between them. Below are
 * the words that the pages hold.
 */
import t from 'tap';
import type { Process } from '../../src/machine/machine.js';
import type { Task } from '../../src/sim/task.js';
import {
  MAP_FIXED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_NONE,
  PROT_READ,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { ANON, PAGE, RW, UserBench } from '../kernel/bench.js';

const BASE = 0x200000000000;
const PAGES = 12;

class Pictured {
  readonly bench = new UserBench();

  constructor(readonly process: Process = this.bench.process) {}

  /** Steps in pages from BASE. Return: what each call returned, where that is not 0 or an address. */
  take(...steps: readonly ((sys: Sys) => Task<number>)[]): number[] {
    return steps.map((step) => Math.min(0, this.bench.call(step, this.process))).filter((ret) => ret !== 0);
  }

  /** The VMAs of the PAGES pages. */
  vmas(): string {
    const { vmas } = this.process.mm!;
    let text = '';
    for (let n = 0; n < PAGES; n++) {
      const vma = vmas.vma_lookup(BASE + n * PAGE);
      const border = n > 0 && vma !== null && vma.vm_start === BASE + n * PAGE && text.at(-1) !== '.';
      const kind = vma === null ? '.' : this.kind(vma.vm_flags);
      text += (border ? '|' : '') + kind;
    }
    return text;
  }

  private kind(vm_flags: number): string {
    if ((vm_flags & RW) === RW) return 'w';
    return (vm_flags & PROT_READ) !== 0 ? 'r' : 'n';
  }

  /** The first word of each page in base 36, '.' where there is none to read; loads make pages of it, so this comes last. */
  words(): string {
    const wordOf = (n: number) => this.bench.call((sys) => sys.tryLoadPage(BASE + n * PAGE), this.process);
    return Array.from({ length: PAGES }, (_, n) => {
      const value = wordOf(n);
      return typeof value === 'number' ? value.toString(36) : '.';
    }).join('');
  }
}

const map =
  (at: number, pages: number, prot = RW) =>
  (sys: Sys) =>
    sys.mmap(BASE + at * PAGE, pages * PAGE, prot, ANON | MAP_FIXED, -1, 0);
const unmap = (at: number, pages: number) => (sys: Sys) => sys.munmap(BASE + at * PAGE, pages * PAGE);
const protect = (at: number, pages: number, prot: number) => (sys: Sys) =>
  sys.mprotect(BASE + at * PAGE, pages * PAGE, prot);
const grow = (at: number, pages: number, to: number) => (sys: Sys) =>
  sys.mremap(BASE + at * PAGE, pages * PAGE, to * PAGE, 0);
const move =
  (at: number, pages: number, to: number, flags = 0) =>
  (sys: Sys) => {
    const how = MREMAP_MAYMOVE | MREMAP_FIXED | flags;
    return sys.mremap(BASE + at * PAGE, pages * PAGE, pages * PAGE, how, BASE + to * PAGE);
  };
/** The number of each page from `at` is its word, from 1. */
const fill = (at: number, pages: number) =>
  function* (sys: Sys): Task<number> {
    for (let n = at; n < at + pages; n++) yield* sys.tryStorePage(BASE + n * PAGE, n + 1);
    return 0;
  };

/** Pictures before and after, and the steps that lead to each. */
function pictures(
  name: string,
  ...story: readonly (readonly [
    steps: readonly ((sys: Sys) => Task<number>)[],
    picture: string,
    words?: string,
  ])[]
): void {
  t.test(name, async (t) => {
    const m = new Pictured();
    for (const [steps, picture, words] of story) {
      t.same(m.take(...steps), []);
      t.equal(m.vmas(), picture);
      if (words !== undefined) t.equal(m.words(), words);
    }
  });
}

pictures(
  'munmap() in the middle splits, at the ends it cuts',
  [[map(0, 12)], 'wwwwwwwwwwww'],
  [[unmap(4, 2)], 'wwww..wwwwww'],
  [[unmap(0, 1), unmap(11, 1)], '.www..wwwww.'],
  [[unmap(2, 6)], '.w......www.'],
);

pictures(
  'mprotect() in the middle splits in three, and back makes one again',
  [[map(0, 12)], 'wwwwwwwwwwww'],
  [[protect(4, 4, PROT_READ)], 'wwww|rrrr|wwww'],
  [[protect(4, 4, RW)], 'wwwwwwwwwwww'],
);

pictures(
  'the middle joins the one before it, the one after it, or both',
  [[map(0, 4), map(4, 4, PROT_READ), map(8, 4)], 'wwww|rrrr|wwww'],
  [[protect(4, 2, RW)], 'wwwwww|rr|wwww'],
  [[protect(6, 1, PROT_NONE)], 'wwwwww|n|r|wwww'],
  [[protect(7, 1, RW)], 'wwwwww|n|wwwww'],
  [[protect(6, 1, RW)], 'wwwwwwwwwwww'],
);

pictures(
  'the border between two moves when one takes a part of the other',
  [[map(0, 6), map(6, 6, PROT_READ)], 'wwwwww|rrrrrr'],
  [[protect(3, 3, PROT_READ)], 'www|rrrrrrrrr'],
  [[protect(3, 8, RW)], 'wwwwwwwwwww|r'],
);

pictures(
  'mmap() over others takes their place, and joins its neighbours',
  [[map(0, 3), map(3, 6, PROT_READ), map(9, 3)], 'www|rrrrrr|www'],
  [[map(2, 8)], 'wwwwwwwwwwww'],
  [[map(5, 2, PROT_NONE)], 'wwwww|nn|wwwww'],
);

pictures(
  'pages of their own keep apart what began as two mappings: anon_vmas differ',
  [[map(0, 4), fill(0, 4), map(8, 4), fill(8, 4)], 'wwww....wwww'],
  [[map(4, 4)], 'wwwwwwww|wwww', '123400009abc'],
);

pictures(
  'mremap() grows up to the next VMA, and joins it only where that has pages of the same anon_vma',
  [[map(0, 4), fill(0, 4), map(8, 4)], 'wwww....wwww'],
  [[grow(0, 4, 6)], 'wwwwww..wwww'],
  [[grow(0, 6, 8)], 'wwwwwwww|wwww', '123400000000'],
);

pictures(
  'mremap() moves a part: its pages go with it, and leave a hole',
  [[map(0, 6), fill(0, 6)], 'wwwwww......'],
  [[move(2, 2, 8)], 'ww..ww..ww..', '12..56..34..'],
);

pictures(
  'mremap() back to where it was is one VMA again',
  [[map(0, 6), fill(0, 6), move(2, 2, 8)], 'ww..ww..ww..'],
  [[move(8, 2, 2)], 'wwwwww......', '123456......'],
);

pictures(
  'MREMAP_DONTUNMAP leaves the VMA, without its pages',
  [[map(0, 4), fill(0, 4)], 'wwww........'],
  [[move(0, 4, 6, MREMAP_DONTUNMAP)], 'wwww..wwww..', '0000..1234..'],
);
