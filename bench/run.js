// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs the benchmarks: `npm run bench [-- --json] [-- --full] [-- NAME...]`. Each figure stands next to a peer that
 * was measured in the same run, so that figures of different machines can be compared by their ratio. Several
 * benchmarks run one after another, each in a process of its own.
 */
import { runScript } from './lib/measure.js';

/**
 * @typedef {{
 *   figure: string, value: number, unit: string,
 *   peer: string, peerValue: number,
 *   atMost?: number, atLeast?: number, atMostRatio?: number, atLeastRatio?: number,
 *   note?: string,
 * }} Row
 */

/** @typedef {{ full: boolean }} Options */

/** @type {Record<string, () => Promise<{ run(options: Options): Promise<Row[]> }>>} */
const benchmarks = {
  smoke: () => import('./smoke.js'),
  pingpong: () => import('./pingpong.js'),
  huge: () => import('./huge.js'),
  vmas: () => import('./vmas.js'),
  fork: () => import('./fork.js'),
  scenarios: () => import('./scenarios.js'),
  triage: () => import('./triage.js'),
  frontier: () => import('./frontier.js'),
};

const JSON_VERSION = 2;

/** @param {number} value */
const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** What was asked for, and whether it holds. @param {Row} row */
function target({ value, unit, peerValue, atMost, atLeast, atMostRatio, atLeastRatio }) {
  const ratio = value / peerValue;
  const parts = [
    atMost === undefined ? [] : [`at most ${atMost} ${unit}`, value <= atMost],
    atLeast === undefined ? [] : [`at least ${atLeast} ${unit}`, value >= atLeast],
    atMostRatio === undefined ? [] : [`at most ${atMostRatio}x`, ratio <= atMostRatio],
    atLeastRatio === undefined ? [] : [`at least ${atLeastRatio}x`, ratio >= atLeastRatio],
  ].filter((part) => part.length > 0);
  return parts.map(([text, holds]) => (holds ? text : `MISSED: ${text}`)).join(', ');
}

/**
 * @param {Row} row
 * @returns {string[]}
 */
function cells(row) {
  const { figure, value, unit, peer, peerValue, note } = row;
  return [
    figure,
    `${number(value)} ${unit}`,
    `${peer}: ${number(peerValue)} ${unit}`,
    `${number(value / peerValue)}x`,
    target(row),
    note ?? '',
  ];
}

/** @param {Row[]} rows */
function table(rows) {
  const lines = [['figure', 'value', 'peer', 'ratio', 'target', ''], ...rows.map(cells)];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

/** @param {string} name @param {Options} options @returns {Promise<Row[]>} */
async function inOwnProcess(name, { full }) {
  const { rows } = await runScript('run.js', [name, '--json', ...(full ? ['--full'] : [])]);
  return rows;
}

const args = process.argv.slice(2);
const options = { full: args.includes('--full') };
const wanted = args.filter((arg) => arg !== '--json' && arg !== '--full');
const unknown = wanted.find((name) => !(name in benchmarks));
if (unknown !== undefined) {
  process.stderr.write(`bench: no benchmark "${unknown}"; there are ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(64);
}

const names = wanted.length > 0 ? wanted : Object.keys(benchmarks);
const rows = [];
if (names.length === 1) {
  rows.push(...(await (await benchmarks[names[0]]()).run(options)));
} else {
  for (const name of names) rows.push(...(await inOwnProcess(name, options)));
}
if (args.includes('--json'))
  process.stdout.write(`${JSON.stringify({ version: JSON_VERSION, rows }, null, 2)}\n`);
else for (const line of table(rows)) process.stdout.write(`${line}\n`);
