// SPDX-License-Identifier: GPL-2.0-only
/** What a stranger hands in: one line that says what and where, in bounded memory. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { textOf } from '../../src/cli/input.js';
import { namePattern } from '../../src/cli/name-pattern.js';
import { type RunOptions, runCommand } from '../../src/cli/run.js';
import { PartRunner } from '../../src/cli/run-part.js';
import { readScenarioFileNow } from '../../src/cli/scenario-files.js';
import { walkScenarios } from '../../src/cli/scenario-walk.js';
import { readTextFiles } from '../../src/cli/text-files.js';
import { LIMITS } from '../../src/scenario/limits.js';
import { FakeMachine } from '../session/fake-machine.js';
import { bin, execute, root } from './hmm-sim.js';

const source = { acquire: () => new FakeMachine(() => undefined), release: () => {} };
const good = (name: string): string => `{"name":"${name}","steps":[]}\n`;

async function run(args: string[], options: RunOptions = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const status = await runCommand(args, options, output, source);
  return { status, out, err };
}

t.test('a .gz that inflates without end is left at the limit', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  const directory = t.testdir({
    'a.yaml.gz': bomb,
    'b.jsonl.gz': bomb,
    'c.json.gz': bomb,
    'good.yaml': 'name: g\nsteps: []\n',
  });
  const path = (name: string) => join(directory, name);
  t.strictSame((await run([directory])).err, [
    `${path('a.yaml.gz')}: expected at most 8M bytes (--max-size raises that)`,
    `${path('b.jsonl.gz')}:1: expected at most 8M bytes (--max-size raises that)`,
    `${path('c.json.gz')}: expected at most 8M bytes (--max-size raises that)`,
  ]);
  const { status, err } = await run([path('c.json.gz'), path('good.yaml')]);
  t.equal(status, 64);
  t.strictSame(err, [`${path('c.json.gz')}: expected at most 8M bytes (--max-size raises that)`]);
  t.strictSame(readScenarioFileNow(path('a.yaml.gz')).mistakes, [
    { where: path('a.yaml.gz'), message: 'expected at most 8M bytes (--max-size raises that)' },
  ]);
  const cut = join(
    t.testdir({ 'cut.yaml.gz': gzipSync('name: a\nsteps: []\n').subarray(0, -12) }),
    'cut.yaml.gz',
  );
  t.strictSame((await run([cut])).err, [`${cut}: its compressed data is cut short`]);
});

t.test('more lines than one piece holds, each with its number', async (t) => {
  const limits = { ...LIMITS, bytes: 50_000 };
  const lines = [...Array.from({ length: 9000 }, (_, i) => good(`n${i}`)), 'x\n', good('last')];
  const file = join(t.testdir({ 'a.jsonl': lines.join('') }), 'a.jsonl');
  const { files } = await readTextFiles([file], { limits, keeps: false });
  t.ok(files[0]!.pieces.length >= 3);
  t.equal(files[0]!.text, lines.join(''));
  const { status, out, err } = await run([file], { maxSize: limits });
  t.equal(status, 64);
  t.equal(out[1], '1..9002');
  t.equal(out.at(-2), 'ok 9002 last');
  t.strictSame(err, [`${file}:9001:2: expected one JSON document a line: Unexpected token 'x'`]);
  const { mistakes } = await readTextFiles([file], { limits: { ...limits, bytes: 5000 } });
  t.strictSame(mistakes, [
    { where: file, message: 'expected at most 160000 bytes (--max-size raises that)' },
  ]);
});

t.test('of very many lines the text is kept, and loaded once more', async (t) => {
  const runner = new PartRunner(source, { overrides: {} });
  const part = { file: 'f', syntax: 'jsonl' as const, line: 1 };
  runner.load(0, { ...part, text: `${' '.repeat((1 << 20) - 1)}\n`.repeat(65) + good('a') });
  runner.load(1, { ...part, line: 7, text: good('b') });
  const outcomes = [0, 1].map((index) => [...runner.run(index)].map(({ outcome }) => outcome));
  t.strictSame(outcomes, [
    [{ name: 'a', place: { file: 'f', line: 66 }, notes: [] }],
    [{ name: 'b', place: { file: 'f', line: 7 }, notes: [] }],
  ]);
});

t.test('what is no UTF-8 is told with its line, or its name', async (t) => {
  const wrong = (bytes: Buffer, first?: number): string => {
    try {
      return textOf(bytes, 'f', first);
    } catch (error) {
      return (error as Error).message;
    }
  };
  t.equal(wrong(Buffer.from('name: ä\n')), 'name: ä\n');
  t.equal(wrong(Buffer.from('a\nb\n\xff\n', 'latin1')), 'f:3: expected UTF-8, got other bytes');
  t.equal(wrong(Buffer.from('a\nb\n\xff\n', 'latin1'), 11), 'f:13: expected UTF-8, got other bytes');
  t.equal(wrong(Buffer.from('a\n\xff', 'latin1')), 'f:2: expected UTF-8, got other bytes');
  t.equal(wrong(Buffer.from('a\n\0')), 'f:2: expected text, got a NUL byte');
  t.equal(wrong(Buffer.from('\ufeffname: a', 'utf16le')), 'f: expected UTF-8, got UTF-16 (little endian)');
  t.equal(wrong(Buffer.from('name: a', 'utf16le')), 'f: expected UTF-8, got UTF-16 (little endian)');
  t.equal(wrong(Buffer.from('name: a', 'utf16le').swap16()), 'f: expected UTF-8, got UTF-16 (big endian)');
  t.equal(wrong(Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0])), 'f: expected UTF-8, got UTF-32');
  const random = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * i * 31 + 7 * i + 200) % 256));
  const file = join(t.testdir({ 'random.yaml': random }), 'random.yaml');
  const { status, err } = await run([file]);
  t.equal(status, 64);
  t.strictSame(err, [`${file}:1: expected UTF-8, got other bytes`]);
});

t.test('a directory with what is no file, or may not be read, or has no end', async (t) => {
  const directory = t.testdir({ 'a.yaml': 'name: a\nsteps: []\n' });
  spawnSync('mkfifo', [join(directory, 'b.yaml')]);
  symlinkSync('/dev/zero', join(directory, 'c.json'));
  mkdirSync(join(directory, 'd'));
  symlinkSync('.', join(directory, 'd', 'e.yaml'));
  const { status, out, err } = await run([directory]);
  t.equal(status, 0);
  t.equal(out[2], 'ok 1 a');
  t.strictSame(err, [
    `${directory}/b.yaml: skipped: a FIFO, not a file`,
    `${directory}/c.json: skipped: a device, not a file`,
    `${directory}/d/e.yaml: skipped: a link to a directory, not a file`,
  ]);
  t.strictSame(walkScenarios(directory, 3).mistakes, [
    { where: directory, message: 'expected at most 3 files below a directory' },
  ]);
  t.strictSame(walkScenarios('/proc/self/fdinfo/0').mistakes, [
    { where: '/proc/self/fdinfo/0', message: 'not in a directory' },
  ]);
  const { mistakes } = await readTextFiles(['/dev/zero']);
  t.strictSame(mistakes, [
    { where: '/dev/zero', message: 'expected at most 8M bytes (--max-size raises that)' },
  ]);
});

t.test('a FIFO that is named is read as a stream', async (t) => {
  const fifo = join(t.testdir({}), 'fifo.yaml');
  spawnSync('mkfifo', [fifo]);
  const writer = spawn('sh', ['-c', `printf 'name: a\\nsteps: []\\n' > "${fifo}"`]);
  const { status, out } = await run([fifo]);
  t.equal(status, 0);
  t.equal(out[2], 'ok 1 a');
  writer.kill();
});

t.test('data that comes late on standard input', async (t) => {
  for (const [command, first] of [
    ['run', 'TAP version 13'],
    ['explain', '# a on 6.12 (stdin:1)'],
    ['show', 'a on 6.12'],
  ] as const) {
    const nonblocking = `require('node:child_process').spawn(process.execPath,[${JSON.stringify(bin)},'${command}','-'],{stdio:['pipe','inherit','inherit']}).stdin`;
    const late = `const i=${nonblocking};setTimeout(()=>i.end('name: a\\nkernel: "6.12"\\nsteps: []\\n'),1500)`;
    const { status, stdout, stderr } = execute(process.execPath, ['-e', late], { cwd: root });
    t.equal(stderr, '');
    t.equal(status, 0);
    t.match(stdout.split('\n')[0], first);
  }
});

t.test('patterns with many stars', async (t) => {
  const many = namePattern('*a*a*a*a*a*a*a*a*b');
  t.equal(many('a'.repeat(5000)), false);
  t.equal(many(`${'a'.repeat(5000)}b`), true);
  const yes = [
    ['*', ''],
    ['a*', 'a'],
    ['*b', 'aab'],
    ['a?c', 'abc'],
    ['a*b*c', 'axxbyyc'],
    ['?', '😀'],
    ['a.*', 'a.b'],
    ['**', 'x'],
  ];
  const no = [
    ['a*', 'ba'],
    ['?', ''],
    ['a?c', 'ac'],
    ['a*b*c', 'axxcyyb'],
    ['a.*', 'ab'],
    ['*a?', 'a'],
  ];
  for (const [pattern, name] of yes) t.equal(namePattern(pattern)(name!), true, `${pattern} ${name}`);
  for (const [pattern, name] of no) t.equal(namePattern(pattern)(name!), false, `${pattern} ${name}`);
});

t.test('--max-size', async (t) => {
  const { status, stderr } = execute(process.execPath, [bin, 'run', '--max-size', '1T', 'x.yaml'], {});
  t.equal(status, 64);
  t.equal(stderr, 'hmm-sim: --max-size: expected 1 to 256M, got 1T\n');
});
