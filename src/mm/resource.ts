// SPDX-License-Identifier: GPL-2.0-only
/**
 * The tree of physical address ranges (kernel/resource.c).
 * Fidelity: ported, as far as memory hotplug of device memory needs it. No locking: nothing here sleeps.
 *
 * Addresses and ends are byte addresses below 2^53; `end` is inclusive, as in the kernel.
 */
import { EBUSY, ERANGE } from '../uapi/errno.js';

export const IORESOURCE_MEM = 0x0000_0200;
const IORESOURCE_SYSRAM = 0x0100_0000;
export const IORESOURCE_BUSY = 0x8000_0000;
export const IORESOURCE_SYSTEM_RAM = IORESOURCE_MEM | IORESOURCE_SYSRAM;

export const IORES_DESC_NONE = 0;
export const IORES_DESC_DEVICE_PRIVATE_MEMORY = 6;
export const IORES_DESC_DEVICE_PUBLIC_MEMORY = 7;
export const IORES_DESC_SOFT_RESERVED = 8;

export const REGION_INTERSECTS = 0;
export const REGION_DISJOINT = 1;
export const REGION_MIXED = 2;

/** x86-64 with four-level page tables: a physical address has 46 bits. */
export const MAX_PHYSMEM_BITS = 46;
/** request_free_mem_region works in whole sparsemem sections. */
const GFR_DEFAULT_ALIGN = 2 ** 27;

export class Resource {
  parent: Resource | null = null;
  sibling: Resource | null = null;
  child: Resource | null = null;

  constructor(
    public name: string,
    public start: number,
    public end: number,
    public flags = 0,
    public desc = IORES_DESC_NONE,
  ) {}
}

/** iomem_resource: all physical addresses that the processor has. */
export class IomemResource extends Resource {
  constructor(
    /** Bits of a physical address (x86_phys_bits). */
    physBits: number,
    /** The last address that the kernel maps for itself (PHYSMEM_END, DIRECT_MAP_PHYSMEM_END). */
    readonly physmem_end: number,
  ) {
    super('PCI mem', 0, 2 ** physBits - 1, IORESOURCE_MEM);
  }
}

/** The direct children of `parent`, lowest address first. */
export function children(parent: Resource): Resource[] {
  const list: Resource[] = [];
  for (let res = parent.child; res !== null; res = res.sibling) list.push(res);
  return list;
}

/** `res` and all below it, depth first, each parent before its children. */
function* descendants(res: Resource): Generator<Resource> {
  for (let child = res.child; child !== null; child = child.sibling) {
    yield child;
    yield* descendants(child);
  }
}

function overlaps(a: Resource, start: number, end: number): boolean {
  return a.start <= end && a.end >= start;
}

function hasFlag(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

function link(parent: Resource, previous: Resource | null, res: Resource): void {
  res.parent = parent;
  if (previous === null) {
    res.sibling = parent.child;
    parent.child = res;
  } else {
    res.sibling = previous.sibling;
    previous.sibling = res;
  }
}

/** Return: null when `res` is now a child of `root`, otherwise what stands in its way. */
function __request_resource(root: Resource, res: Resource): Resource | null {
  if (res.end < res.start || res.start < root.start || res.end > root.end) return root;

  let previous: Resource | null = null;
  for (let next = root.child; next !== null && next.start <= res.end; next = next.sibling) {
    if (next.end >= res.start) return next;
    previous = next;
  }
  link(root, previous, res);
  return null;
}

/** Make `res` the parent of `parent`'s children from `first` to `last`. */
function adopt(parent: Resource, first: Resource, last: Resource, res: Resource): void {
  let previous: Resource | null = null;
  for (let at = parent.child; at !== first && at !== null; at = at.sibling) previous = at;

  res.parent = parent;
  res.sibling = last.sibling;
  res.child = first;
  last.sibling = null;
  if (previous === null) parent.child = res;
  else previous.sibling = res;
  for (const child of children(res)) child.parent = res;
}

/**
 * Put `res` into the tree below `parent`, as deep as it fits; ranges wholly inside of it become its children.
 *
 * Return: 0, or -EBUSY when it overlaps another range in part, or is outside of `parent`.
 */
export function insert_resource(parent: Resource, res: Resource): number {
  let first = __request_resource(parent, res);
  while (first !== null) {
    if (first === parent || first === res) return -EBUSY;
    const same = first.start === res.start && first.end === res.end;
    if (same || first.start > res.start || first.end < res.end) break;
    parent = first;
    first = __request_resource(parent, res);
  }
  if (first === null) return 0;

  let last = first;
  for (let next: Resource | null = first; next !== null && next.start <= res.end; next = next.sibling) {
    if (next.start < res.start || next.end > res.end) return -EBUSY;
    last = next;
  }
  adopt(parent, first, last, res);
  return 0;
}

/** The child of `root` that starts exactly at `start`, or null. Grandchildren are not looked at. */
export function lookup_resource(root: Resource, start: number): Resource | null {
  return children(root).find((res) => res.start === start) ?? null;
}

function is_type_match(res: Resource, flags: number, desc: number): boolean {
  return (res.flags & flags) >>> 0 === flags >>> 0 && (desc === IORES_DESC_NONE || desc === res.desc);
}

/** Do matching descendants of `top` cover everything that it has in common with start..end? */
function coveredBelow(top: Resource, start: number, end: number, match: (res: Resource) => boolean) {
  const last = Math.min(top.end, end);
  let next = Math.max(top.start, start);
  let matches = 0;
  for (const res of descendants(top)) {
    if (!overlaps(res, start, end) || !match(res)) continue;
    matches++;
    if (res.start > next) break;
    if (res.end >= last) return { matches, covered: true };
    next = Math.max(next, res.end + 1);
  }
  return { matches, covered: false };
}

/**
 * How `size` bytes from `start` relate to the ranges with these flags (and `desc`, unless IORES_DESC_NONE).
 *
 * Return: REGION_DISJOINT (none of them), REGION_INTERSECTS (them, and nothing else but holes), REGION_MIXED.
 */
export function region_intersects(root: Resource, start: number, size: number, flags: number, desc: number) {
  const end = start + size - 1;
  const match = (res: Resource) => is_type_match(res, flags, desc);
  let type = 0;
  let other = 0;
  for (const res of children(root)) {
    if (!overlaps(res, start, end)) continue;
    if (match(res)) {
      type++;
      continue;
    }
    const below = coveredBelow(res, start, end, match);
    type += below.matches;
    if (!below.covered) other++;
  }
  if (type === 0) return REGION_DISJOINT;
  return other === 0 ? REGION_INTERSECTS : REGION_MIXED;
}

/**
 * Claim `n` bytes at `start` for a driver, below the innermost range there that nobody has claimed.
 *
 * Return: the busy range, or null when part of it is claimed.
 */
export function __request_region(root: Resource, start: number, n: number, name: string): Resource | null {
  const res = new Resource(name, start, start + n - 1);
  for (let parent = root; ; ) {
    const modifiers = parent.flags & IORESOURCE_SYSTEM_RAM;
    res.flags = (modifiers | IORESOURCE_BUSY) >>> 0;
    res.desc = parent.desc;
    const conflict = __request_resource(parent, res);
    if (conflict === null) return res;
    if (conflict === parent || hasFlag(conflict.flags, IORESOURCE_BUSY)) return null;
    parent = conflict;
  }
}

/** Give a claimed range back. Return: false when no busy range has exactly these bounds (the kernel warns). */
export function __release_region(root: Resource, start: number, n: number): boolean {
  const end = start + n - 1;
  let parent = root;
  let previous: Resource | null = null;
  let res = parent.child;
  while (res !== null) {
    if (res.start > start || res.end < end) {
      previous = res;
      res = res.sibling;
    } else if (!hasFlag(res.flags, IORESOURCE_BUSY)) {
      parent = res;
      previous = null;
      res = res.child;
    } else {
      if (res.start !== start || res.end !== end) return false;
      if (previous === null) parent.child = res.sibling;
      else previous.sibling = res.sibling;
      res.parent = res.sibling = null;
      return true;
    }
  }
  return false;
}

/**
 * The highest free range of `size` bytes. The kernel tries one section-aligned address after the other;
 * this looks at each range in the way once, and arrives at the same address.
 *
 * Return: its start, or a negative number when the address space is used up.
 */
function highestFree(base: Resource, size: number): number {
  const last = base instanceof IomemResource ? base.physmem_end : 2 ** MAX_PHYSMEM_BITS - 1;
  let addr = Math.min(base.end, last) - size + 1;
  for (const res of children(base).reverse()) {
    if (res.end < addr) break;
    if (!overlaps(res, addr, addr + size - 1)) continue;
    const steps = Math.ceil((addr + size - res.start) / GFR_DEFAULT_ALIGN);
    addr -= steps * GFR_DEFAULT_ALIGN;
  }
  return addr > GFR_DEFAULT_ALIGN && addr >= base.start ? addr : -ERANGE;
}

/**
 * Find physical addresses for `size` bytes of device memory that the CPU cannot reach, as high as there are,
 * and claim them under `name`. `size` is rounded up to whole sections (128 MiB).
 *
 * Return: the claimed range, or -ERANGE.
 */
export function request_free_mem_region(base: Resource, size: number, name: string): Resource | number {
  const rounded = Math.ceil(size / GFR_DEFAULT_ALIGN) * GFR_DEFAULT_ALIGN;
  const addr = highestFree(base, rounded);
  if (addr < 0) return -ERANGE;

  const res = __request_region(base, addr, rounded, name);
  if (res === null) return -ERANGE;
  res.desc = IORES_DESC_DEVICE_PRIVATE_MEMORY;
  return res;
}
