// SPDX-License-Identifier: GPL-2.0-only
/**
 * A node of Frontier, from 256 MiB of populated memory up to the 256 GiB that its four devices hold (lib/frontier-node.js).
 * The peer of each size is 1 GiB: time per page must not grow. Each size runs in a process of its own. Then the same node
 * under amdkfd (lib/frontier-amdkfd.js).
 */
import { runScript } from './lib/measure.js';
import { GiB, MiB, PAGE } from './lib/memory.js';

const SIZES = [256 * MiB, GiB, 4 * GiB];
const FULL_SIZES = [...SIZES, 16 * GiB, 64 * GiB, 256 * GiB];
const LIMITS = { minutes: 10, peakGB: 8, growth: 1.3 };

/** @param {number} bytes */
const name = (bytes) => (bytes < GiB ? `${bytes / MiB} MiB` : `${bytes / GiB} GiB`);

/** @param {Awaited<ReturnType<typeof measureSize>>} size @param {number} peerValue @returns {import('./run.js').Row[]} */
function rowsOf({ bytes, perPage, note, wall, peakMB }, peerValue) {
  const peer = 'at 1 GiB';
  const figure = `frontier ${name(bytes)}`;
  const rows = [
    {
      figure: `${figure}: time per page`,
      value: perPage,
      unit: 'ns',
      peer,
      peerValue,
      atMostRatio: bytes > GiB ? LIMITS.growth : undefined,
      note,
    },
  ];
  if (bytes < 256 * GiB) return rows;
  return [
    ...rows,
    {
      figure: `${figure}: wall`,
      value: wall / 60,
      unit: 'min',
      peer: 'limit',
      peerValue: LIMITS.minutes,
      atMost: LIMITS.minutes,
    },
    {
      figure: `${figure}: peak memory`,
      value: peakMB / 1000,
      unit: 'GB',
      peer: 'limit',
      peerValue: LIMITS.peakGB,
      atMost: LIMITS.peakGB,
    },
  ];
}

/** @typedef {{ populating: number, toDevice: number, back: number, exiting: number, wall: number, peakMB: number }} NodeRun */

/** Processor seconds of all phases. @param {NodeRun} run */
const total = ({ populating, toDevice, back, exiting }) => populating + toDevice + back + exiting;

/** The median of three runs, of one for the large sizes. @param {number} bytes */
async function measureSize(bytes) {
  /** @type {NodeRun[]} */
  const runs = [];
  for (let i = 0; i < (bytes < 16 * GiB ? 3 : 1); i++) {
    runs.push(await runScript('lib/frontier-node.js', [String(bytes)]));
  }
  runs.sort((a, b) => total(a) - total(b));
  const run = runs[Math.floor(runs.length / 2)];
  const ns = (/** @type {number} */ s) => Math.round((s * 1e9) / (bytes / PAGE));
  const phases = `populate ${ns(run.populating)}, there ${ns(run.toDevice)}, back ${ns(run.back)}, exit ${ns(run.exiting)}`;
  const note = `${phases}; ${run.peakMB.toFixed(0)} MB`;
  return { bytes, perPage: ns(total(run)), note, wall: run.wall, peakMB: run.peakMB };
}

/** All data on each GPU in turn, and home again. @param {number} bytes @returns {Promise<import('./run.js').Row[]>} */
async function underAmdkfd(bytes) {
  const { wrong, places, seconds, wall, peakMB } = await runScript('lib/frontier-amdkfd.js', [String(bytes)]);
  if (wrong !== 0 || String(places['round 4']) !== '4,1,2,3')
    throw new Error('the data has not crossed all GPUs');
  const figure = `frontier under amdkfd, ${name(bytes)}`;
  const note = Object.entries(seconds)
    .map(([phase, s]) => `${phase} ${s} s`)
    .join(', ');
  const limit = { peer: 'limit', note };
  return [
    {
      figure: `${figure}: wall`,
      value: wall / 60,
      unit: 'min',
      ...limit,
      peerValue: LIMITS.minutes,
      atMost: LIMITS.minutes,
    },
    {
      figure: `${figure}: peak memory`,
      value: peakMB / 1000,
      unit: 'GB',
      ...limit,
      peerValue: LIMITS.peakGB,
      atMost: LIMITS.peakGB,
    },
  ];
}

/** @param {import('./run.js').Options} options @returns {Promise<import('./run.js').Row[]>} */
export async function run({ full }) {
  const sizes = [];
  for (const bytes of full ? FULL_SIZES : SIZES) sizes.push(await measureSize(bytes));
  const base = /** @type {{ perPage: number }} */ (sizes.find(({ bytes }) => bytes === GiB)).perPage;
  return [...sizes.flatMap((size) => rowsOf(size, base)), ...(await underAmdkfd(full ? 256 * GiB : GiB))];
}
