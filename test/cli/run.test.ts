// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { namePattern } from '../../src/cli/name-pattern.js';
import { type RunOptions, runCommand } from '../../src/cli/run.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import type { MachineSource } from '../../src/session/runner.js';
import { KernelBug } from '../../src/sim/errors.js';
import { EBADF } from '../../src/uapi/errno.js';
import { FakeMachine } from '../session/fake-machine.js';

/** Machines where closing fd -1 fails and minor 9 oopses; 6.1 gives the first close another answer. */
const source: MachineSource = {
  acquire: ({ generation }) =>
    new FakeMachine(({ name, args }) => {
      if (name === 'open' && args[0] === '/dev/hmm_dmirror9')
        throw new KernelBug('chrdev_open', 'no such minor');
      return name === 'close' && (args[0] === -1 || generation.id === '6.1') ? -EBADF : undefined;
    }),
  release: () => {},
};

async function run(args: string[], options: RunOptions = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const status = await runCommand(args, options, output, source);
  return { status, out, err };
}

const closing = (name: string, ret: unknown): string =>
  JSON.stringify({ name, kernel: '6.12', steps: [{ op: 'close', fd: 'd0', expect: { ret } }] });
const good = closing('good', 'EBADF');
const bad = closing('bad', 0);

t.test('KTAP, one test a scenario; the status says whether all passed', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': `${good}\n${closing('again', 'EBADF')}\n` }), 'a.jsonl');
  t.strictSame(await run([file]), {
    status: 0,
    out: [
      'TAP version 13',
      '1..2',
      'ok 1 good',
      'ok 2 again',
      '# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0',
    ],
    err: [],
  });
  const failing = join(t.testdir({ 'b.json': bad }), 'b.json');
  const { status, out } = await run([failing]);
  t.equal(status, 1);
  t.strictSame(out.slice(2, 8), [
    'not ok 1 bad',
    '  ---',
    `  file: ${failing}`,
    '  line: 1',
    '  step: 0',
    '  run: { op: close, fd: d0 }',
  ]);
});

t.test('directories in the order of names, compressed files, and what is none', async (t) => {
  const directory = t.testdir({
    'b.jsonl.gz': gzipSync(`${closing('second', 'EBADF')}\n`),
    'a.yaml': 'name: first\nsteps: []\n',
    'notes.txt': 'not a scenario',
    sub: { 'c.yml': 'name: third\nsteps: []\n' },
  });
  const { status, out } = await run([directory]);
  t.equal(status, 0);
  t.strictSame(out.slice(2, 5), ['ok 1 first', 'ok 2 second', 'ok 3 third']);
});

t.test('of a directory, only what can be a scenario', async (t) => {
  const directory = t.testdir({
    'package.json': '{"name":"x","scripts":{}}',
    'list.json': '[1]',
    'good.json': good,
    'cut.json': '{"name":"cut","steps":[',
    '.github': { 'ci.yaml': 'on: push\n' },
    node_modules: { 'a.yaml': 'a: 1\n' },
  });
  const { status, out, err } = await run([directory]);
  t.equal(status, 64);
  t.match(err, [/^\S+cut\.json:1:\d+: expected a JSON document/]);
  t.equal(out[1], '1..2');
  t.equal(out.at(-1), '# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:1');
  t.match((await run([join(directory, 'package.json')])).err, /package\.json/, 'one that is named is taken');
});

t.test('bad documents are told, the others run, and the status is 64', async (t) => {
  const directory = t.testdir({
    'a.jsonl': `${bad}\n{"name":"x","steps":[{"op":"exit","expct":{}}]}\n`,
    empty: {},
  });
  const file = join(directory, 'a.jsonl');
  const { status, out, err } = await run([file, join(directory, 'nothing.yaml'), join(directory, 'empty')]);
  t.equal(status, 64);
  t.strictSame(err, [
    `${join(directory, 'nothing.yaml')}: no such file or directory`,
    `${join(directory, 'empty')}: expected scenarios there (*.yaml, *.yml, *.jsonl, or *.json with steps, .gz or not)`,
    `${file}:2: steps[0].expct: unknown key "expct" (did you mean "expect"?), expected one of as, op, expect`,
  ]);
  t.strictSame(out.slice(0, 9), [
    'TAP version 13',
    '1..4',
    `not ok 1 ${join(directory, 'nothing.yaml')}`,
    '  ---',
    `  file: ${join(directory, 'nothing.yaml')}`,
    '  line: 1',
    '  invalid: [ no such file or directory ]',
    '  ...',
    `not ok 2 ${join(directory, 'empty')}`,
  ]);
  t.strictSame(out.slice(-7), [
    `not ok 4 ${file}:2`,
    '  ---',
    `  file: ${file}`,
    '  line: 2',
    `  invalid: [ 'steps[0].expct: unknown key "expct" (did you mean "expect"?), expected one of as, op, expect' ]`,
    '  ...',
    '# Totals: pass:0 fail:1 xfail:0 xpass:0 skip:0 error:3',
  ]);
});

t.test('after ten mistakes, how many more', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': '{}\n'.repeat(13) }), 'a.jsonl');
  const { status, out, err } = await run([file]);
  t.equal(status, 64);
  t.equal(err.length, 11);
  t.equal(err.at(-1), `and ${13 * 2 - 10} more`);
  t.equal(out.at(-1), '# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:0 error:13');
});

t.test('a machine that cannot be built is a bad document', async (t) => {
  const file = join(t.testdir({ 'a.yaml': 'name: a\nmachine: { spm: [ 0x123 ] }\nsteps: []\n' }), 'a.yaml');
  const { status, err } = await run([file]);
  t.equal(status, 64);
  t.match(err, [new RegExp(`^${file}:1: machine: spm_addr_dev0: `)]);
});

t.test('--json: a line each, with a version', async (t) => {
  const file = join(t.testdir({ 'a.json': bad }), 'a.json');
  const line = { version: 1, name: 'bad', kernel: '6.12', results: [{ ret: 'EBADF' }], verdict: 'fail' };
  const { status, out } = await run([file], { json: true });
  t.equal(status, 1);
  t.strictSame(
    out.map((text) => JSON.parse(text)),
    [line],
  );
});

t.test('--name, with and without wildcards; --bail skips the rest', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': [good, bad, closing('goodbye', 0)].join('\n') }), 'a.jsonl');
  t.strictSame(
    (await run([file], { name: 'good' })).out.at(-1),
    '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0',
  );
  t.strictSame(
    (await run([file], { name: 'g??d' })).out.at(-1),
    '# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0',
  );
  const { status, out } = await run([file], { bail: true });
  t.equal(status, 1);
  t.strictSame(out.slice(-2), [
    'ok 3 goodbye # SKIP an earlier scenario failed (--bail)',
    '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0',
  ]);
  await t.rejects(run([file], { name: 'nobody' }), {
    name: 'UsageError',
    message: 'no scenario is named like nobody',
  });
});

t.test('--update writes what came, compressed where the file is', async (t) => {
  const directory = t.testdir({
    'a.yaml':
      '# why\nname: a\nsteps:\n  - { op: close, fd: d0, expect: { ret: 0 } } # first\n  - { op: open, fd: d0, device: 9 }\n',
    'b.jsonl.gz': gzipSync(`${bad}\n${good}\n`),
  });
  const first = await run([directory], { update: true });
  t.equal(first.status, 0);
  t.equal(first.out.filter((line) => line.startsWith('not ok')).length, 2, 'what changed is told');
  t.strictSame(first.err, ['updated 2 of 3 scenarios, in 2 files']);
  t.strictSame((await run([directory], { update: true })).err, ['updated 0 of 3 scenarios, in 0 files']);
  t.equal(
    readFileSync(join(directory, 'a.yaml'), 'utf8'),
    '# why\nname: a\nsteps:\n  - { op: close, fd: d0, expect: { ret: EBADF } } # first\n  - { op: open, fd: d0, device: 9, expect: { oops: chrdev_open } }\n',
  );
  const text = gunzipSync(readFileSync(join(directory, 'b.jsonl.gz'))).toString();
  t.equal(text, `${closing('bad', 'EBADF')}\n${good}\n`);
  t.equal((await run([directory])).status, 0);
  await t.rejects(run(['-'], { update: true }), { message: '--update: standard input cannot be updated' });
});

t.test('--update: what no expectation of a step can settle fails still', async (t) => {
  const steps = [{ op: 'close', fd: 'd0', expect: { ret: 0 } }];
  const file = join(t.testdir({ 'a.json': JSON.stringify({ name: 'a', dmesg: ['gone'], steps }) }), 'a.json');
  const { status, err } = await run([file], { update: true });
  t.equal(status, 1);
  t.strictSame(err, ['updated 1 of 1 scenario, in 1 file; 1 failure cannot be expected']);
});

t.test('--against: where another kernel answers differently', async (t) => {
  const steps = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'close', fd: 'd0' },
  ];
  const file = join(t.testdir({ 'a.json': JSON.stringify({ name: 'a', kernel: '6.12', steps }) }), 'a.json');
  const { status, out } = await run([file], { against: '6.1' });
  t.equal(status, 0);
  t.strictSame(out.slice(2, -1), [
    'ok 1 a',
    '# step 1 {"op":"close","fd":"d0"}',
    '#   6.12: {"ret":0}',
    '#   6.1: {"ret":"EBADF"}',
    '#   no change that is known here makes these equal',
  ]);
});

t.test('--against: which change did it, in text and in JSON', async (t) => {
  const steps = [
    { op: 'mmap', region: 'r0', pages: 4, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'madvise', region: 'r0', page: 0, pages: 4, advice: 'guard_install' },
    { op: 'load', region: 'r0', page: 0, pages: 1 },
  ];
  const file = join(t.testdir({ 'a.json': JSON.stringify({ name: 'a', kernel: '6.12', steps }) }), 'a.json');
  const lines = async (options: RunOptions) => {
    const out: string[] = [];
    const output = { out: (line: string) => void out.push(line), err: () => {} };
    t.equal(await runCommand([file], { against: '7.3', ...options }, output, new MachinePool()), 0);
    return out;
  };
  const what = 'there are MADV_GUARD_INSTALL and MADV_GUARD_REMOVE';
  const because = `#   because of madviseGuards (mm/madvise.c madvise_behavior_valid, since 6.13): ${what}`;
  t.strictSame((await lines({})).slice(2, -1), [
    'ok 1 a',
    '# step 1 {"op":"madvise","region":"r0","page":0,"pages":4,"advice":"guard_install"}',
    '#   6.12: {"ret":"EINVAL"}',
    '#   7.3: {"ret":0}',
    because,
    '# step 2 {"op":"load","region":"r0","page":0,"pages":1}',
    '#   6.12: {"pages":[0]}',
    '#   7.3: {"pages":["SIGSEGV"]}',
    because,
  ]);
  const source = 'mm/madvise.c madvise_behavior_valid';
  const changes = [{ behaviour: 'madviseGuards', source, version: '6.13', what }];
  t.strictSame(JSON.parse((await lines({ json: true }))[0]!).against.causes, [
    { step: 1, changes },
    { step: 2, changes },
  ]);
});

t.test('--junit: a file that cannot be written is told before the run', async (t) => {
  const directory = t.testdir({ 'a.jsonl': `${good}\n${bad}\n` });
  const file = join(directory, 'a.jsonl');
  await t.rejects(run([file], { junit: join(directory, 'no', 'x.xml') }), { name: 'UsageError' });
  const junit = join(directory, 'x.xml');
  await run([file], { junit });
  t.match(readFileSync(junit, 'utf8'), `<testcase classname="${file}" name="good" file="${file}" line="1"`);
  t.match(readFileSync(junit, 'utf8'), /<testsuites tests="2" failures="1" errors="0" skipped="0"/);
});

t.test('name patterns', (t) => {
  t.equal(namePattern('a.c')('xa.cy'), true);
  t.equal(namePattern('a.c')('abc'), false);
  t.equal(namePattern('a*c')('abbc'), true);
  t.equal(namePattern('a*c')('xabbc'), false);
  t.equal(namePattern('a.?')('abc'), false);
  t.equal(namePattern(undefined)(''), true);
  t.end();
});

t.test('a bug of ours in one scenario: the others run, reports have it, and it is told', async (t) => {
  const directory = t.testdir({ 'a.jsonl': `${closing('first', 'EBADF')}\n${good}\n${bad}\n` });
  const file = join(directory, 'a.jsonl');
  const broken: MachineSource = {
    acquire: (_, name) =>
      new FakeMachine((call) => {
        if (name === 'good') throw new TypeError('boom');
        return call.name === 'close' ? -EBADF : undefined;
      }),
    release: () => {},
  };
  const junit = join(directory, 'x.xml');
  const out: string[] = [];
  const output = { out: (line: string) => void out.push(line), err: () => {} };
  await t.rejects(runCommand([file], { junit }, output, broken), { message: 'scenario "good": boom' });
  t.strictSame(out.slice(2, 8), [
    'ok 1 first',
    'not ok 2 good',
    '  ---',
    `  file: ${file}`,
    '  line: 2',
    '  internal: boom',
  ]);
  t.equal(out.at(-1), '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:1');
  const xml = readFileSync(junit, 'utf8');
  t.match(xml, '<testsuites tests="3" failures="1" errors="1" skipped="0"');
  t.match(xml, '<error message="internal error: boom">');
  t.notMatch(xml, 'bailed');
  out.length = 0;
  await t.rejects(runCommand([file], { json: true }, output, broken));
  t.equal(out[1], '{"version":1,"name":"good","verdict":"error","reasons":["internal error: boom"]}');
  t.equal(out.length, 3);
});

t.test('a file without scenarios', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': '' }), 'a.jsonl');
  await t.rejects(run([file]), { name: 'UsageError', message: 'no scenarios there' });
});
