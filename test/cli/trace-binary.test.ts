// SPDX-License-Identifier: GPL-2.0-only
/** --trace FILE.dat and FILE.data, as the tools read them that they are for: those print what our text says. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import t from 'tap';
import { noPerf, noTraceCmd } from '../host.js';
import { hmmSim } from './hmm-sim.js';

const scenario = (name: string, kernel: string): string => `name: ${name}
kernel: "${kernel}"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 16, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 16, word: 1 }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 16 }
  - { op: fork, child: p1 }
  - { as: p1, op: load, region: r0, page: 0, pages: 16 }
  - { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 16 }
`;

const FILES = {
  'a.yaml': scenario('there and back', '6.12'),
  'b.yaml': scenario('before', 'v5-generic'),
  'c.yaml': scenario('after', '7.3'),
};

interface Event {
  readonly task: string;
  readonly time?: string;
  readonly text: string;
}

/** The lines of our text; those of a kernel's text have no more. */
function textEvents(path: string): Event[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, task, time, text] = /^ *(\S.*)-\d+ +\[000\] \.{5} +(\d+\.\d{6}): (.*)$/.exec(line) ?? [];
    return task === undefined ? [] : [{ task, time: time!, text: text! }];
  });
}

/** Arguments of a system call: 7.3 says of numbers from 10 on that they are hexadecimal. */
function plain(text: string, kernel: string): string {
  const told = text.replaceAll(/\b0x0*(?=[0-9a-f])/g, '');
  return kernel === '7.3' ? told.replaceAll(/(?<=: )([0-9a-f]{2,}|[a-f])\b/g, '0x$1') : told;
}

/** As the trace file of `kernel` has what libtraceevent prints. */
function asText(kernel: string, name: string, text: string): string {
  if (name === 'print') return text;
  const own = /^hmm_sim_(.*)$/.exec(name);
  if (own !== null) return `hmm_sim:${own[1]}: ${text}`;
  const syscall = /^sys_(enter|exit)_(.*)$/.exec(name);
  if (syscall === null) return `${name}: ${text.replace('page=0x', 'page=')}`;
  if (syscall[1] === 'exit') return `sys_${syscall[2]} -> ${text}`;
  return `sys_${syscall[2]}(${plain(text, kernel)})`;
}

function output(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

/** The events of a report, without what tells of machines, which is a comment in text. */
function reportEvents(kernel: string, report: string): Event[] {
  const [head, ...lines] = report.trimEnd().split('\n');
  if (head !== 'cpus=1') throw new Error(`a report that begins with ${head}`);
  const events = lines.map((line) => {
    const [, task, time, name, text] =
      /^ *(\S.*)-\d+ +\[000\] +(\d+\.\d{6}): (\w+): +(.*?) *$/.exec(line) ?? [];
    if (task === undefined) throw new Error(`no line of a report: ${line}`);
    return { task, time: time!, text: asText(kernel, name!, text!) };
  });
  return events.filter(({ text }) => !text.startsWith('tracing_mark_write: # '));
}

t.test('the same bytes each time, from run, explain and smoke', async (t) => {
  const directory = t.testdir(FILES);
  const at = (name: string): string => `${directory}/${name}`;
  for (const end of ['dat', 'data']) {
    const [ran, explained] = ['ran', 'explained'].map((name) => at(`${name}.${end}`));
    t.strictSame(hmmSim('run', at('a.yaml'), '--trace', ran!).status, 0);
    t.strictSame(hmmSim('explain', at('a.yaml'), '--trace', explained!).status, 0);
    const bytes = readFileSync(ran!);
    t.ok(bytes.length > 4096);
    t.ok(bytes.equals(readFileSync(explained!)));
  }
  const args = ['smoke', '--seed', '1', '-r', 'hmm.hmm_device_private.anon_read', '--kernel', '6.12'];
  t.equal(hmmSim(...args, '--trace', at('s.dat'), '--trace-functions', at('f.dat')).status, 0);
  for (const name of ['s.dat', 'f.dat'])
    t.equal(readFileSync(at(name)).toString('latin1', 0, 12), '\x17\x08\x44tracing6\0');
});

t.test('what is wrong is one line', async (t) => {
  const directory = t.testdir(FILES);
  const run = (path: string, option = '--trace') => {
    const { status, stderr } = hmmSim('run', `${directory}/a.yaml`, option, path);
    return [status, stderr];
  };
  const expected = 'expected a name in .txt, .jsonl, .json, .dat or .data';
  t.strictSame(run('x.foo'), [64, `hmm-sim: --trace: "x.foo" names no format (${expected})\n`]);
  const full = `${directory}/full.dat`;
  symlinkSync('/dev/full', full);
  const regular = 'expected one, because the head of a binary trace is written last';
  for (const option of ['--trace', '--trace-functions'])
    t.strictSame(run(full, option), [64, `hmm-sim: ${option}: "${full}" is no regular file (${regular})\n`]);
  mkdirSync(`${directory}/d.dat`);
  t.strictSame(run(`${directory}/d.dat`)[0], 64);
  t.match(run(`${directory}/d.dat`)[1], /^[^\n]*cannot write [^\n]*d\.dat: [^\n]*directory\n$/);
});

t.test('trace-cmd reports what the text says', { skip: noTraceCmd() }, async (t) => {
  const directory = t.testdir(FILES);
  const at = (name: string): string => `${directory}/${name}`;
  for (const [file, kernel] of Object.entries({
    'a.yaml': '6.12',
    'b.yaml': 'v5-generic',
    'c.yaml': '7.3',
  })) {
    for (const name of ['t.txt', 't.dat']) t.equal(hmmSim('run', at(file), '--trace', at(name)).status, 0);
    const told = textEvents(at('t.txt'));
    t.strictSame(reportEvents(kernel, output('trace-cmd', 'report', at('t.dat'))), told, kernel);
    t.ok(told.length > 100);
  }
  const report = output('trace-cmd', 'report', '-l', at('t.dat'));
  t.notMatch(report, /\[FAILED|UNKNOWN|MISSED|LOST|UNEXPECTED/i);

  const both = [at('a.yaml'), at('b.yaml')];
  t.equal(hmmSim('run', ...both, '--trace-functions', at('f.dat')).status, 0);
  spawnSync('sh', ['-c', `trace-cmd report ${at('f.dat')} > ${at('f.report')}`]);
  t.strictSame(hmmSim('trace', 'compare', at('f.report'), ...both), {
    status: 0,
    stdout: '# 12 of 12 steps in 2 scenarios take the same path\n',
    stderr: '',
  });
});

t.test('perf script prints what the text says', { skip: noPerf() }, async (t) => {
  const directory = t.testdir(FILES);
  const at = (name: string): string => `${directory}/${name}`;
  const both = [at('a.yaml'), at('b.yaml')];
  for (const name of ['t.txt', 't.data']) t.equal(hmmSim('run', ...both, '--trace', at(name)).status, 0);
  const lines = output('perf', 'script', '-f', '-i', at('t.data')).trimEnd().split('\n');
  const events = lines.map((line) => {
    const [, task, system, name, text] =
      /^ *(\S.*?) +\d+ \[000\] +\d+\.\d{6}: +(\w+):(\w+): (.*?) *$/.exec(line) ?? [];
    if (task === undefined) throw new Error(`no line of perf: ${line}`);
    if (system === 'hmm_sim') t.match(name, /^hmm_sim_/);
    return { task, text: asText('6.12', name!, text!) };
  });
  t.strictSame(
    events.filter(({ text }) => !text.startsWith('tracing_mark_write: # ')),
    textEvents(at('t.txt')).map(({ task, text }) => ({ task, text })),
  );
});

t.test(
  'of 7.3 they read what a program writes, whose print format they do not know',
  { skip: noTraceCmd() },
  async (t) => {
    const path = t.testdir({
      'io.yaml': `name: io
kernel: "7.3"
steps:
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 1, word: 0x2000001 }
  - { op: write, region: r0, page: 0, pages: 1 }
`,
    });
    t.equal(hmmSim('run', `${path}/io.yaml`, '--trace', `${path}/t.dat`).status, 0);
    const lines = output('trace-cmd', 'report', `${path}/t.dat`).split('\n');
    const raw = lines.filter((line) => line.includes('sys_enter_pwrite64'));
    const bytes = `${'01, 00, 00, 02, '.repeat(15)}01, 00, 00`;
    t.equal(raw.length, 1);
    t.match(raw[0], `__syscall_nr=18 fd=4 buf=0x200000000000 count=4096 pos=0 __buf_val=ARRAY[${bytes}]`);
  },
);
