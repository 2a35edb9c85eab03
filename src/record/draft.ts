// SPDX-License-Identifier: GPL-2.0-only
/** Steps that have no names yet, and how loops of loads and stores become ranges. */
import type { StepResult } from '../scenario/result.js';
import { WORDS_PER_PAGE } from '../sim/contents.js';
import { PAGE_SIZE } from '../uapi/mman.js';

/** A mapping that a program made, wherever it was; it becomes a region. */
export interface Mapping {
  readonly start: number;
  readonly bytes: number;
  /** libc's own, for small blocks. */
  readonly isHeap: boolean;
  /** Is it a buffer of commands? */
  isBuffer: boolean;
  isFile: boolean;
  /** Of a file that is mapped already: where, in the region of the first mapping, this one begins. */
  again?: { readonly of: Mapping; readonly page: number };
  /** What the program calls it, or a part of it. */
  readonly names: Map<string, 'all' | 'part'>;
  /** Can its pages become huge, so that it matters how it is aligned? */
  mayBeHuge: boolean;
}

/** An open file that is no device: its memory is a mapping's, from the first mmap on. */
export interface OpenMemory {
  mapping: Mapping | undefined;
  /** Of all its mappings. */
  mappedPages: number;
  bytes: number;
  /** In a directory of a disk, not in memory alone. */
  readonly onDisk: boolean;
  /** Read and written past the page cache. */
  direct?: boolean;
}

export interface Place {
  readonly mapping: Mapping;
  readonly addr: number;
}

/** Consecutive words: seen, or put there. */
export interface AccessDraft {
  readonly op: 'load' | 'store';
  readonly mapping: Mapping;
  readonly addr: number;
  readonly count: number;
  readonly first: number;
  readonly step: number;
  /** Of a load whose words were stored back with so much more. */
  readonly add?: number;
  /** Where it was not as said: what each page answers; undefined where nobody knows. */
  readonly pages?: readonly (number | string)[] | undefined;
  /** Whether all pages answered as said. */
  readonly ok: boolean;
}

export interface Draft {
  readonly as: string;
  /** Grows from draft to draft. */
  readonly order: number;
  /** Fields that need no names. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly access?: AccessDraft;
  /** The range; `pages` are in the fields. */
  readonly at?: Place;
  readonly buffer?: Place;
  /** Where mremap() goes. */
  readonly to?: Place;
  /** The file whose region is meant. */
  readonly file?: OpenMemory;
  expect?: StepResult;
}

const bytesOf = (count: number): number => count * 4;

/** `next` goes on where `last` ends, with the same step. */
function joined(last: AccessDraft, next: AccessDraft): AccessDraft | undefined {
  if (last.op !== next.op || last.mapping !== next.mapping || last.add !== next.add) return undefined;
  if (!last.ok || !next.ok || next.addr !== last.addr + bytesOf(last.count)) return undefined;
  const single = last.count === 1 && next.count === 1;
  const step = single ? (next.first - last.first) | 0 : last.step;
  if (!single && step !== next.step) return undefined;
  if ((last.first + last.count * step) >>> 0 !== next.first) return undefined;
  return { ...last, step, count: last.count + next.count };
}

/** `ptr[i]++` of one page: words that were loaded are stored, each with the same more. */
function incremented(load: AccessDraft, store: AccessDraft): AccessDraft | undefined {
  if (load.op !== 'load' || load.add !== undefined || store.op !== 'store' || load.mapping !== store.mapping)
    return undefined;
  if (load.addr !== store.addr || load.count !== store.count || load.step !== store.step) return undefined;
  if (!load.ok || !store.ok || (load.addr % PAGE_SIZE) + bytesOf(load.count) > PAGE_SIZE) return undefined;
  const add = (store.first - load.first) | 0;
  return add === 0 ? undefined : { ...load, add };
}

/** Fold the last access into the one before it, as often as that goes. */
export function foldAccess(drafts: Draft[]): void {
  for (;;) {
    const [last, next] = drafts.slice(-2);
    if (last?.access === undefined || next?.access === undefined || last.as !== next.as) return;
    const access = incremented(last.access, next.access) ?? joined(last.access, next.access);
    if (access === undefined) return;
    drafts.splice(-2, 2, { ...next, access });
  }
}

/** The pages that words [offset, offset + count) of a page are on. */
export const pagesOf = (offset: number, count: number): number =>
  Math.ceil((offset + count) / WORDS_PER_PAGE);
