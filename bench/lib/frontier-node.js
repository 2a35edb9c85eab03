// SPDX-License-Identifier: GPL-2.0-only
/**
 * A node of Frontier: 512 GiB of system memory and four GPUs with 64 GiB of coherent memory each. Its memory is
 * populated with a word of its own in each page, spread over the devices, and brought back.
 *
 * `node bench/lib/frontier-node.js BYTES` prints one JSON object, times in seconds.
 */
import { performance } from 'node:perf_hooks';
import { mmput } from '../../dist/mm/mmap.js';
import { BenchDevice } from './device.js';
import { cpuSeconds } from './measure.js';
import { bootKernel, GiB, MiB, mapAnonymous, PAGE, pageAt, populate, runTask, wordOf } from './memory.js';

const SYSTEM = 512 * GiB;
const DEVICES = 4;
const DEVICE = 64 * GiB;
const BATCH = 4096;
const SAMPLES = 2 ** 20;
/** Where the devices' memory begins: above all RAM. */
const DEVICE_BASE = 2 ** 41;

function bootNode() {
  const ranges = Array.from({ length: DEVICES }, (_, n) => ({
    start: DEVICE_BASE + n * DEVICE,
    size: DEVICE,
  }));
  const k = bootKernel(SYSTEM, ranges);
  return { k, devices: ranges.map((range) => new BenchDevice(k, 'coherent', range, BATCH)) };
}

/** @typedef {ReturnType<typeof bootNode>} FrontierNode */
/** @typedef {import('../../dist/mm/types.js').MmStruct} MmStruct */

/** Each device takes a quarter. @param {FrontierNode} node @param {MmStruct} mm @param {number} addr @param {number} bytes @param {boolean} toDevice */
function migrateAll({ k, devices }, mm, addr, bytes, toDevice) {
  const share = bytes / DEVICES;
  devices.forEach((device, n) => {
    const from = addr + n * share;
    const migrated = runTask(k, device.migrate(mm, from, from + share, toDevice));
    if (migrated !== share / PAGE) throw new Error(`${migrated} of ${share / PAGE} pages migrated`);
  });
}

/** Look at up to SAMPLES pages, spread over the whole range. @param {FrontierNode} node @param {MmStruct} mm @param {number} addr @param {number} bytes @param {boolean} onDevice */
function verify({ k }, mm, addr, bytes, onDevice) {
  const pages = bytes / PAGE;
  const samples = Math.min(pages, SAMPLES);
  const step = pages / samples;
  for (let i = 0; i < samples; i++) {
    const n = i * step + ((i * 7919) % step);
    const page = pageAt(mm, addr + n * PAGE);
    const good = k.contents.pageWord(page) === wordOf(n) && k.is_zone_device_page(page) === onDevice;
    if (!good) throw new Error(`page ${n} holds ${k.contents.pageWord(page)}, not ${wordOf(n)}`);
  }
}

/** Processor seconds of each phase. @param {FrontierNode} node @param {number} bytes */
function roundTrip(node, bytes) {
  const { k } = node;
  const mm = k.mm_alloc();
  const addr = mapAnonymous(mm, bytes);
  const populating = cpuSeconds(() => populate(mm, addr, bytes));
  const toDevice = cpuSeconds(() => migrateAll(node, mm, addr, bytes, true));
  verify(node, mm, addr, bytes, true);
  const back = cpuSeconds(() => migrateAll(node, mm, addr, bytes, false));
  verify(node, mm, addr, bytes, false);
  if (k.contents.slabsInUse !== 0) throw new Error('a page took a host page');
  const exiting = cpuSeconds(() => runTask(k, mmput(mm)));
  return { populating, toDevice, back, exiting };
}

const bytes = Number(process.argv[2]);
const started = performance.now();
const node = bootNode();
// What is measured is not the compiler: a run of the smallest size goes before, on the same machine.
roundTrip(node, 256 * MiB);
const phases = roundTrip(node, bytes);
const wall = (performance.now() - started) / 1000;
const peakMB = process.resourceUsage().maxRSS / 1000;
process.stdout.write(`${JSON.stringify({ bytes, ...phases, wall, peakMB })}\n`);
