// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim fuzz` as users run it, word for word. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hmmSim, interruptedAt } from './hmm-sim.js';

const fuzz = (...args: string[]) => hmmSim('fuzz', '--kernel', '6.12', '--no-check', ...args);
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

/** Every file of a directory, by name. */
function contents(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

/** The last line, which tells how to go on. */
const LEAST = (args: string, seed: number) =>
  `# the least of it: hmm-sim fuzz ${args} --seed ${seed} --count 1 --out DIR\n`;
const WHY = (file: string) => `# why: hmm-sim explain ${file}\n`;

const HEAD = '# fuzz kernel 6.12, no checkers, seed 1';
const FOUND = [
  'oops in dmirror_do_read: found 4 times, first by seed 4; 6 steps in oops-dmirror_do_read.yaml',
  'hang in __get_user_pages: found once, first by seed 56; 5 steps in hang-__get_user_pages.yaml',
  'oops in dmirror_fops_unlocked_ioctl: found once, first by seed 101; 5 steps in oops-dmirror_fops_unlocked_ioctl.yaml',
];

t.test('a campaign: findings, their files, the journal', async (t) => {
  const out = join(t.testdir(), 'out');
  const first = join(out, 'oops-dmirror_do_read.yaml');
  const stdout = `${HEAD}: 110 scenarios, 3 findings\n${FOUND.join('\n')}\n${WHY(first)}`;
  t.strictSame(fuzz('--count', '110', '--out', out), { status: 1, stdout, stderr: '' });
  const files = contents(out);
  t.strictSame(Object.keys(files), [
    'campaign.journal',
    'hang-__get_user_pages.yaml',
    'oops-dmirror_do_read.yaml',
    'oops-dmirror_fops_unlocked_ioctl.yaml',
  ]);
  t.match(
    files['oops-dmirror_do_read.yaml'],
    /^# yaml-language-server: [^\n]*\nname: oops-dmirror_do_read\nkernel: "6.12"\nsource: "found by fuzz, seed 4, 39 steps: oops in dmirror_do_read: .*"\nsteps:\n/,
  );
  t.match(hmmSim('run', out), { status: 0, stdout: /\n# Totals: pass:3 fail:0 / });
  const counts = {
    'oops-dmirror_do_read': 4,
    'hang-__get_user_pages': 1,
    'oops-dmirror_fops_unlocked_ioctl': 1,
  };
  const journal = linesOf(join(out, 'campaign.journal')).map((line) => JSON.parse(line) as unknown);
  t.strictSame(journal[0], { version: 1, kernel: '6.12', check: false, seed: 1, shard: [1, 1] });
  t.strictSame(journal[1], {
    sort: 'oops-dmirror_do_read',
    text: 'oops in dmirror_do_read',
    seed: 4,
    steps: 6,
    file: 'oops-dmirror_do_read.yaml',
  });
  t.strictSame(journal.at(-1), { done: 110, counts });

  t.strictSame(fuzz('--count', '110', '--out', out), { status: 1, stdout, stderr: '' }, 'nothing left to do');
  t.strictSame(contents(out), files);
});

t.test('without --out, seeds; without findings, 0', async (t) => {
  t.strictSame(fuzz('--count', '10'), {
    status: 1,
    stdout: `${HEAD}: 10 scenarios, 1 finding\noops in dmirror_do_read: found once, first by seed 4\n${LEAST('--kernel 6.12 --no-check', 4)}`,
    stderr: '',
  });
  t.strictSame(hmmSim('fuzz', '--kernel', '6.12', '--count', '3'), {
    status: 0,
    stdout: '# fuzz kernel 6.12, seed 1: 3 scenarios, 0 findings\n',
    stderr: '',
  });
  t.match(fuzz('--time', '0'), { status: 0, stdout: `${HEAD}: 0 scenarios, 0 findings\n` });
});

t.test('another kernel, and a bug', async (t) => {
  t.strictSame(fuzz('--count', '4', '--against', '6.1'), {
    status: 1,
    stdout: [
      '# fuzz kernel 6.12, against 6.1, no checkers, seed 1: 4 scenarios, 2 findings',
      'divergence in pin_longterm_test_start (ret): found once, first by seed 4',
      'oops in dmirror_do_read: found once, first by seed 4',
      LEAST('--kernel 6.12 --against 6.1 --no-check', 4),
    ].join('\n'),
    stderr: '',
  });
  const out = join(t.testdir(), 'out');
  t.strictSame(fuzz('--count', '10', '--bug', 'freed-page-on-lru', '--out', out), {
    status: 1,
    stdout: [
      '# fuzz kernel 6.12, bugs freed-page-on-lru, no checkers, seed 1: 10 scenarios, 1 finding',
      'warning in folio_lruvec: found 3 times, first by seed 4; 4 steps in warning-folio_lruvec.yaml',
      WHY(join(out, 'warning-folio_lruvec.yaml')),
    ].join('\n'),
    stderr: '',
  });
  t.match(hmmSim('run', out), { status: 0 }, 'the warning is expected');
});

t.test('how to go on from a finding of a category, as it is told', async (t) => {
  const { stdout } = hmmSim(
    'fuzz',
    '--kernel',
    '6.12',
    '--category',
    'dax',
    '--bug',
    'dax-truncate-early',
    '--count',
    '3',
  );
  const [, told] = /\n# the least of it: hmm-sim (fuzz .* --out) DIR\n$/.exec(stdout)!;
  const out = join(t.testdir(), 'out');
  const least = hmmSim(...told!.split(' '), out);
  t.equal(least.status, 1);
  const [, why] = /\n# why: hmm-sim (.*)\n$/.exec(least.stdout)!;
  t.match(hmmSim(...why!.split(' ')), { status: 0, stdout: /^# divergence-.* on 6\.12 / });
  const { stdout: differs } = fuzz('--count', '4', '--against', '6.1', '--out', join(out, 'differs'));
  t.match(differs, /\n# why: hmm-sim run --against 6\.1 .*\.yaml\n$/);
});

t.test('an interrupted campaign goes on, and finds what another finds', async (t) => {
  const directory = t.testdir();
  const [whole, parts] = [join(directory, 'whole'), join(directory, 'parts')];
  const { stdout } = fuzz('--count', '400', '--out', whole);

  const journal = join(parts, 'campaign.journal');
  const args = ['fuzz', '--kernel', '6.12', '--no-check', '--count', '400', '--out', parts];
  const interrupted = interruptedAt('"done":64', ...args);
  t.equal(interrupted.status, 130);
  t.match(interrupted.stdout, /^# fuzz [^\n]*: \d+ scenarios, [\s\S]*\n# interrupted\n$/);

  // As a machine that lost its power leaves it.
  appendFileSync(journal, '{"done":9');
  fuzz('--count', '200', '--out', parts);
  t.equal(
    fuzz('--count', '400', '--out', parts).stdout,
    stdout.replace(`explain ${whole}`, `explain ${parts}`),
  );
  const { 'campaign.journal': _, ...scenarios } = contents(parts);
  const { 'campaign.journal': __, ...expected } = contents(whole);
  t.strictSame(scenarios, expected);
});

t.test('shards, merged, are the campaign', async (t) => {
  const directory = t.testdir();
  const at = (name: string): string => join(directory, name);
  for (const shard of ['1', '2', '3']) fuzz('--count', '110', '--shard', `${shard}/3`, '--out', at(shard));
  const merge = (...names: string[]) => hmmSim('fuzz', 'merge', ...names.map(at), '--out', at('all'));
  t.strictSame(merge('1', '2', '3'), {
    status: 1,
    stdout: `${HEAD}: 110 scenarios, 3 findings\n${FOUND.join('\n')}\n`,
    stderr: '',
  });
  fuzz('--count', '110', '--out', at('whole'));
  const { 'campaign.journal': _, ...whole } = contents(at('whole'));
  t.strictSame(contents(at('all')), whole);
  t.equal(merge('1', '3').stdout.split('\n').at(-2), '# 1 of 3 shards are missing');

  const wrong: [names: string[], message: string][] = [
    [['1', '1'], `${at('1')}: shard 1/3, as ${at('1')} is`],
    [['1', 'whole'], `${at('whole')}: another campaign than ${at('1')}: kernel 6.12, no checkers, seed 1`],
    [['1', 'none'], `${at('none')}: no campaign there`],
  ];
  for (const [names, message] of wrong) {
    t.strictSame(merge(...names), { status: 64, stdout: '', stderr: `hmm-sim: ${message}\n` });
  }
});

t.test('mistakes', async (t) => {
  const plan = '{"version":1,"kernel":"6.1","check":true,"seed":1,"shard":[1,2]}\n';
  const at = t.testdir({
    other: { 'campaign.journal': plan },
    bad: { 'campaign.journal': 'nothing\n' },
    file: '',
  });
  const mistakes: [args: string[], message: string][] = [
    [['--out', `${at}/other`], `--out: ${at}/other has a campaign of kernel 6.1, seed 1, shard 1/2`],
    [['--out', `${at}/bad`], `${at}/bad/campaign.journal: not the journal of a campaign`],
    [['--out', `${at}/file/x`], `--out: cannot write ${at}/file/x: not in a directory`],
    [['--out', '/proc/x/y'], '--out: cannot write /proc/x/y: no such directory'],
    [['--shard', '3/2'], '--shard: "3/2" is not one part of several (expected 1/4 ... 4/4)'],
    [['--count', 'many'], '--count: "many" is not a number (expected 64 or 0x40)'],
    [
      ['--against', '6.2'],
      '--against: unknown kernel "6.2" (did you mean "6.1"?); there are rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3',
    ],
    [
      ['--seed', '9007199254740991', '--count', '2'],
      '--seed: expected at most 9007199254740991 for the last of 2 scenarios',
    ],
    [['merge', at], '--out: expected a directory for the findings of all'],
  ];
  for (const [args, message] of mistakes) {
    t.strictSame(fuzz(...args), { status: 64, stdout: '', stderr: `hmm-sim: ${message}\n` });
  }
});

t.test('a category that there is not', async (t) => {
  const { status, stdout, stderr } = fuzz('--category', 'hugfile');
  t.strictSame([status, stdout], [64, '']);
  t.match(
    stderr,
    /^hmm-sim: --category: "hugfile" is none of 6\.12 \(did you mean "hugefile"\?\), expected one of anon, .*, allocator, nouveau, userptr, race, secure\n$/,
  );
});
