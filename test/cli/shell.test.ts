// SPDX-License-Identifier: GPL-2.0-only
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import t from 'tap';
import { addMachineOptions, type MachineFlags } from '../../src/cli/machine-options.js';
import { shellCommand } from '../../src/cli/shell.js';
import { History, historyPath } from '../../src/cli/shell-history.js';
import { type ShellMachine, shellMachine } from '../../src/cli/shell-machine.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import type { MachineSource } from '../../src/session/runner.js';
import { KernelBug } from '../../src/sim/errors.js';
import { FakeMachine } from '../session/fake-machine.js';

const fakes: MachineSource = { acquire: () => new FakeMachine(), release: () => {} };

/** The machine of a command line. */
function machine(...args: string[]): ShellMachine {
  const command = addMachineOptions(new Command().exitOverride());
  let built: ShellMachine | undefined;
  command.action((dev0?: string, dev1?: string, flags?: MachineFlags) => {
    const given = [dev0, dev1].filter((text) => text !== undefined);
    built = shellMachine(given, flags!);
  });
  command.parse(['--kernel', '6.12', ...args], { from: 'user' });
  return built!;
}

async function script(lines: string, { args = [] as string[], source = fakes } = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const input = new PassThrough();
  input.end(lines);
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const terminal = { input, output: new PassThrough() };
  const status = await shellCommand(machine(...args), terminal, output, { source });
  return { status, out, err };
}

/** What moves the cursor and clears lines. */
const MOVES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g');

/** One key after the other: what comes at once is taken for pasted. */
const KEY = new RegExp(`${String.fromCharCode(27)}\\[A|[^]`, 'g');

/** A session with somebody at the keyboard: what is written to the terminal after each of `keys`. */
async function conversation(keys: readonly string[], history: History) {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 100 });
  const chunks: string[] = [];
  output.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  const nothing = {
    out: () => t.fail('nothing but the terminal'),
    err: () => t.fail('nothing but the terminal'),
  };
  const ended = shellCommand(machine(), { input, output }, nothing, { source: fakes, history });
  const told: string[] = [];
  const quiet = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    told.push(chunks.splice(0).join('').replaceAll(MOVES, ''));
  };
  await quiet();
  for (const key of keys) {
    for (const one of key.match(KEY)!) {
      input.write(one);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await quiet();
  }
  input.end();
  return { status: await ended, told };
}

t.test('a script on standard input: results on stdout, mistakes with their line, status 64', async (t) => {
  t.strictSame(await script('open d0 0\n# a comment\nopne d1\nload r0[0]\n'), {
    status: 64,
    out: ['{ ret: 0 }', '{ pages: [ 0 ] }'],
    err: ['stdin:3: unknown command "opne" (did you mean "open"?) (help lists them)'],
  });
});

t.test('a script without mistakes; quit ends it', async (t) => {
  t.strictSame(await script('unpin\nquit\nunpin\n'), { status: 0, out: ['{ ret: 0 }'], err: [] });
});

t.test('save writes the file, or says why not', async (t) => {
  const directory = t.testdir({});
  const { status, out, err } = await script(`unpin\nsave ${directory}/a.yaml\nsave ${directory}/no/a.yaml\n`);
  t.equal(status, 64);
  t.strictSame(out, ['{ ret: 0 }', `saved 1 steps to ${directory}/a.yaml`]);
  t.strictSame(err, [`stdin:3: save: cannot write ${directory}/no/a.yaml: no such directory`]);
});

t.test('one address is not enough; a module that oopses ends the session with 1', async (t) => {
  await t.rejects(script('', { args: ['0x100000000'] }), { name: 'UsageError' });
  const dead: MachineSource = {
    acquire: () => {
      throw new KernelBug('dmirror_allocate_chunk', 'NULL resource');
    },
    release: () => {},
  };
  t.strictSame(await script('unpin\n', { source: dead }), {
    status: 1,
    out: ['# the kernel oopsed while it loaded test_hmm: dmirror_allocate_chunk: NULL resource'],
    err: [],
  });
});

t.test('every option of the machine that smoke has', async (t) => {
  t.strictSame(machine().block, { spm: [] });
  const spm = ['0x100000000', '0x140000000'];
  const args = ['--memory', '8G', '--hugepages', '3', '--thp', 'always', '--seed', '7', '--no-module'];
  const bugs = ['--bug', 'dirty-bit-lost', '--fix', 'dead-mirror-loop'];
  const { setup, block } = machine(...spm, ...args, ...bugs, '--check');
  t.strictSame(block, {
    spm,
    memory: 2 ** 33,
    hugepages: 3,
    thp: 'always',
    module: false,
    bugs: ['dirty-bit-lost'],
    fixes: ['dead-mirror-loop'],
    seed: 7,
  });
  t.match(setup, { memory: 2 ** 33, hugepages: 3, thp: 'always', seed: 7, check: true, module: null });
  const odd = machine('--schedule', 'random', '--efi-fake-mem', '1G@0x100000000:0x40000');
  t.equal(odd.setup.schedule, 'random');
  t.strictSame(odd.block, { spm: [], efiFakeMem: ['1G@0x100000000:0x40000'], schedule: 'random' });
  t.strictSame(machine('--no-spm-memory', ...spm).block, { spm, spmMemory: false });
  const one = machine('--module-param', 'spm_addr_dev1=0x140000000');
  t.strictSame(one.block, { spm: [null, '0x140000000'] });
});

t.test('why, page, show, undo and load on a real machine', async (t) => {
  const directory = t.testdir({
    'a.yaml': 'name: a\nkernel: "6.1"\nsteps: [mmap r0 1]\n',
    'b.jsonl': '{"name":"b","steps":[]}\n{"name":"c","steps":["unpin"]}\n',
    'bad.yaml': 'name: a\nsteps:\n  - stroe r0 1\n',
  });
  const lines = [
    'open d0 0',
    'mmap r0 1',
    'store r0 64',
    'MIGRATE d0 r0',
    'why',
    'page r0[0]',
    'show',
    'page r7[0]',
    'undo',
    'load r0',
  ];
  const files = [
    'load DIR/a.yaml',
    'load DIR/b.jsonl',
    'load DIR/b.jsonl c',
    'load DIR/b.jsonl z',
    'load DIR/bad.yaml',
  ];
  const told = await script([...lines, ...files, 'load DIR/no', ''].join('\n').replaceAll('DIR', directory), {
    source: new MachinePool(),
  });
  t.equal(told.status, 64);
  t.strictSame(
    told.err.map((line) => line.replaceAll(directory, 'DIR')),
    [
      'stdin:8: page: nothing is mapped as r7',
      'stdin:12: load: 2 scenarios in DIR/b.jsonl: name one of them',
      'stdin:14: load: no scenario of that name in DIR/b.jsonl',
      'stdin:15: DIR/bad.yaml:3:5: steps[0]: unknown step "stroe" (did you mean "store"?)',
      'stdin:16: DIR/no: no such file or directory',
    ],
  );
  t.strictSame(told.out.slice(0, 8), [
    '{ ret: 0 }',
    '{ ret: 0 }',
    '{ pages: [ ok ] }',
    '{ ret: 0, cpages: 1, faults: 0, data: [ 64 ] }',
    'step 3  p0 MIGRATE_TO_DEV d0 r0[0]: ret 0, cpages 1, faults 0',
    '  r0[0]  migrated  migrate_vma_pages  system pfn 0x103 -> private on hmm_dmirror0 pfn 0x3ffffffff',
    'r0[0] of p0, address 0x200000000000',
    'step 0  p0 open d0 device=0: ret 0',
  ]);
  const text = told.out.join('\n');
  t.match(
    text,
    /p0 r0\[0\] {8}\. {5}S rw {3}P0 - 0rw\nundone: p0 MIGRATE_TO_DEV d0 r0\[0\]; 3 steps are left\n\{ pages: \[ 64 \] \}/,
  );
  t.match(text, 'loaded "a" on 6.1');
  t.equal(told.out.at(-1), 'loaded "c" on 6.1', 'the kernel stays where the document names none');
});

t.test('on a terminal: the prompt after the answer, Tab, Ctrl-C, Ctrl-D, history', async (t) => {
  const directory = t.testdir({});
  const path = `${directory}/state/hmm-sim/history`;
  const keys = ['mmap r0 1\r', 'stroe\r', 'load r\t', '\x03', 'unpi\t\r', '\x1b[A\x1b[A\r', '\x04'];
  const { status, told } = await conversation(keys, new History(path));
  t.equal(status, 0);
  t.equal(told[0], 'hmm-sim shell: "help" lists the commands\np0> ');
  t.match(told[1], /\{ ret: 0 \}\np0> $/);
  t.match(told[2], /# unknown command "stroe" \(did you mean "store"\?\) \(help lists them\)\np0> $/);
  t.match(told[3], /r0$/, 'a region is completed');
  t.match(told[4], /\^C\n.*p0> $/);
  t.match(told[5], /\{ ret: 0 \}\np0> $/, 'and nothing of it is left');
  t.match(told[6], /# unknown command "stroe"/, 'the line before');
  t.equal(told[7], '\n');
  t.equal(readFileSync(path, 'utf8'), 'mmap r0 1\nstroe\nunpin\nstroe\n');
  const again = await conversation(['\x1b[A\x1b[A\r', 'quit\r'], new History(path));
  t.match(again.told[1], /\{ ret: 0 \}\np0> $/, 'a line of the session before');
});

t.test('the file of the history', async (t) => {
  t.equal(historyPath({ XDG_STATE_HOME: '/s' }, '/home/me'), '/s/hmm-sim/history');
  t.equal(historyPath({ XDG_STATE_HOME: 's' }, '/home/me'), '/home/me/.local/state/hmm-sim/history');
  t.equal(historyPath({}, '/home/me'), '/home/me/.local/state/hmm-sim/history');
  const directory = t.testdir({ full: '' });
  const path = `${directory}/full`;
  writeFileSync(path, Array.from({ length: 1999 }, (_, i) => `unpin # ${i}\n`).join(''));
  const history = new History(path);
  t.equal(history.newestFirst.length, 1000);
  t.equal(history.newestFirst[0], 'unpin # 1998');
  for (let i = 0; i < 1200; i++) history.add(`line ${i}`);
  history.add('   ');
  history.add('line 1199');
  history.close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  t.equal(lines.length, 1000);
  t.equal(lines.at(-1), 'line 1199');
  t.equal(lines[0], 'line 200');
  writeFileSync(path, 'x'.repeat(2 ** 20 + 1));
  t.strictSame(new History(path).newestFirst, [], 'no file of ours');
  const nowhere = new History(`${path}/below/a/file`);
  nowhere.add('unpin');
  t.equal(nowhere.newestFirst.length, 1, 'kept for the session alone');
  t.equal(existsSync(`${path}/below`), false);
});
