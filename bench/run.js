// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs the benchmarks: `npm run bench [-- --json] [-- NAME...]`. Each figure stands next to a peer that was
 * measured in the same run, so that figures of different machines can be compared by their ratio.
 */

/**
 * @typedef {{
 *   figure: string, value: number, unit: string,
 *   peer: string, peerValue: number,
 *   limit?: number, note?: string,
 * }} Row
 */

/** @type {Record<string, () => Promise<{ run(): Promise<Row[]> }>>} */
const benchmarks = {
  smoke: () => import('./smoke.js'),
};

const JSON_VERSION = 1;

/** @param {number} value */
const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/**
 * @param {Row} row
 * @returns {string[]}
 */
function cells({ figure, value, unit, peer, peerValue, limit, note }) {
  const ratio = `${number(value / peerValue)}x`;
  const bound = limit === undefined ? '' : `${value <= limit ? 'within' : 'OVER'} ${limit} ${unit}`;
  return [
    figure,
    `${number(value)} ${unit}`,
    `${peer} ${number(peerValue)} ${unit}`,
    ratio,
    bound,
    note ?? '',
  ];
}

/** @param {Row[]} rows */
function table(rows) {
  const lines = [['figure', 'value', 'peer', 'ratio', 'limit', ''], ...rows.map(cells)];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

const args = process.argv.slice(2);
const wanted = args.filter((arg) => arg !== '--json');
const unknown = wanted.find((name) => !(name in benchmarks));
if (unknown !== undefined) {
  process.stderr.write(`bench: no benchmark "${unknown}"; there are ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(64);
}

const rows = [];
for (const [name, load] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  rows.push(...(await (await load()).run()));
}
if (args.includes('--json'))
  process.stdout.write(`${JSON.stringify({ version: JSON_VERSION, rows }, null, 2)}\n`);
else for (const line of table(rows)) process.stdout.write(`${line}\n`);
