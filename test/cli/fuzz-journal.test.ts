// SPDX-License-Identifier: GPL-2.0-only
/** Journals of campaigns: nothing in them is believed, and one campaign at a time adds to one. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

/** Every file of a directory, by name. */
function contents(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

t.test('merge believes no journal, and reads without writing', async (t) => {
  const entry = (change: object): string =>
    JSON.stringify({ sort: 'oops-x', text: 'oops', seed: 1, steps: 1, file: 'oops-x.yaml', ...change });
  const plan = (change: object): string =>
    JSON.stringify({ version: 1, kernel: '6.12', check: true, seed: 1, shard: [1, 1], ...change });
  const journals: Record<string, string> = {
    up: `${plan({})}\n${entry({ file: '../payload.yaml' })}\n`,
    root: `${plan({})}\n${entry({ file: '/tmp/payload.yaml' })}\n`,
    other: `${plan({})}\n${entry({ file: 'campaign.journal' })}\n`,
    negative: `${plan({ seed: -1 })}\n`,
    large: `${plan({ seed: Number.MAX_SAFE_INTEGER })}\n{"done":64,"counts":{}}\n`,
    shard: `${plan({ shard: [2, 1] })}\n`,
  };
  const at = t.testdir({
    'payload.yaml': 'name: payload\nsteps: []\n',
    ...Object.fromEntries(
      Object.entries(journals).map(([name, text]) => [name, { 'campaign.journal': text }]),
    ),
    cut: {
      'campaign.journal': `${plan({})}\n${entry({ text: 'oops\u001b[31m' })}\n{"done":6`,
      'oops-x.yaml': 'x\n',
    },
    lacking: { 'campaign.journal': `${plan({})}\n${entry({})}\n` },
  });
  const merge = (name: string) => hmmSim('fuzz', 'merge', join(at, name), '--out', join(at, 'all'));
  for (const name of Object.keys(journals)) {
    t.strictSame(merge(name), {
      status: 64,
      stdout: '',
      stderr: `hmm-sim: ${at}/${name}/campaign.journal: not the journal of a campaign\n`,
    });
  }
  t.strictSame(merge('lacking'), {
    status: 74,
    stdout: '',
    stderr: `hmm-sim: ${at}/lacking/oops-x.yaml: the journal names it, and it is not there\n`,
  });
  t.equal(existsSync(join(at, 'all')), false, 'nothing is made before all is read');
  const before = contents(join(at, 'cut'));
  t.strictSame(merge('cut'), {
    status: 1,
    stdout:
      '# fuzz kernel 6.12, seed 1: 0 scenarios, 1 finding\noops\\u001b[31m: found once, first by seed 1; 1 step in oops-x.yaml\n',
    stderr: '',
  });
  t.strictSame(contents(join(at, 'cut')), before);
  t.strictSame(contents(join(at, 'all')), { 'oops-x.yaml': 'x\n' });
});

t.test('one campaign at a time in a directory', async (t) => {
  const at = t.testdir({ out: {} });
  const lock = join(at, 'out', 'campaign.lock');
  const run = () =>
    hmmSim('fuzz', '--kernel', '6.12', '--no-check', '--count', '3', '--out', join(at, 'out'));
  const begin = (pid: number): string => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
  };
  const inUse = (who: string) => ({
    status: 64,
    stdout: '',
    stderr: `hmm-sim: --out: ${at}/out is in use by ${who}, as ${lock} says\n`,
  });
  writeFileSync(lock, `${process.pid} ${begin(process.pid)} ${hostname()}\n`);
  t.strictSame(run(), inUse(`process ${process.pid} on ${hostname()}`));
  writeFileSync(lock, '1 2 elsewhere.example\n');
  t.strictSame(run(), inUse('process 1 on elsewhere.example'), 'nobody here knows whether it lives');
  writeFileSync(lock, 'whatever');
  t.strictSame(run(), inUse('another process'));
  // The pid has come again, for another process.
  writeFileSync(lock, `${process.pid} 1 ${hostname()}\n`);
  t.equal(run().status, 0);
  t.strictSame(readdirSync(join(at, 'out')), ['campaign.journal'], 'and nothing of it is left');
});
