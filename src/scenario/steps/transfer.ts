// SPDX-License-Identifier: GPL-2.0-only
/** Pages of a buffer of the step's own: filled before a transfer, and told after one. */
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import type { StepResult } from '../result.js';

const WORDS = PAGE_SIZE / 4;

/** Page i of the buffer becomes full of word + i. */
export function* wordsInPages(sys: Sys, buffer: number, pages: number, word: number): Task {
  for (let i = 0; i < pages; i++) yield* sys.storeSeq(buffer + i * PAGE_SIZE, WORDS, (word + i) >>> 0, 0);
}

/** What arrived in the buffer: whole pages only. */
export function* transferred(sys: Sys, buffer: number, bytes: number): Task<StepResult> {
  const data: (number | string)[] = [];
  for (let at = 0; at + PAGE_SIZE <= bytes; at += PAGE_SIZE) data.push(yield* sys.tryLoadPage(buffer + at));
  return { ret: 0, bytes, data };
}
