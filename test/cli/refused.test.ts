// SPDX-License-Identifier: GPL-2.0-only
/** What the world refuses is one line and 74, and what was there before still is. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noNobody } from '../host.js';
import { bin, execute, faulty, hmmSim, nobody } from './hmm-sim.js';

const DOCUMENT = `name: a
kernel: "6.12"
steps:
  - { op: close, fd: d0, expect: { ret: 0 } }
`;
const UPDATED = DOCUMENT.replace('ret: 0', 'ret: EBADF');

type Case = readonly [option: string, file: string, args: (directory: string) => string[]];

const cases: Readonly<Record<string, Case>> = {
  junit: ['--junit', 'x.xml', (d) => ['run', '--junit', `${d}/x.xml`, `${d}/a.yaml`]],
  runTrace: ['--trace', 'x.txt', (d) => ['run', '--trace', `${d}/x.txt`, `${d}/a.yaml`]],
  trace: ['--trace', 'x.txt', (d) => ['explain', '--trace', `${d}/x.txt`, `${d}/a.yaml`]],
  c: ['--c', 'x.c', (d) => ['export', '--c', `${d}/x.c`, `${d}/a.yaml`]],
  html: ['--html', 'x.html', (d) => ['show', '--html', `${d}/x.html`, `${d}/a.yaml`]],
};

const errors: readonly (readonly [errno: string, call: string, of: string, reason: string])[] = [
  ['ENOSPC', 'writeSync', 'junit', 'no space left on the device'],
  ['ENOSPC', 'writeSync', 'runTrace', 'no space left on the device'],
  ['EIO', 'fsyncSync', 'trace', 'input/output error'],
  ['EACCES', 'openSync', 'c', 'permission denied'],
  ['EBUSY', 'renameSync', 'html', 'in use'],
];

for (const [how, only, of, reason] of errors) {
  t.test(`${how} of ${only}: ${of}`, async (t) => {
    const [option, file, argsIn] = cases[of]!;
    const d = t.testdir({ 'a.yaml': DOCUMENT, [file]: 'old' });
    const { status, stderr } = faulty({ at: 1, how, only }, ...argsIn(d));
    t.strictSame([status, stderr], [74, `hmm-sim: ${option}: cannot write ${d}/${file}: ${reason}\n`]);
    t.equal(readFileSync(join(d, file), 'utf8'), 'old');
    t.strictSame(readdirSync(d).sort(), ['a.yaml', file], 'nothing is left beside');
  });
}

t.test('--update goes on past a file that cannot be written', async (t) => {
  const d = t.testdir({ 'a.yaml': DOCUMENT, 'b.yaml': DOCUMENT, 'c.yaml': DOCUMENT });
  const { status, stderr } = faulty({ at: 2, how: 'EROFS', only: 'renameSync' }, 'run', '--update', d);
  t.equal(status, 74);
  t.equal(
    stderr,
    `hmm-sim: not updated: --update: cannot write ${d}/b.yaml: a read-only file system\nupdated 2 of 3 scenarios, in 2 files; 1 file not written\n`,
  );
  const texts = ['a.yaml', 'b.yaml', 'c.yaml'].map((name) => readFileSync(join(d, name), 'utf8'));
  t.strictSame(texts, [UPDATED, DOCUMENT, UPDATED]);
});

t.test('--update keeps mode, owner and links', async (t) => {
  const d = t.testdir({ 'a.yaml': DOCUMENT });
  const [file, link] = [join(d, 'a.yaml'), join(d, 'link.yaml')];
  chmodSync(file, 0o640);
  symlinkSync('a.yaml', link);
  const { uid, gid, ino } = statSync(file);
  t.equal(hmmSim('run', '--update', link).status, 0);
  t.equal(readlinkSync(link), 'a.yaml');
  const after = lstatSync(file);
  t.strictSame([after.mode & 0o7777, after.uid, after.gid], [0o640, uid, gid]);
  t.not(after.ino, ino, 'another file has its name');
  t.equal(readFileSync(file, 'utf8'), UPDATED);
});

t.test('a link that leads nowhere is followed; a device is written as it is', async (t) => {
  const d = t.testdir({ 'a.yaml': UPDATED });
  symlinkSync('x.xml', join(d, 'link.xml'));
  t.equal(hmmSim('run', '--junit', join(d, 'link.xml'), join(d, 'a.yaml')).status, 0);
  t.match(readFileSync(join(d, 'x.xml'), 'utf8'), '<testsuites tests="1" failures="0"');
  t.equal(readlinkSync(join(d, 'link.xml')), 'x.xml');
  const piped = `"${process.execPath}" "${bin}" run --junit /dev/stdout "${d}/a.yaml" | cat`;
  t.match(execute('sh', ['-c', piped]).stdout, /^TAP version 13\n[\s\S]*<testsuites tests="1"/);
  const shell = `"${process.execPath}" "${bin}" run --junit /dev/stdout "${d}/a.yaml" > "${d}/both"`;
  t.equal(execute('sh', ['-c', shell]).status, 0);
  t.match(
    readFileSync(join(d, 'both'), 'utf8'),
    /^TAP version 13\n[\s\S]*\n<\/testsuites>\n$/,
    'behind the results',
  );
  const fifo = `mkfifo "${d}/f"; cat "${d}/f" > "${d}/got" & "${process.execPath}" "${bin}" run --junit "${d}/f" "${d}/a.yaml"; wait`;
  t.equal(execute('sh', ['-c', fifo]).status, 0);
  t.match(readFileSync(join(d, 'got'), 'utf8'), '<testsuites tests="1"');
  t.equal(statSync(join(d, 'f')).isFIFO(), true);
});

t.test('a document that was edited while it ran stays', async (t) => {
  const d = t.testdir({ 'a.yaml': DOCUMENT, 'b.yaml': DOCUMENT });
  const edit = join(d, 'edit.mjs');
  // Between what is read and what is written: the first file that is written is another one.
  writeFileSync(
    edit,
    `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const rename = fs.renameSync;
fs.renameSync = (...args) => {
  rename(...args);
  fs.appendFileSync(${JSON.stringify(join(d, 'b.yaml'))}, '# mine\\n');
};
syncBuiltinESMExports();
`,
  );
  const args = ['--import', edit, bin, 'run', '--update', `${d}/a.yaml`, `${d}/b.yaml`, `${d}/a.yaml`];
  const { status, stderr } = execute(process.execPath, args);
  t.equal(status, 74);
  t.match(stderr, `hmm-sim: not updated: ${d}/b.yaml: changed while its scenarios ran\n`);
  t.equal(readFileSync(join(d, 'b.yaml'), 'utf8'), `${DOCUMENT}# mine\n`);
  t.equal(readFileSync(join(d, 'a.yaml'), 'utf8'), UPDATED, 'named twice, updated once');
});

t.test('standard output on a full disk', async (t) => {
  const d = t.testdir({ 'a.yaml': UPDATED });
  const commands = [
    'run a.yaml',
    'explain a.yaml',
    'export a.yaml --c -',
    'schema',
    '--help',
    '--version',
    'shrink a.yaml --while "step 0 ret == EBADF"',
  ];
  for (const command of commands) {
    const { status, stderr } = execute(
      'sh',
      ['-c', `exec "${process.execPath}" "${bin}" ${command} > /dev/full`],
      { cwd: d },
    );
    t.equal(status, 74, command);
    t.equal(
      stderr.split('\n').at(-2),
      'hmm-sim: cannot write standard output: no space left on the device',
      command,
    );
    t.notMatch(stderr, 'bug in hmm-sim', command);
  }
  t.equal(
    execute('sh', ['-c', `exec "${process.execPath}" "${bin}" run nothing 2> /dev/full`], { cwd: d }).status,
    74,
  );
});

t.test('a directory, and a directory that a campaign cannot have', async (t) => {
  const d = t.testdir({ 'a.yaml': UPDATED });
  mkdirSync(join(d, 'x.xml'));
  t.match(hmmSim('run', '--junit', join(d, 'x.xml'), join(d, 'a.yaml')), {
    status: 64,
    stdout: '',
    stderr: `hmm-sim: --junit: cannot write ${d}/x.xml: a directory\n`,
  });
  const fuzz = ['fuzz', '--kernel', '6.12', '--no-check', '--count', '10', '--out', join(d, 'out')];
  t.match(faulty({ at: 1, how: 'ENOSPC', only: 'appendFileSync' }, ...fuzz), {
    status: 74,
    stderr: `hmm-sim: --out: cannot write ${d}/out/campaign.journal: no space left on the device\n`,
  });
  t.match(faulty({ at: 1, how: 'EACCES', only: 'mkdirSync' }, ...fuzz.slice(0, -1), join(d, 'other')), {
    status: 74,
    stderr: `hmm-sim: --out: cannot write ${d}/other: permission denied\n`,
  });
});

t.test(
  'what is there and may not be read is 74, what is not there is 64',
  { skip: noNobody() },
  async (t) => {
    const d = t.testdir({ 'a.yaml': UPDATED, 'no.yaml': UPDATED, 'no.js': '', 'no.txt': '', closed: {} });
    const closed = ['no.yaml', 'no.js', 'no.txt', 'closed'].map((name) => join(d, name));
    for (const path of closed) chmodSync(path, 0);
    chmodSync(d, 0o755);
    const as = (...args: string[]) => execute(process.execPath, [bin, ...args], { cwd: d, ...nobody });
    const reason = 'permission denied\n';
    for (const [line, stderr] of [
      ['run no.yaml a.yaml', `no.yaml: ${reason}`],
      ['run --list no.yaml a.yaml', `no.yaml: ${reason}`],
      ['run closed', `closed: ${reason}`],
      ['run none.yaml no.yaml', `none.yaml: no such file or directory\nno.yaml: ${reason}`],
      ['explain no.yaml', `hmm-sim: no.yaml: ${reason}`],
      ['show no.yaml', `hmm-sim: no.yaml: ${reason}`],
      ['export --c - no.yaml', `no.yaml: ${reason}`],
      ['shrink no.yaml', `hmm-sim: no.yaml: ${reason}`],
      ['triage no.txt', `hmm-sim: no.txt: ${reason}`],
      ['trace compare no.txt a.yaml', `hmm-sim: no.txt: ${reason}`],
      ['smoke --suite no.js', `hmm-sim: --suite: no.js: ${reason}`],
      ['fuzz merge closed --out x', `hmm-sim: closed/campaign.journal: cannot be read: ${reason}`],
    ] as const) {
      const ran = as(...line.split(' '));
      t.strictSame([ran.status, ran.stderr], [74, stderr], line);
    }
    t.match(
      as('run', 'no.yaml', 'a.yaml').stdout,
      /\nnot ok 1 no\.yaml\n[\s\S]*\nok 2 a\n/,
      'the others run',
    );
    for (const line of ['run none.yaml', 'explain none.yaml', 'triage none.txt', 'smoke --suite none.js'])
      t.equal(as(...line.split(' ')).status, 64, line);
    for (const path of closed) chmodSync(path, 0o755);
  },
);
