// SPDX-License-Identifier: GPL-2.0-only
import { PassThrough } from 'node:stream';
import t from 'tap';
import { type ShellCommandOptions, shellCommand } from '../../src/cli/shell.js';
import type { MachineSource } from '../../src/session/runner.js';
import { KernelBug } from '../../src/sim/errors.js';
import { FakeMachine } from '../session/fake-machine.js';

const fakes: MachineSource = { acquire: () => new FakeMachine(), release: () => {} };

async function script(lines: string, spm: number[] = [], source = fakes) {
  const out: string[] = [];
  const err: string[] = [];
  const input = new PassThrough();
  input.end(lines);
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const options: ShellCommandOptions = { kernel: '6.12' };
  const status = await shellCommand(spm, options, { input, output: new PassThrough() }, output, source);
  return { status, out, err };
}

t.test('a script on standard input: results on stdout, mistakes with their line, status 64', async (t) => {
  t.strictSame(await script('open d0 0\n# a comment\nopne d1\nload r0[0]\n'), {
    status: 64,
    out: ['{ ret: 0 }', '{ pages: [ 0 ] }'],
    err: ['stdin:3: unknown command "opne" (help lists them)'],
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
  t.strictSame(err, [`stdin:3: save: cannot write ${directory}/no/a.yaml (ENOENT)`]);
});

t.test('one address is not enough; a module that oopses ends the session with 1', async (t) => {
  await t.rejects(script('', [0x100000000]), { name: 'UsageError' });
  const dead: MachineSource = {
    acquire: () => {
      throw new KernelBug('dmirror_allocate_chunk', 'NULL resource');
    },
    release: () => {},
  };
  t.strictSame(await script('unpin\n', [], dead), {
    status: 1,
    out: ['# the kernel oopsed while it loaded test_hmm: dmirror_allocate_chunk: NULL resource'],
    err: [],
  });
});
