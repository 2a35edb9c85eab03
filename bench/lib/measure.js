// SPDX-License-Identifier: GPL-2.0-only
/** Takes times: of node programs, from outside, and of functions. */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const usageReporter = fileURLToPath(new URL('report-usage.js', import.meta.url));

export const hmmSim = fileURLToPath(new URL('../../bin/hmm-sim.js', import.meta.url));

/**
 * @typedef {{ seconds: number, cpuSeconds: number, peakMB: number, status: number | null }} Measured
 */

/**
 * One run of `node args`; its output goes nowhere.
 *
 * @param {readonly string[]} args
 * @returns {Promise<Measured>}
 */
export function runNode(args) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--import', usageReporter, ...args], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    let usage = '';
    child.stdio[3]?.on('data', (text) => {
      usage += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      const seconds = (performance.now() - started) / 1000;
      const [peakKB, cpuMicros] = usage.split(' ').map(Number);
      resolve({ seconds, cpuSeconds: cpuMicros / 1e6, peakMB: peakKB / 1000, status });
    });
  });
}

/**
 * The median run by wall time of each of several programs, run in turn so that a busy moment hits them all.
 *
 * @param {readonly (readonly string[])[]} programs
 * @param {number} [runs] an odd number
 * @returns {Promise<Measured[]>}
 */
export async function measureInTurn(programs, runs = 5) {
  const measured = programs.map(() => /** @type {Measured[]} */ ([]));
  for (let i = 0; i < runs; i++) {
    for (const [n, args] of programs.entries()) measured[n].push(await runNode(args));
  }
  return measured.map((list) => list.sort((a, b) => a.seconds - b.seconds)[Math.floor(runs / 2)]);
}

/**
 * What a node script prints as JSON.
 *
 * @param {string} script relative to bench/
 * @param {readonly string[]} [args]
 * @param {readonly string[]} [nodeOptions]
 * @returns {Promise<any>}
 */
export function runScript(script, args = [], nodeOptions = []) {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeOptions, path, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(text));
      else reject(new Error(`${script} ${args.join(' ')} ended with status ${status}`));
    });
  });
}

/**
 * Seconds of processor time that `body` takes. Unlike wall time they do not grow when the machine is busy; what the
 * collector and the compiler do beside the main thread is in them.
 *
 * @param {() => void} body
 */
export function cpuSeconds(body) {
  const before = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
