// SPDX-License-Identifier: GPL-2.0-only
/** What a process that is recorded has: mappings, files, and structs that its libc keeps. */
import type { Mapping, OpenMemory, Place } from './draft.js';

export type Fd =
  | { readonly kind: 'device'; readonly name: string; readonly minor: number }
  /** Of another driver; `device`: the name of its file. */
  | { readonly kind: 'driver'; readonly name: string; readonly device: string }
  | { readonly kind: 'gup' }
  /** Whoever keeps pages between system calls. */
  | { readonly kind: 'holder' }
  | { readonly kind: 'memory'; readonly memory: OpenMemory }
  | { readonly kind: 'other' };

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly mapping: Mapping;
}

/** A command that has succeeded, of whose answer the program may still look at something. */
export interface Pending {
  looked(addr: number, bytes: Uint8Array): void;
}

export class ProcessRecord {
  dead = false;
  readonly fds = new Map<number, Fd>();
  /** Bytes that were stored outside of all mappings: arguments of ioctls. */
  readonly structs = new Map<number, Uint8Array>();
  pending: Pending | undefined;
  #pieces: Piece[] = [];
  /** Mappings that there were, the latest last: a range may begin in a hole. */
  #past: Mapping[] = [];

  /** Stands for addresses where the program never had anything. */
  readonly #nowhere: Mapping = {
    start: 0,
    bytes: 0,
    isHeap: false,
    isBuffer: false,
    mayBeHuge: false,
    isFile: false,
    names: new Map(),
  };

  constructor(readonly name: string) {}

  cloneAs(name: string): ProcessRecord {
    const child = new ProcessRecord(name);
    for (const [fd, file] of this.fds) child.fds.set(fd, file);
    for (const [addr, bytes] of this.structs) child.structs.set(addr, bytes);
    child.#pieces = [...this.#pieces];
    child.#past = [...this.#past];
    return child;
  }

  /** A name that no open file of the process has. */
  newFdName(): string {
    const used = new Set(
      [...this.fds.values()].map((fd) => (fd.kind === 'device' || fd.kind === 'driver' ? fd.name : '')),
    );
    let number = 0;
    while (used.has(`d${number}`)) number++;
    return `d${number}`;
  }

  /** A mapping at these addresses: one that was there before, and is gone, has its name again. */
  map(start: number, bytes: number, isHeap: boolean): Mapping {
    this.unmap(start, bytes);
    const known = this.#past.find((one) => one.start === start && one.bytes === bytes && !one.isFile);
    const isFree = known !== undefined && !this.#pieces.some(({ mapping }) => mapping === known);
    const mapping = isFree
      ? known
      : { start, bytes, isHeap, isBuffer: false, mayBeHuge: false, isFile: false, names: new Map() };
    this.#pieces.push({ start, end: start + bytes, mapping });
    this.#past = [...this.#past.filter((one) => one !== mapping), mapping];
    return mapping;
  }

  unmap(start: number, bytes: number): void {
    const end = start + bytes;
    this.#pieces = this.#pieces.flatMap((piece) => {
      if (piece.end <= start || piece.start >= end) return [piece];
      const below = { ...piece, end: Math.min(piece.end, start) };
      const above = { ...piece, start: Math.max(piece.start, end) };
      return [below, above].filter((part) => part.start < part.end);
    });
  }

  nowhere(): Place {
    return { mapping: this.#nowhere, addr: 0 };
  }

  /** Undefined outside of everything that the program has mapped. */
  place(addr: number): Place | undefined {
    const inside = (one: { start: number; end: number }) => one.start <= addr && addr < one.end;
    const mapping =
      this.#pieces.find(inside)?.mapping ??
      this.#past.findLast((one) => inside({ start: one.start, end: one.start + one.bytes }));
    return mapping === undefined ? undefined : { mapping, addr };
  }
}
