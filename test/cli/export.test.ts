// SPDX-License-Identifier: GPL-2.0-only
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const step = (expect: object): string => JSON.stringify({ op: 'close', fd: 'd0', ...expect });
const document = (name: string, expect: object): string => `{"name":"${name}","steps":[${step(expect)}]}`;

t.test('a program of all documents that are good, and one line about it', async (t) => {
  const directory = t.testdir({
    'a.jsonl': `${document('first', { expect: { ret: 'EBADF' } })}\n${document('second', {})}\n{"name":"bad"}\n`,
  });
  const file = join(directory, 'a.jsonl');
  const out = join(directory, 'a.c');
  t.strictSame(hmmSim('export', file, '--c', out, '--expect'), {
    status: 64,
    stdout: `${out}: 2 scenarios, 2 steps, 1 test\n`,
    stderr: `${file}:3: steps: missing key "steps", expected a list\n`,
  });
  const text = readFileSync(out, 'utf8');
  t.match(text, /^\/\/ SPDX-License-Identifier: GPL-2.0-only\n\/\*\n \* 2 scenarios, exported by hmm-sim\n/);
  t.match(
    text,
    `
/* first */
static const struct step steps_0[] = {
\t{ .take = take_close,
\t  .json = "{'as':'p0','op':'close','fd':'d0'}",
\t  .expect = EXPECT({ "ret", "'EBADF'" }) },
};
`,
  );
  const { stdout, stderr } = hmmSim('export', file, '--c', '-', '--name', 'second', '--kernel', '6.1');
  t.match(stdout, ' * "second", exported by hmm-sim\n * for the interface of Linux 6.1 (Debian 6.1.192).\n');
  t.equal(stderr, `${file}:3: steps: missing key "steps", expected a list\n`);
});

t.test('what cannot be exported is told in a line, and nothing is written', async (t) => {
  const directory = t.testdir({ 'a.jsonl': document('first', {}) });
  const file = join(directory, 'a.jsonl');
  const out = join(directory, 'a.c');
  const error = (...args: string[]): string => {
    const { status, stdout, stderr } = hmmSim('export', ...args);
    t.strictSame([status, stdout], [64, '']);
    return stderr;
  };
  t.equal(
    error(file, '--c', out, '--expect'),
    'hmm-sim: --expect: no step expects anything (hmm-sim run --update writes what it answers)\n',
  );
  t.equal(error(file, '--c', out, '--name', 'x'), 'hmm-sim: no scenario is named like x\n');
  t.equal(error(`${file}x`, '--c', out), `${file}x: no such file or directory\n`);
  t.equal(existsSync(out), false);
  t.equal(error(file), "hmm-sim: required option '--c <file>' not specified (see hmm-sim export --help)\n");
});
