// SPDX-License-Identifier: GPL-2.0-only
/** Runs node programs and measures them from outside: wall time, and the peak of their memory. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const peakReporter = fileURLToPath(new URL('report-peak.js', import.meta.url));

/**
 * @typedef {{ seconds: number, peakMB: number, status: number | null }} Measured
 */

/**
 * One run of `node args`; its output goes nowhere.
 *
 * @param {readonly string[]} args
 * @returns {Promise<Measured>}
 */
function runOnce(args) {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(process.execPath, ['--import', peakReporter, ...args], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    let peak = '';
    child.stdio[3]?.on('data', (text) => {
      peak += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      resolve({ seconds, peakMB: Number(peak) / 1000, status });
    });
  });
}

/**
 * The median run by wall time of `node args`, of an odd number of runs.
 *
 * @param {readonly string[]} args
 * @param {number} [runs]
 * @returns {Promise<Measured>}
 */
export async function measure(args, runs = 3) {
  const measured = [];
  for (let i = 0; i < runs; i++) measured.push(await runOnce(args));
  measured.sort((a, b) => a.seconds - b.seconds);
  return measured[Math.floor(runs / 2)];
}
