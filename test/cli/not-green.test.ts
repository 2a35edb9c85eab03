// SPDX-License-Identifier: GPL-2.0-only
/** Nothing that is broken is taken for passed, by whoever reads the stream or the reports. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Parser } from 'tap-parser';
import { noProve } from '../host.js';
import { execute, hmmSim, interruptedAt, type Ran } from './hmm-sim.js';
import { isWellFormed } from './xml.js';

/** What a reader of TAP makes of the stream. */
function verdict(stdout: string): { ok: boolean; bailout: unknown } {
  let result = { ok: false, bailout: false as unknown };
  const parser = new Parser(({ ok, bailout }) => {
    result = { ok, bailout };
  });
  parser.end(stdout);
  return result;
}

const passing = 'name: fine\nsteps: []\n';
const failing = 'name: bad\nsteps:\n  - { op: close, fd: d0, expect: { ret: 0 } }\n';

function reported(directory: string, ran: Ran): { junit: string; ran: Ran } {
  const junit = readFileSync(join(directory, 'x.xml'), 'utf8');
  t.ok(isWellFormed(junit), junit);
  return { junit, ran };
}

t.test('a document that is none', async (t) => {
  const directory = t.testdir({ 'a.yaml': 'name: a\nstepz: []\n', 'b.yaml': passing });
  const ran = hmmSim('run', directory, '--junit', join(directory, 'x.xml'));
  t.equal(ran.status, 64);
  t.match(ran.stdout, `\nok 2 fine\n`);
  t.strictSame(verdict(ran.stdout), { ok: false, bailout: false });
  const { junit } = reported(directory, ran);
  const file = join(directory, 'a.yaml');
  t.match(junit, '<testsuites tests="2" failures="0" errors="1" skipped="0"');
  t.match(junit, `<testcase classname="${file}" name="${file}" file="${file}" line="1" `);
  t.match(junit, /<error message="1:1: steps: missing key &quot;steps&quot;, expected a list">/);
  const lines = hmmSim('run', '--json', directory)
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.strictSame(
    lines.map(({ name, verdict }) => [name, verdict]),
    [
      [file, 'error'],
      ['fine', 'pass'],
    ],
  );
});

t.test('nothing to run', async (t) => {
  const file = join(t.testdir({ 'b.yaml': passing }), 'b.yaml');
  const ran = hmmSim('run', '--name', 'nobody', file);
  t.equal(ran.status, 64);
  t.equal(ran.stdout, 'TAP version 13\nnot ok - bailed out\nBail out! no scenario is named like nobody\n');
  t.strictSame(verdict(ran.stdout), { ok: false, bailout: 'no scenario is named like nobody' });
  t.match(hmmSim('run', '--json', '--name', 'nobody', file).stdout, '{"version":1,"bailedOut":"no scenario');
});

for (const [signal, status, reason] of [
  ['SIGINT', 130, 'interrupted'],
  ['SIGTERM', 143, 'interrupted by SIGTERM'],
  ['SIGHUP', 129, 'interrupted by SIGHUP'],
] as const) {
  t.test(`run, ended by ${signal}`, async (t) => {
    const lines = Array.from({ length: 64 }, (_, n) => `{"name":"s${n}","steps":[]}\n`);
    const directory = t.testdir({ 'a.jsonl': lines.join('') });
    const args = ['run', join(directory, 'a.jsonl'), '--junit', join(directory, 'x.xml')];
    const { ran, junit } = reported(directory, interruptedAt({ text: '\nok 3 ', signal }, ...args));
    t.equal(ran.status, status);
    t.match(ran.stdout, new RegExp(`\nBail out! ${reason}\n$`));
    t.strictSame(verdict(ran.stdout), { ok: false, bailout: reason });
    t.match(junit, `<error message="Bail out! ${reason}"/>`);
  });
}

t.test('smoke, ended by SIGTERM', async (t) => {
  const directory = t.testdir();
  const json = join(directory, 'x.json');
  const args = ['smoke', '--seed', '7', '--json', json, '--junit', join(directory, 'x.xml')];
  const { ran, junit } = reported(directory, interruptedAt({ text: '\nok 3 ', signal: 'SIGTERM' }, ...args));
  t.equal(ran.status, 143);
  t.equal(JSON.parse(readFileSync(json, 'utf8')).bailedOut, 'interrupted by SIGTERM');
  t.match(junit, '<testsuites tests="4" failures="0" errors="1" skipped="0"');
});

t.test('smoke, whose kernel dies with the module', async (t) => {
  const directory = t.testdir();
  const args = ['smoke', '--module-param', 'spm_addr_dev0=0x100000000', '--junit', join(directory, 'x.xml')];
  const { ran, junit } = reported(directory, hmmSim(...args));
  t.equal(ran.status, 1);
  t.match(junit, /<error message="Bail out! the kernel oopsed in dmirror_allocate_chunk /);
});

/** What ends in many ways, as it came out. */
function brokenStreams(directory: string): Readonly<Record<string, string>> {
  const file = (name: string) => join(directory, name);
  const streams = {
    'an invalid document': hmmSim('run', file('invalid.yaml'), file('fine.yaml')),
    'a scenario that fails': hmmSim('run', file('bad.yaml')),
    'no scenario of that name': hmmSim('run', '--name', 'nobody', file('fine.yaml')),
    'a run that is interrupted': interruptedAt('\nok 3 ', 'run', file('many.jsonl')),
    'no test of that name': hmmSim('smoke', '-r', 'nosuch'),
    'no module': hmmSim('smoke', '--no-module', '-f', 'hmm2'),
    'a kernel that dies with the module': hmmSim('smoke', '--module-param', 'spm_addr_dev0=0x100000000'),
    'a suite that is interrupted': interruptedAt('\nok 3 ', 'smoke', '--seed', '7'),
  };
  const texts = Object.entries(streams).map(([name, { stdout }]): [string, string] => [name, stdout]);
  const cut = streams['a suite that is interrupted'].stdout.split('\n').slice(0, 8);
  return Object.fromEntries([...texts, ['a suite that is cut off', `${cut.join('\n')}\n`]]);
}

t.test('no reader takes a broken stream for passed', async (t) => {
  const directory = t.testdir({
    'invalid.yaml': 'name: a\nstepz: []\n',
    'fine.yaml': passing,
    'bad.yaml': failing,
    'many.jsonl': Array.from({ length: 64 }, (_, n) => `{"name":"s${n}","steps":[]}\n`).join(''),
  });
  const streams = brokenStreams(directory);
  const fine = hmmSim('run', join(directory, 'fine.yaml')).stdout;
  t.equal(verdict(fine).ok, true);
  for (const [name, stdout] of Object.entries(streams)) {
    t.equal(verdict(stdout).ok, false, name);
    // tap-junit reads no "Bail out!", and knows of no test but those that are told.
    const promised = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1] ?? 0);
    const told = stdout.split('\n').filter((line) => /^(?:not )?ok\b/.test(line));
    t.ok(
      told.some((line) => line.startsWith('not ok')) || told.length < promised,
      `${name}, as tap-junit reads it`,
    );
    if (/^Bail out!/m.test(stdout)) t.match(stdout, /^not ok - bailed out\nBail out! .+\n$/m);
  }
  t.test('prove', { skip: noProve() }, async (t) => {
    const prove = (text: string): number | null => {
      writeFileSync(join(directory, 'stream.tap'), text);
      return execute('prove', ['-e', 'cat', join(directory, 'stream.tap')]).status;
    };
    t.equal(prove(fine), 0);
    for (const [name, stdout] of Object.entries(streams)) t.not(prove(stdout), 0, name);
  });
});

t.test('names are unique in JUnit', async (t) => {
  const directory = t.testdir({ 'a.jsonl': '{"name":"s","steps":[]}\n'.repeat(3), 'b.yaml': failing });
  const { ran, junit } = reported(
    directory,
    hmmSim('run', directory, '--jobs', '2', '--junit', join(directory, 'x.xml')),
  );
  t.equal(ran.status, 1);
  const names = [...junit.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"/g)].map(
    ([, , name]) => name,
  );
  t.strictSame(names, ['s', 's (line 2)', 's (line 3)', 'bad']);
});

t.test('the checker of XML finds what is none', async (t) => {
  t.strictSame(
    ['<a b="c"><d/></a>', '<a><d></a>', '<a b="<"/>', '<a>&</a>', '<a/><a/>', ''].map(isWellFormed),
    [true, false, false, false, false, false],
  );
});
