// SPDX-License-Identifier: GPL-2.0-only
/**
 * `hmm-sim smoke`, start-up included, next to a bare typed-array loop that stores and checks as many words as the
 * suite's user code does; and `--version`, next to a node that does nothing.
 */
import { bareLoopProgram } from './lib/bare.js';
import { hmmSim, measureInTurn, runScript } from './lib/measure.js';

const SPM = ['0x100000000', '0x140000000'];
const SEED = ['--seed', '7'];
const VERSION_MS = 120;

/** The suite of 7.3 in the private and the coherent variant, without the two tests that measure. */
export const SUITE_73 = ['smoke', ...SPM, '--kernel', '7.3', ...SEED, '-T', 'benchmark_thp_migration'];

/** AMD's tests of shared virtual memory, on one GPU. */
export const KFDTEST = ['smoke', '--suite', 'kfdtest', '--kernel', '6.12', ...SEED];

/** @type {Record<string, { args: string[], limit?: number, maxCpu?: number, maxMB: number }>} */
const suites = {
  'smoke 6.12, 58 tests': { args: ['smoke', ...SPM, '--kernel', '6.12', ...SEED], limit: 1.2, maxMB: 400 },
  'smoke 7.3, 78 tests but for the benchmark': { args: SUITE_73, maxCpu: 3, maxMB: 300 },
  'smoke v5-generic, private': { args: ['smoke', ...SEED], limit: 1.5, maxMB: 400 },
  'smoke v5-generic, generic': { args: ['smoke', ...SPM, ...SEED], limit: 1.5, maxMB: 400 },
};

/** @param {string} name @returns {Promise<import('./run.js').Row[]>} */
async function suiteRows(name) {
  const { args, limit, maxCpu, maxMB } = suites[name];
  const { words } = await runScript('lib/count-words.js', args);
  const [suite, bare] = await measureInTurn([
    [hmmSim, ...args],
    ['-e', bareLoopProgram(words / 2)],
  ]);
  const note = suite.status === 0 ? '' : `exit ${suite.status}`;
  const peer = `${(words / 1e6).toFixed(0)} M words bare`;
  return [
    {
      figure: `${name}: wall`,
      value: suite.seconds,
      unit: 's',
      peer,
      peerValue: bare.seconds,
      atMost: limit,
      note,
    },
    {
      figure: `${name}: processor`,
      value: suite.cpuSeconds,
      unit: 's',
      peer,
      peerValue: bare.cpuSeconds,
      atMost: maxCpu,
    },
    { figure: `${name}: peak`, value: suite.peakMB, unit: 'MB', peer, peerValue: bare.peakMB, atMost: maxMB },
  ];
}

/** @returns {Promise<import('./run.js').Row[]>} */
async function versionRows() {
  const [version, idle] = await measureInTurn([
    [hmmSim, '--version'],
    ['-e', '0'],
  ]);
  const peer = 'idle node';
  return [
    {
      figure: 'hmm-sim --version: wall',
      value: version.seconds * 1000,
      unit: 'ms',
      peer,
      peerValue: idle.seconds * 1000,
      atMost: VERSION_MS,
    },
    {
      figure: 'hmm-sim --version: processor',
      value: version.cpuSeconds * 1000,
      unit: 'ms',
      peer,
      peerValue: idle.cpuSeconds * 1000,
    },
  ];
}

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const rows = [];
  for (const name of Object.keys(suites)) rows.push(...(await suiteRows(name)));
  return [...rows, ...(await versionRows())];
}
