// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guards against regressions: `node bench/guard.js` measures small forms of the benchmarks and prints, as JSON, what
 * each costs in multiples of its peer, and what ratios.json allows. No time is compared with that of another machine or
 * run: a figure and its peer take turns, in processor time. What is over its limit is measured again, so that only what
 * is slow every time is reported.
 *
 * `node bench/guard.js --update` writes ratios.json.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux73 } from '../dist/generations/kernels/linux-7.3.js';
import { forkInTurn } from './fork.js';
import { oneCopy } from './huge.js';
import { bareForks, bareMoves } from './lib/bare.js';
import { withCompiler } from './lib/compiler.js';
import { cpuSeconds, hmmSim, median, runNode, runScript } from './lib/measure.js';
import { MiB, PAGE } from './lib/memory.js';
import { bootParent } from './lib/parent.js';
import { table } from './pingpong.js';
import { scenarioLines } from './scenarios.js';
import { KFDTEST, SUITE_73 } from './smoke.js';
import { readWhole, searchLines, stampedLog } from './triage.js';
import { measureSizes, nLogN } from './vmas.js';

const RATIOS = new URL('ratios.json', import.meta.url);
const ROOM = 1.3;
const ATTEMPTS = 5;
const SCENARIOS = 4000;

/**
 * The least time of the subject over the least of its peer in `turns` turns, after some that warm up: what else the
 * machine does only ever adds to both, and not to both alike.
 *
 * @param {number} turns
 * @param {() => number} subject seconds
 * @param {() => number} peer seconds
 */
function inTurn(turns, subject, peer) {
  let least = Number.POSITIVE_INFINITY;
  let leastOfPeer = Number.POSITIVE_INFINITY;
  for (let i = -3; i < turns; i++) {
    const seconds = subject();
    const ofPeer = peer();
    if (i < 0) continue;
    least = Math.min(least, seconds);
    leastOfPeer = Math.min(leastOfPeer, ofPeer);
  }
  return least / leastOfPeer;
}

/** @param {() => void} body @param {number} times */
const repeated = (body, times) => () =>
  cpuSeconds(() => {
    for (let i = 0; i < times; i++) body();
  });

/** @param {'private' | 'coherent'} type */
function pingpong(type) {
  const { there, back, verify } = table(type, 4 * MiB);
  const trips = () => {
    let sum = 0;
    for (let i = 0; i < 50; i++) sum += there() + back();
    return sum;
  };
  const ratio = inTurn(15, trips, repeated(bareMoves((4 * MiB) / PAGE), 50));
  verify();
  return ratio;
}

const HUGE_BYTES = 256 * MiB;

/** What a trip in 2 MiB pages there and back takes, or one in 4 KiB pages. @param {boolean} huge */
function tripsOf73(huge) {
  const { there, back } = table('private', HUGE_BYTES, { generation: linux73, huge });
  return (/** @type {number} */ times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum += there() + back();
    return sum / times;
  };
}

function hugeAgainstSmall() {
  const huge = tripsOf73(true);
  const small = tripsOf73(false);
  return inTurn(
    7,
    () => huge(5),
    () => small(1),
  );
}

/** One way against one copy. */
function hugeAgainstCopy() {
  const huge = tripsOf73(true);
  return inTurn(7, () => huge(5) / 2, oneCopy(HUGE_BYTES));
}

function fork() {
  const parent = bootParent(64 * MiB);
  const subject = () => cpuSeconds(() => forkInTurn(parent, 50));
  return inTurn(7, subject, repeated(bareForks((64 * MiB) / PAGE), 50));
}

function triage() {
  const log = stampedLog(4);
  return (
    inTurn(
      7,
      repeated(() => readWhole(log), 1),
      repeated(() => searchLines(log), 4),
    ) * 4
  );
}

/** Growth over n log n from 2,000 VMAs to 8,000; what stays below it is as good as it. @param {string} name */
function vmas(name) {
  const [small, large] = measureSizes([2000, 8000], 3);
  return Math.max(1, large[name] / small[name] / (nLogN(8000) / nLogN(2000)));
}

/**
 * The median ratio of three turns of a command and the compiler.
 *
 * @param {readonly string[]} args @param {number} [status] that the command ends with
 */
async function program(args, status = 0) {
  const ratios = [];
  return await withCompiler(async (compiler) => {
    for (let i = 0; i < 3; i++) ratios.push((await secondsOf(args, status)) / (await secondsOf(compiler)));
    return median(ratios);
  });
}

/** @param {readonly string[]} args @param {number} [expected] */
async function secondsOf(args, expected = 0) {
  const { status, cpuSeconds } = await runNode(args);
  if (status !== expected) throw new Error(`${args.join(' ')} ended with status ${status}`);
  return cpuSeconds;
}

async function scenarios() {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-sim-guard-'));
  try {
    const file = join(directory, 'anon.jsonl');
    writeFileSync(file, scenarioLines(SCENARIOS));
    return await program([hmmSim, 'run', file]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** @type {Record<string, () => number | Promise<number>>} */
const guarded = {
  'ping-pong, coherent': () => pingpong('coherent'),
  'ping-pong, private': () => pingpong('private'),
  '2 MiB pages against 4 KiB': hugeAgainstSmall,
  '2 MiB pages against one copy': hugeAgainstCopy,
  fork,
  'growth of migration over VMAs': () => vmas('migrate'),
  'smoke 6.12': () =>
    program([hmmSim, 'smoke', '0x100000000', '0x140000000', '--kernel', '6.12', '--seed', '7']),
  // As on a real 7.3, migrate_anon_huge_err fails on a coherent device.
  'smoke 7.3 but for the benchmark': () => program([hmmSim, ...SUITE_73], 1),
  'smoke of kfdtest': () => program([hmmSim, ...KFDTEST]),
  scenarios,
  'triage of stamped runs': triage,
};

/**
 * One attempt in a process of its own: what the compiler makes of the code in one process stays as it is there, however
 * busy the machine was at that moment.
 *
 * @param {string} name @returns {Promise<number>}
 */
async function attempt(name) {
  return (await runScript('guard.js', ['--measure', name])).ratio;
}

/** @param {string} name @param {number} limit */
async function measureWithin(name, limit) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ATTEMPTS && best > limit; i++) best = Math.min(best, await attempt(name));
  return best;
}

if (process.argv[2] === '--measure') {
  process.stdout.write(JSON.stringify({ ratio: await guarded[process.argv[3]]() }));
} else if (process.argv.includes('--update')) {
  /** @type {Record<string, number>} */
  const ratios = {};
  for (const name of Object.keys(guarded)) {
    ratios[name] = Number(
      median([await attempt(name), await attempt(name), await attempt(name)]).toPrecision(3),
    );
  }
  writeFileSync(RATIOS, `${JSON.stringify(ratios, null, 2)}\n`);
} else {
  const committed = JSON.parse(readFileSync(RATIOS, 'utf8'));
  const results = [];
  for (const name of Object.keys(guarded)) {
    const limit = committed[name] * ROOM;
    results.push({ name, ratio: await measureWithin(name, limit), limit });
  }
  process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
}
