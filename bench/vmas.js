// SPDX-License-Identifier: GPL-2.0-only
/**
 * Many VMAs in one mm: every second page of a populated buffer is made read-only. The peer of each size is what
 * n log n makes of the smallest one: a ratio of 1 is growth as n log n.
 */
import { dup_mm, mmput } from '../dist/mm/mmap.js';
import { ENOMEM } from '../dist/uapi/errno.js';
import { PROT_READ } from '../dist/uapi/mman.js';
import { Mirror } from './lib/machine.js';
import { cpuSeconds } from './lib/measure.js';
import { GiB, PAGE, runTask } from './lib/memory.js';

const SIZES = [7500, 15_000, 30_000, 60_000];
const ROUNDS = 5;
const LOOKUPS = 200_000;
/** What noise and caches may add to n log n. */
const GROWTH = 1.5;
const MAX_MAP_COUNT = 65530;

/** @typedef {Record<string, number>} Times milliseconds */

/** Cut the first `vmas` pages into a VMA each. @param {Mirror} mirror @param {number} vmas */
function cut(mirror, vmas) {
  const { addr } = mirror;
  return mirror.call(function* (sys) {
    for (let n = 1; n < vmas; n += 2) {
      const err = yield* sys.mprotect(addr + n * PAGE, PAGE, PROT_READ);
      if (err !== 0) return err;
    }
    return 0;
  });
}

/** @param {Mirror} mirror @param {number} vmas */
function lookups({ process, addr }, vmas) {
  const { vmas: tree } = /** @type {any} */ (process).mm;
  let found = 0;
  for (let i = 0; i < LOOKUPS; i++) {
    if (tree.vma_lookup(addr + ((i * 7919) % vmas) * PAGE) !== null) found++;
  }
  if (found !== LOOKUPS) throw new Error('a page has no VMA');
}

/** One run of everything over `vmas` VMAs. @param {number} vmas @returns {Times} */
function measureOnce(vmas) {
  const mirror = new Mirror(2, vmas * PAGE, GiB * 4);
  const { machine, process, addr } = mirror;
  const k = machine.kernel;
  /** @type {any} */
  let child;
  const times = {
    mprotect: cpuSeconds(() => cut(mirror, vmas)),
    'vma_lookup of each': cpuSeconds(() => lookups(mirror, vmas)) * (vmas / LOOKUPS),
    snapshot: cpuSeconds(() => mirror.command('SNAPSHOT', vmas)),
    fork: cpuSeconds(() => {
      child = runTask(k, dup_mm(/** @type {any} */ (process).mm));
    }),
    'exit of the child': cpuSeconds(() => runTask(k, mmput(child))),
    migrate: cpuSeconds(() => mirror.command('MIGRATE_TO_DEV', vmas)),
    munmap: cpuSeconds(() => mirror.call((sys) => sys.munmap(addr, vmas * PAGE))),
  };
  return Object.fromEntries(Object.entries(times).map(([name, time]) => [name, time * 1000]));
}

/** The least times of all, measured in turn, so that a busy moment hits every size. @param {readonly number[]} sizes @returns {Times[]} */
export function measureSizes(sizes, rounds = ROUNDS) {
  measureOnce(sizes[0]);
  const runs = sizes.map(() => /** @type {Times[]} */ ([]));
  for (let round = 0; round < rounds; round++) {
    for (const [i, vmas] of sizes.entries()) runs[i].push(measureOnce(vmas));
  }
  return runs.map((list) =>
    Object.fromEntries(
      Object.keys(list[0]).map((name) => [name, Math.min(...list.map((times) => times[name]))]),
    ),
  );
}

/** At how many VMAs mprotect answers ENOMEM. */
function limit() {
  const mirror = new Mirror(2, 66_000 * PAGE, GiB * 4);
  const err = cut(mirror, 66_000);
  if (err !== -ENOMEM) throw new Error(`mprotect past max_map_count answered ${err}`);
  return /** @type {any} */ (mirror.process).mm.vmas.size;
}

export const nLogN = (/** @type {number} */ n) => n * Math.log2(n);

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const results = measureSizes(SIZES);
  /** @type {import('./run.js').Row[]} */
  const rows = [];
  for (const name of Object.keys(results[0])) {
    for (const [i, vmas] of SIZES.entries()) {
      rows.push({
        figure: `${vmas} VMAs: ${name}`,
        value: results[i][name],
        unit: 'ms',
        peer: `n log n from ${SIZES[0]}`,
        peerValue: results[0][name] * (nLogN(vmas) / nLogN(SIZES[0])),
        atMostRatio: GROWTH,
      });
    }
  }
  rows.push({
    figure: 'VMAs when mprotect answers ENOMEM',
    value: limit(),
    unit: 'VMAs',
    peer: 'max_map_count',
    peerValue: MAX_MAP_COUNT,
  });
  return rows;
}
