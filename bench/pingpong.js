// SPDX-License-Identifier: GPL-2.0-only
/**
 * Anonymous memory to a device and back, through migrate_vma_setup/pages/finalize by a small driver; beside it the
 * MIGRATE ioctls of test_hmm, which mirror the page table and copy the data out. The peer is a bare loop that
 * copies 4 KiB at a time.
 */
import { BenchDevice } from './lib/device.js';
import { Mirror } from './lib/machine.js';
import { cpuSeconds, median } from './lib/measure.js';
import { bootKernel, GiB, MiB, mapAnonymous, PAGE, pageAt, populate, runTask, wordOf } from './lib/memory.js';

const BATCH = 512;
const DEVICE = { start: 2 ** 40, size: GiB };
const TARGET = 2.0;
const TARGET_RATIO = 1.5;

/** Each direction's rates, in M pages/s. @typedef {{ toDevice: number, back: number, first: number }} Rates */

/** @param {import('../dist/mm/types.js').MmStruct} mm @param {number} addr @param {number} bytes */
function verify(mm, addr, bytes) {
  for (let n = 0; n < bytes / PAGE; n++) {
    if (mm.kernel.contents.pageWord(pageAt(mm, addr + n * PAGE)) !== wordOf(n))
      throw new Error(`page ${n} is wrong`);
  }
}

/** M pages a second of processor time. @param {number} pages @param {number} time */
const rate = (pages, time) => pages / time / 1e6;

/**
 * Populated memory and a device for it. Each step moves all of it, and returns the seconds that took.
 *
 * @param {'private' | 'coherent'} type
 * @param {number} bytes
 * @param {{ generation?: import('../dist/generations/types.js').Generation, huge?: boolean }} [how] in 2 MiB pages?
 */
export function table(type, bytes, { generation, huge = false } = {}) {
  const k = bootKernel(6 * GiB, [DEVICE], generation, huge ? 'always' : 'madvise');
  const device = new BenchDevice(k, type, DEVICE, BATCH, huge);
  const mm = k.mm_alloc();
  const addr = mapAnonymous(mm, bytes);
  populate(mm, addr, bytes);
  const go = (/** @type {boolean} */ toDevice) =>
    cpuSeconds(() => {
      const migrated = runTask(k, device.migrate(mm, addr, addr + bytes, toDevice));
      if (migrated !== bytes / PAGE) throw new Error(`only ${migrated} pages migrated`);
    });
  return { there: () => go(true), back: () => go(false), verify: () => verify(mm, addr, bytes) };
}

/**
 * Medians over `rounds` of `repeat` trips; the first round is told apart, because it finds code that no compiler has
 * seen and memory that nobody has touched.
 *
 * @param {'private' | 'coherent'} type
 * @param {number} bytes
 * @param {number} rounds
 * @param {number} repeat
 * @returns {Rates}
 */
function pingpong(type, bytes, rounds, repeat) {
  const { there, back, verify } = table(type, bytes);
  const times = { toDevice: /** @type {number[]} */ ([]), back: /** @type {number[]} */ ([]) };
  for (let round = 0; round < rounds; round++) {
    const sum = { toDevice: 0, back: 0 };
    for (let i = 0; i < repeat; i++) {
      sum.toDevice += there();
      sum.back += back();
    }
    times.toDevice.push(sum.toDevice);
    times.back.push(sum.back);
  }
  verify();
  const pages = (bytes / PAGE) * repeat;
  return {
    toDevice: rate(pages, median(times.toDevice)),
    back: rate(pages, median(times.back)),
    first: rate(2 * pages, times.toDevice[0] + times.back[0]),
  };
}

/**
 * The peer: M pages/s of copying 4 KiB at a time from one buffer to another, both touched before.
 *
 * @param {number} bytes
 * @param {number} rounds
 */
function copyRate(bytes, rounds) {
  const from = Buffer.alloc(bytes, 1);
  const to = Buffer.alloc(bytes, 2);
  const times = [];
  for (let round = 0; round < rounds; round++) {
    times.push(
      cpuSeconds(() => {
        for (let at = 0; at < bytes; at += PAGE) from.copy(to, at, at, at + PAGE);
      }),
    );
  }
  return rate(bytes / PAGE, median(times));
}

/** MIGRATE_TO_DEV and MIGRATE_TO_SYS of a 4 MiB buffer by ioctl. @param {number} unit @param {number} rounds */
function ioctls(unit, rounds) {
  const mirror = new Mirror(unit, 4 * MiB);
  const pages = (4 * MiB) / PAGE;
  const times = { toDevice: /** @type {number[]} */ ([]), back: /** @type {number[]} */ ([]) };
  for (let round = 0; round < rounds; round++) {
    times.toDevice.push(cpuSeconds(() => mirror.command('MIGRATE_TO_DEV', pages)));
    times.back.push(cpuSeconds(() => mirror.command('MIGRATE_TO_SYS', pages)));
  }
  return { toDevice: rate(pages, median(times.toDevice)), back: rate(pages, median(times.back)) };
}

/**
 * @param {string} figure
 * @param {number} value
 * @param {number} peerValue
 * @param {Partial<import('./run.js').Row>} [more]
 */
function row(figure, value, peerValue, more = {}) {
  return { figure, value, unit: 'M pages/s', peer: '4 KiB copy loop', peerValue, ...more };
}

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const rows = [];
  const peers = { [4 * MiB]: copyRate(4 * MiB, 101), [GiB]: copyRate(GiB, 3) };
  for (const type of /** @type {const} */ (['coherent', 'private'])) {
    for (const [size, bytes, rounds, repeat] of /** @type {const} */ ([
      ['4 MiB', 4 * MiB, 21, 50],
      ['1 GiB', GiB, 5, 1],
    ])) {
      const { toDevice, back, first } = pingpong(type, bytes, rounds, repeat);
      const peer = peers[bytes];
      const note = `first round, both ways: ${first.toFixed(2)}`;
      const atLeastRatio = bytes === GiB ? TARGET_RATIO : undefined;
      rows.push(
        row(`${size} to ${type} device`, toDevice, peer, { atLeast: TARGET, atLeastRatio, note }),
        row(`${size} from ${type} device`, back, peer, { atLeast: TARGET, atLeastRatio }),
      );
    }
  }
  for (const [unit, type] of /** @type {const} */ ([
    [0, 'private'],
    [2, 'coherent'],
  ])) {
    const { toDevice, back } = ioctls(unit, 201);
    rows.push(
      row(`4 MiB MIGRATE_TO_DEV, ${type}`, toDevice, peers[4 * MiB], { note: 'copies the data out' }),
      row(`4 MiB MIGRATE_TO_SYS, ${type}`, back, peers[4 * MiB]),
    );
  }
  return rows;
}
