// SPDX-License-Identifier: GPL-2.0-only
/**
 * `hmm-sim run` over 50,000 recorded scenarios of the category anon: reading, parsing, validation, the runs, comparison
 * and output. The peer only reads and parses the JSON. Per core means per second of processor time.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { hmmSim, measureInTurn } from './lib/measure.js';

const RECORDED = new URL('../test/golden/6.12/anon.jsonl.gz', import.meta.url);
const COUNT = 50_000;
const TARGET = 5000;
const JOBS_GAIN = 1.7;

/** `count` scenarios as JSON Lines: the recorded ones over and over. @param {number} count */
export function scenarioLines(count) {
  const recorded = gunzipSync(readFileSync(RECORDED)).toString().trim().split('\n');
  const lines = Array.from({ length: count }, (_, i) => recorded[i % recorded.length]);
  return `${lines.join('\n')}\n`;
}

const PARSE = `
const { readFileSync } = await import('node:fs');
for (const line of readFileSync(process.argv[1], 'utf8').split('\\n')) if (line !== '') JSON.parse(line);
`;

/** @param {string} file */
async function measureRuns(file) {
  const [one, two, parse] = await measureInTurn(
    [
      [hmmSim, 'run', file],
      [hmmSim, 'run', file, '--jobs', '2'],
      ['--input-type=module', '-e', PARSE, file],
    ],
    1,
  );
  if (one.status !== 0 || two.status !== 0) throw new Error(`run ended with ${one.status} and ${two.status}`);
  return { one, two, parse };
}

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-sim-bench-'));
  const file = join(directory, 'anon.jsonl');
  try {
    writeFileSync(file, scenarioLines(COUNT));
    const { one, two, parse } = await measureRuns(file);
    return [
      {
        figure: `anon scenarios, ${COUNT}: per core`,
        value: COUNT / one.cpuSeconds,
        unit: '/s',
        peer: 'JSON.parse only',
        peerValue: COUNT / parse.cpuSeconds,
        atLeast: TARGET,
        note: `wall ${one.seconds.toFixed(1)} s, ${one.peakMB.toFixed(0)} MB`,
      },
      {
        figure: `anon scenarios, --jobs 2: wall`,
        value: COUNT / two.seconds,
        unit: '/s',
        peer: '--jobs 1',
        peerValue: COUNT / one.seconds,
        atLeastRatio: JOBS_GAIN,
        note: `${availableParallelism()} cores, ${two.cpuSeconds.toFixed(1)} s of processor time against ${one.cpuSeconds.toFixed(1)} s`,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
