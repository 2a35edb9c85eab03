// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import t from 'tap';
import { type MmStruct, VmArea } from '../../src/mm/types.js';
import { VmaTree } from '../../src/mm/vma_tree.js';

const mm = {} as MmStruct;

/** Every page of a small address space and the VMA that covers it: what the tree has to agree with. */
class Pages {
  readonly tree = new VmaTree();
  readonly at: (VmArea | null)[];

  constructor(readonly size: number) {
    this.at = new Array<VmArea | null>(size).fill(null);
  }

  /** Map a page that is free, unmap the VMA there, or move one of its ends as far as it can go. */
  change(page: number, what: number): void {
    const vma = this.at[page]!;
    if (vma === null) {
      const fresh = new VmArea(mm, page, page + 1);
      this.tree.insert(fresh);
      this.at[page] = fresh;
      return;
    }
    const { vm_start, vm_end } = vma;
    this.at.fill(null, vm_start, vm_end);
    if (what === 0) this.tree.erase(vma);
    else if (what < 4) this.place(vma, vm_start, this.free(vm_start, what));
    else this.place(vma, Math.min(page, vm_end - 1), vm_end);
  }

  private place(vma: VmArea, start: number, end: number): void {
    this.tree.setRange(vma, start, end);
    this.at.fill(vma, start, end);
  }

  /** The end of what is free from `start`, `wanted` pages at most and one at least. */
  private free(start: number, wanted: number): number {
    let end = start + 1;
    while (end < start + wanted && end < this.size && this.at[end] === null) end++;
    return end;
  }

  differences(): string[] {
    const wrong: string[] = [];
    const vmas = [...new Set(this.at)].filter((vma) => vma !== null);
    if (this.tree.size !== vmas.length) wrong.push(`size ${this.tree.size}, not ${vmas.length}`);
    if ([...this.tree].some((vma, i) => vma !== vmas[i])) wrong.push('order');
    for (let page = 0; page < this.size; page++) {
      const above = vmas.find((vma) => vma.vm_end > page) ?? null;
      const below = vmas.findLast((vma) => vma.vm_end <= page) ?? null;
      if (this.tree.find_vma(page) !== above) wrong.push(`find_vma(${page})`);
      if (this.tree.vma_lookup(page) !== this.at[page]) wrong.push(`vma_lookup(${page})`);
      if (this.tree.prev(page) !== below) wrong.push(`prev(${page})`);
    }
    return wrong;
  }
}

t.test('finds what a list of pages finds, whatever came, went or grew', (t) => {
  const change = fc.tuple(fc.nat(599), fc.nat(5));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 1200, size: 'max' }), (changes) => {
      const pages = new Pages(600);
      for (const [page, what] of changes) pages.change(page, what);
      return pages.differences().length === 0;
    }),
    { seed: 1, numRuns: 40 },
  );
  t.end();
});

t.test('thousands of VMAs in any order', (t) => {
  const tree = new VmaTree();
  const vmas = Array.from({ length: 5000 }, (_, i) => new VmArea(mm, 2 * i, 2 * i + 1));
  for (let i = 0; i < vmas.length; i++) tree.insert(vmas[(i * 1009) % 5000]!);
  t.ok([...tree].every((vma, i) => vma === vmas[i]));
  t.equal(tree.vma_lookup(2 * 4321), vmas[4321]);
  t.equal(tree.vma_lookup(2 * 4321 + 1), null);
  t.equal(tree.prev(2 * 4321 + 1), vmas[4321]);
  for (let i = 0; i < vmas.length; i++) if (i !== 77) tree.erase(vmas[(i * 1009) % 5000]!);
  t.strictSame([...tree], [vmas[(77 * 1009) % 5000]]);
  t.throws(() => tree.erase(vmas[0]!), { message: 'VmaTree: the VMA is not in the tree' });
  t.end();
});
