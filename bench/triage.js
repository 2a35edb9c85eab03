// SPDX-License-Identifier: GPL-2.0-only
/**
 * `hmm-sim triage` reading whole runs of the suite, start-up left out, next to what looking for one word in each line
 * costs. The golden run of 6.12 is repeated, with nothing before its lines, and as consoles and CI systems wrap it.
 */
import { readFileSync } from 'node:fs';
import { LogReader } from '../dist/triage/reader.js';
import { cpuSeconds } from './lib/measure.js';

const GOLDEN = new URL('../test/golden/ktap/6.12-spm.txt', import.meta.url);
const MB = 1e6;
const ROUNDS = 5;
/** MB a second of processor time. */
const LEAST = 20;

/** @type {Record<string, (line: string, n: number) => string>} */
const wrappings = {
  bare: (line) => line,
  'printk stamps': (line, n) => `[${(n * 0.000731).toFixed(6).padStart(12)}] ${line}`,
  'printk stamps and callers': (line, n) =>
    `[${(n * 0.000731).toFixed(6).padStart(12)}][ T${String(n % 90_000).padStart(5)}] ${line}`,
  'nested, with ISO 8601': (line, n) =>
    `2026-05-01T12:00:${String(n % 60).padStart(2, '0')}.000Z # # ${line}`,
};

/** @param {number} megabytes @param {(line: string, n: number) => string} wrap */
function logOf(megabytes, wrap) {
  const lines = readFileSync(GOLDEN, 'utf8').trimEnd().split('\n');
  const parts = [];
  for (let size = 0, n = 0; size < megabytes * MB; ) {
    for (const line of lines) {
      const text = `${wrap(line, n++)}\n`;
      parts.push(text);
      size += text.length;
    }
  }
  return parts.join('');
}

const PIECE = 65_536;

/** @param {string} log */
export function readWhole(log) {
  const reader = new LogReader();
  for (let at = 0; at < log.length; at += PIECE) reader.push(log.slice(at, at + PIECE));
  const { runs } = reader.end();
  if (runs.length === 0) throw new Error('no run was found');
}

/** @param {string} log */
export function searchLines(log) {
  let found = 0;
  for (const line of log.split('\n')) if (/not ok|hmm/.test(line)) found++;
  if (found === 0) throw new Error('no line was found');
}

export const stampedLog = (/** @type {number} */ megabytes) => logOf(megabytes, wrappings['printk stamps']);

/** @param {() => void} body */
function leastSeconds(body) {
  body();
  return Math.min(...Array.from({ length: ROUNDS }, () => cpuSeconds(body)));
}

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  return Object.entries(wrappings).map(([name, wrap]) => {
    const log = logOf(16, wrap);
    const rate = (/** @type {number} */ seconds) => log.length / MB / seconds;
    return {
      figure: `triage, ${name}`,
      value: rate(leastSeconds(() => readWhole(log))),
      unit: 'MB/s',
      peer: 'one word in each line',
      peerValue: rate(leastSeconds(() => searchLines(log))),
      atLeast: LEAST,
    };
  });
}
