// SPDX-License-Identifier: GPL-2.0-only
/** What malloc() and free() of a program know: an arena for small blocks, mappings of their own for large ones. */

/** malloc() maps blocks of this size and more on their own, as glibc does. */
export const MMAP_THRESHOLD = 128 * 1024;
export const ARENA = 1024 * 1024;

const GRAIN = 16;

/** Bytes that a small block takes. */
const sizeClass = (size: number): number => Math.max(GRAIN, Math.ceil(size / GRAIN) * GRAIN);

export class Heap {
  private arena = 0;
  private arenaUsed = 0;
  private arenaSize = 0;
  /** Every block: address to size. */
  private readonly blocks = new Map<number, number>();
  /** Freed small blocks by size. */
  private readonly freed = new Map<number, number[]>();

  clone(): Heap {
    const copy = new Heap();
    copy.arena = this.arena;
    copy.arenaUsed = this.arenaUsed;
    copy.arenaSize = this.arenaSize;
    for (const [address, size] of this.blocks) copy.blocks.set(address, size);
    for (const [size, list] of this.freed) copy.freed.set(size, [...list]);
    return copy;
  }

  /** A block of `size` bytes, freed ones first; undefined when the arena has no room for it. */
  take(size: number): number | undefined {
    const bytes = sizeClass(size);
    let addr = this.freed.get(bytes)?.pop();
    if (addr === undefined) {
      if (this.arenaUsed + bytes > this.arenaSize) return undefined;
      addr = this.arena + this.arenaUsed;
      this.arenaUsed += bytes;
    }
    this.blocks.set(addr, size);
    return addr;
  }

  /** Small blocks come from the ARENA bytes at `addr` from now on. */
  useArena(addr: number): void {
    this.arena = addr;
    this.arenaSize = ARENA;
    this.arenaUsed = 0;
  }

  /** A block with a mapping of its own. */
  addMapped(addr: number, size: number): void {
    this.blocks.set(addr, size);
  }

  /** Give a block back. Return: its size; undefined when there is no block at `addr`. */
  release(addr: number): number | undefined {
    const size = this.blocks.get(addr);
    if (size === undefined) return undefined;
    this.blocks.delete(addr);
    if (size >= MMAP_THRESHOLD) return size;
    const bytes = sizeClass(size);
    const list = this.freed.get(bytes);
    if (list === undefined) this.freed.set(bytes, [addr]);
    else list.push(addr);
    return size;
  }
}
