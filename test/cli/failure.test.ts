// SPDX-License-Identifier: GPL-2.0-only
import { CommanderError } from 'commander';
import t from 'tap';
import { InternalError, oneLine, present } from '../../src/cli/failure.js';
import { UsageError } from '../../src/sim/errors.js';

t.test('a mistake of the user is one line', async (t) => {
  t.same(present(new UsageError('"x" is not a number', '--seed')), {
    exitCode: 64,
    lines: ['hmm-sim: --seed: "x" is not a number'],
  });
});

t.test('commander has said it already', async (t) => {
  t.same(present(new CommanderError(1, 'commander.unknownOption', 'error: x')), { exitCode: 64, lines: [] });
  t.same(present(new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)')), {
    exitCode: 0,
    lines: [],
  });
});

t.test('our own bug says so, and how to meet it again', async (t) => {
  const cause = new TypeError('x is not a function');
  const { exitCode, lines } = present(new InternalError(cause, 7, ['smoke', '-t', "it's", '--seed', '7']));
  t.equal(exitCode, 70);
  t.same(lines.slice(0, 3), [
    'hmm-sim: internal error: x is not a function',
    'This is a bug in hmm-sim, not in what it runs.',
    "seed 7; to reproduce: hmm-sim smoke -t 'it'\\''s' --seed 7",
  ]);
  t.equal(lines[3], cause.stack);
});

t.test('a bug before there is a seed', async (t) => {
  t.same(present('thrown text'), {
    exitCode: 70,
    lines: ['hmm-sim: internal error: thrown text', 'This is a bug in hmm-sim, not in what it runs.'],
  });
});

t.test('complaints of commander become one line', async (t) => {
  t.equal(
    oneLine("error: unknown option '--sed'\n(Did you mean --seed?)\n"),
    "hmm-sim: unknown option '--sed' (Did you mean --seed?)\n",
  );
  t.equal(oneLine("error: unknown command 'x'\n"), "hmm-sim: unknown command 'x' (see hmm-sim --help)\n");
});
