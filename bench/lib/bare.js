// SPDX-License-Identifier: GPL-2.0-only
/** Peers: what the work comes to as bare loops over typed arrays, without any rule of a kernel. */

/** A node program that stores and checks `words` words, 4 MiB at a time. @param {number} words */
export const bareLoopProgram = (words) => `
const buffer = new Uint32Array(${2 ** 20});
let wrong = 0;
for (let left = ${words}; left > 0; left -= buffer.length) {
  const count = Math.min(left, buffer.length);
  for (let i = 0; i < count; i++) buffer[i] = i;
  for (let i = 0; i < count; i++) if (buffer[i] !== i) wrong++;
}
process.exitCode = wrong;
`;

/**
 * The counting of one fork and exit: each page's entry copied and its count raised, then both taken back.
 *
 * @param {number} pages
 */
export function bareForks(pages) {
  const table = new Uint32Array(pages * 2).fill(1);
  const count = new Int32Array(pages).fill(1);
  const child = new Uint32Array(pages * 2);
  return () => {
    for (let i = 0; i < pages; i++) {
      child[i] = table[i];
      child[pages + i] = table[pages + i];
      count[i]++;
    }
    for (let i = 0; i < pages; i++) {
      child[i] = 0;
      child[pages + i] = 0;
      count[i]--;
    }
  };
}

const COLUMNS = 8;

/**
 * The counting of one migration there and back: each column of a page's struct moved to another page, and the entry
 * that maps it written twice.
 *
 * @param {number} pages
 */
export function bareMoves(pages) {
  const columns = Array.from({ length: COLUMNS }, () => new Int32Array(pages * 2).fill(1));
  const table = new Uint32Array(pages);
  const move = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (let i = 0; i < pages; i++) {
      table[i] = 0;
      for (const column of columns) {
        column[to + i] = column[from + i];
        column[from + i] = 0;
      }
      table[i] = to + i;
    }
  };
  return () => {
    move(0, pages);
    move(pages, 0);
  };
}
