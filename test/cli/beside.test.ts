// SPDX-License-Identifier: GPL-2.0-only
/** What a killed process leaves beside files is taken away by the next that writes there, and nothing else is. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { nameBeside } from '../../src/cli/files/beside.js';
import { faulty, hmmSim } from './hmm-sim.js';

const DOCUMENT = 'name: a\nkernel: "6.12"\nsteps: []\n';

t.test('stale files of ours', async (t) => {
  const d = t.testdir({ 'a.yaml': DOCUMENT, 'x.xml': 'old' });
  const args = ['run', '--junit', join(d, 'x.xml'), join(d, 'a.yaml')];
  t.equal(faulty({ at: 1, how: 'kill', only: 'renameSync' }, ...args).status, null);
  const [left, ...others] = readdirSync(d).filter((name) => name.endsWith('.tmp'));
  t.strictSame(others, []);
  const [, base, host, pid, begin, count] =
    /^\.(.*)\.hmm-sim-([0-9a-f]{12})-(\d+)-(\d*)-(\d+)\.tmp$/.exec(left ?? '') ?? [];
  t.equal(base, 'x.xml');
  const kept = [
    // Of this process, which lives.
    nameBeside('x.xml'),
    // Of a process of another host; nobody here knows whether it is gone.
    `.x.xml.hmm-sim-${host?.replace(/./g, (digit) => (digit === '0' ? '1' : '0'))}-${pid}-${begin}-0.tmp`,
    // Somebody else's names.
    `.x.xml.hmm-sim-${host}-${pid}-${begin}-${count}`,
    `x.xml.hmm-sim-${host}-${pid}-${begin}-${count}.tmp`,
    `.longer than ours.hmm-sim-${host}-${pid}-${begin}-${count}.tmp`,
    `.x.xml.hmm-sim-${host}-0-${begin}-${count}.tmp`,
    '.x.xml.tmp',
  ];
  for (const name of kept) writeFileSync(join(d, name), 'kept');
  const directory = `.dir.hmm-sim-${host}-${pid}-${begin}-9.tmp`;
  mkdirSync(join(d, directory));
  // The pid may come again, for another process: that one began at another time.
  const [, , , mine] = /^\.(.*)\.hmm-sim-([0-9a-f]{12})-(\d+)/.exec(nameBeside('x')) ?? [];
  const reused = `.x.hmm-sim-${host}-${mine}-1-0.tmp`;
  if (begin !== '') writeFileSync(join(d, reused), 'stale');
  t.equal(hmmSim(...args).status, 0);
  t.strictSame(readdirSync(d).sort(), ['a.yaml', 'x.xml', directory, ...kept].sort());
});

t.test('a name is short, and whole characters', async (t) => {
  const longest = `${'\u{1F600}'.repeat(60)}.yaml`;
  const name = nameBeside(longest);
  t.ok(Buffer.byteLength(name) < 120, name);
  t.match(name, /^\.\u{1F600}{8}\.hmm-sim-/u);
});
