// SPDX-License-Identifier: GPL-2.0-only
/** However many workers, `run` says the same in the same order. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { linesAPart } from '../../src/cli/run-jobs.js';
import { hmmSim } from './hmm-sim.js';

const golden = new URL('../golden/6.12/fork.jsonl.gz', import.meta.url);
const recorded = gunzipSync(readFileSync(golden)).toString().trim().split('\n').slice(0, 60);

interface Step {
  expect?: { ret?: unknown };
}

/** Recordings, of which some expect another return value, one cannot be read, one has no such machine. */
function mixture(): string {
  const lines = recorded.map((line, n) => {
    if (n % 7 !== 3) return line;
    const document = JSON.parse(line) as { steps: Step[] };
    const step = document.steps.find(({ expect }) => expect?.ret === 0);
    if (step !== undefined) step.expect = { ...step.expect, ret: 'EPERM' };
    return JSON.stringify(document);
  });
  lines[20] = '{"name":';
  lines[40] = JSON.stringify({ name: 'odd', machine: { spm: [4096] }, steps: [] });
  return `${lines.join('\n')}\n`;
}

const directory = t.testdir({ 'a.jsonl': mixture(), 'b.yaml': 'name: last\nsteps: []\n' });

for (const options of [
  [],
  ['--json', '--dmesg', '--check'],
  ['--bail', '--against', '6.1', '--name', 'fork'],
]) {
  t.test(['run', ...options].join(' '), (t) => {
    const one = hmmSim('run', directory, ...options);
    t.match(one.stderr, /a\.jsonl:21:\d+: expected one JSON document a line/);
    t.equal(/a\.jsonl:41: machine: /.test(one.stderr), !options.includes('--name'));
    t.equal(one.status, 64);
    t.strictSame(hmmSim('run', directory, ...options, '--jobs', '3'), one);
    t.end();
  });
}

t.test('the mixture has what can go wrong', (t) => {
  const { stdout } = hmmSim('run', directory, '--jobs', '3');
  const lines = stdout.split('\n');
  t.equal(lines[1], '1..61');
  t.ok(lines.filter((line) => line.startsWith('not ok ')).length > 3);
  t.match(lines.at(-2), /^# Totals: pass:\d+ fail:\d+ xfail:0 xpass:0 skip:0 error:2$/);
  t.end();
});

t.test('--update by workers', (t) => {
  const texts = ['1', '4'].map((jobs) => {
    const file = join(t.testdir(), `${jobs}.jsonl`);
    writeFileSync(file, mixture());
    t.equal(hmmSim('run', file, '--update', '--jobs', jobs).status, 64);
    return readFileSync(file, 'utf8');
  });
  t.equal(texts[0], texts[1]);
  t.not(texts[0], mixture());
  const lines = texts[0]!.split('\n');
  t.equal(lines[3], recorded[3], 'an expectation that was changed is as recorded again');
  t.end();
});

t.test('parts are small enough for all workers, and no smaller than needed', (t) => {
  t.strictSame(
    [
      [1, 1],
      [120, 1],
      [120, 4],
      [50_000, 2],
    ].map(([lines, jobs]) => linesAPart(lines!, jobs!)),
    [1, 8, 2, 64],
  );
  t.end();
});
