// SPDX-License-Identifier: GPL-2.0-only
/**
 * 1 GiB of anonymous memory to a private device of 7.3 and back in 2 MiB pages (nothing collects a huge page of a coherent
 * device to bring it back). It has two peers: the same bytes in 4 KiB pages, and one copy of as many bytes from one buffer to
 * another.
 */
import { linux73 } from '../dist/generations/kernels/linux-7.3.js';
import { cpuSeconds, median } from './lib/measure.js';
import { GiB, PAGE } from './lib/memory.js';
import { table } from './pingpong.js';

const TARGET_SMALL = 8;
const TARGET_COPY = 1;
const WARM_UP = 2;

/**
 * Median M pages/s of each body, which take turns so that a busy moment hits them all.
 *
 * @param {number} bytes that each body moves
 * @param {number} rounds
 * @param {Record<string, () => number>} bodies each returns its seconds
 * @returns {Record<string, number>}
 */
function rates(bytes, rounds, bodies) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(bodies).map((name) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [name, body] of Object.entries(bodies)) {
      const seconds = body();
      if (round >= 0) times[name].push(seconds);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [name, bytes / PAGE / median(list) / 1e6]),
  );
}

/** One copy of `bytes` between two buffers, both touched before. @param {number} bytes */
export function oneCopy(bytes) {
  const from = Buffer.alloc(bytes, 1);
  const to = Buffer.alloc(bytes, 2);
  return () => cpuSeconds(() => from.copy(to));
}

/** @param {number} bytes */
function measure(bytes) {
  const whole = table('private', bytes, { generation: linux73, huge: true });
  const small = table('private', bytes, { generation: linux73 });
  const rate = rates(bytes, 5, {
    there: whole.there,
    back: whole.back,
    smallThere: small.there,
    smallBack: small.back,
    copy: oneCopy(bytes),
  });
  whole.verify();
  small.verify();
  return rate;
}

/** @param {string} figure @param {number} value @param {string} peer @param {number} peerValue @param {number} atLeastRatio */
const row = (figure, value, peer, peerValue, atLeastRatio) => ({
  figure,
  value,
  unit: 'M pages/s',
  peer,
  peerValue,
  atLeastRatio,
});

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const { there, back, smallThere, smallBack, copy } = measure(GiB);
  const to = '1 GiB in 2 MiB pages to private device';
  const from = '1 GiB in 2 MiB pages from private device';
  return [
    row(to, there, 'in 4 KiB pages', smallThere, TARGET_SMALL),
    row(to, there, 'one memcpy', copy, TARGET_COPY),
    row(from, back, 'in 4 KiB pages', smallBack, TARGET_SMALL),
    row(from, back, 'one memcpy', copy, TARGET_COPY),
  ];
}
