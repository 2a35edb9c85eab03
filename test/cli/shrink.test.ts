// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim shrink` as users run it, word for word. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { hmmSim, interruptedAt } from './hmm-sim.js';

const REASON =
  'unable to handle page fault: the device table of hmm_dmirror0 holds the unaddressable device private page 0x3ffffffff, which dmirror_do_fault stored';

const PINNED = `# Pages 1 and 2 stay where they are.
name: pinned
kernel: "6.12"
steps:
  - { op: open, fd: d3, device: 0 }
  - { op: mmap, region: r7, pages: 12, prot: rw, share: private, backing: anon }
  - { op: store, region: r7, page: 0, pages: 12, word: 64 }
  - { op: pin, region: r7, page: 1, pages: 2, write: true }
  - { op: load, region: r7, page: 0, pages: 4 }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d3, region: r7, page: 0, pages: 8, expect: { ret: 0 } }
  - { op: pagemap, region: r7, page: 0, pages: 8 }
`;

t.test('the scenario of a seed, by how it ends', async (t) => {
  t.strictSame(hmmSim('shrink', 'seed:4', '--kernel', '6.12'), {
    status: 0,
    stdout: `# yaml-language-server: $schema=hmm-sim.schema.json
name: generated-gup-4
kernel: "6.12"
source: "shrunk from seed:4, 39 steps: oops in dmirror_do_read: ${REASON}"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 2, prot: rw, share: private, backing: anon }
  - { op: load, region: r0, page: 0, pages: 1 }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 1, pages: 1 }
  - { op: ioctl, cmd: WRITE, fd: d0, region: r0, page: 0, pages: 1, word: 64 }
  - { op: ioctl, cmd: READ, fd: d0, region: r0, page: 1, pages: 1, expect: { oops: dmirror_do_read } }
`,
    stderr: 'shrinking 39 steps: oops in dmirror_do_read\n6 steps are left after 75 runs\n',
  });
});

t.test('the scenario of a seed of a category', async (t) => {
  const ran = hmmSim('shrink', 'seed:10', '--kernel', 'v5-generic', '--category', 'hugemove');
  t.match(ran, {
    status: 0,
    stdout: /\nname: generated-hugemove-10\n/,
    stderr: /^shrinking 45 steps: hang in dmirror_do_read\n4 steps are/,
  });
  t.match(hmmSim('shrink', 'seed:1', '--category', 'secure'), {
    status: 64,
    stderr: /: nothing is wrong with the scenario: /,
  });
  for (const [args, message] of [
    [
      ['seed:1', '--category', 'secur'],
      '--category: "secur" is none of v5-generic (did you mean "secure"?), expected one of ',
    ],
    [
      ['x.yaml', '--category', 'secure'],
      '--category: x.yaml is no scenario that fuzz makes: expected seed:N\n',
    ],
  ] as const) {
    const { status, stdout, stderr } = hmmSim('shrink', ...args);
    t.strictSame([status, stdout, stderr.startsWith(`hmm-sim: ${message}`)], [64, '', true], stderr);
  }
});

const steps = (expect: string): string => `steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: anon }
  - { op: pin, region: r0, page: 0, pages: 1, write: false }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 1${expect} }
`;

t.test('an expectation that fails, a condition, another kernel', async (t) => {
  const file = join(t.testdir({ 'pinned.yaml': PINNED }), 'pinned.yaml');
  const head = `# yaml-language-server: $schema=hmm-sim.schema.json\nname: pinned\nkernel: "6.12"\nsource: "shrunk from ${file}, 7 steps: `;
  const fails = 'step 5 expects ret 0, gets "ENOENT"';
  t.strictSame(hmmSim('shrink', file), {
    status: 0,
    stdout: `${head.replace('"shrunk', "'shrunk")}${fails}'\n${steps(', expect: { ret: 0 }')}`,
    stderr: `shrinking 7 steps: ${fails}\n4 steps are left after 26 runs\n`,
  });
  t.equal(
    hmmSim('shrink', file, '--while', 'step 5 ret == ENOENT').stdout,
    `${head}step 5 ret == ENOENT"\n${steps(', expect: { ret: ENOENT }')}`,
  );
  const { stdout } = hmmSim('shrink', file, '--not-equal-to', '6.1');
  t.match(stdout, 'divergence in pin_longterm_test_start (ret): {"ret":"EFAULT"}, not {"ret":"EINVAL"}');
});

t.test('a machine without its module stays without it', async (t) => {
  const text = `# yaml-language-server: $schema=hmm-sim.schema.json
name: unloaded
kernel: "6.12"
machine: { bugs: [coherent-minor-unset] }
load: { ret: ENOMEM }
steps:
  - { op: fork, child: p1 }
  - { op: open, fd: d0, device: 0, expect: { ret: 0 } }
`;
  const file = join(t.testdir({ 'unloaded.yaml': text }), 'unloaded.yaml');
  const why = 'step 1 expects ret 0, gets "ENOENT"';
  t.equal(
    hmmSim('shrink', file).stdout,
    text
      .replace('  - { op: fork, child: p1 }\n', '')
      .replace('machine:', `source: 'shrunk from ${file}, 2 steps: ${why}'\nmachine:`)
      .replace('{ bugs: [coherent-minor-unset] }', '{ bugs: [ coherent-minor-unset ] }'),
  );
});

t.test('--out writes what run takes, and the scenario still does the same', async (t) => {
  const out = join(t.testdir(), 'least.yaml');
  const { status, stdout } = hmmSim('shrink', 'seed:101', '--kernel', '6.12', '--out', out);
  t.strictSame([status, stdout], [0, '']);
  t.match(hmmSim('run', out), { status: 0, stdout: /\nok 1 generated-[a-z]+-101\n/ });
});

t.test('mistakes', async (t) => {
  const two = `${JSON.stringify({ name: 'a', steps: [] })}\n${JSON.stringify({ name: 'b', steps: [] })}\n`;
  const directory = t.testdir({ 'two.jsonl': two, 'one.yaml': PINNED });
  const [file, one] = [join(directory, 'two.jsonl'), join(directory, 'one.yaml')];
  const mistakes: [args: string[], message: string][] = [
    [[file], `--name: 2 scenarios in ${file}: name one of them`],
    [[one, '--while', 'oops'], '--while: no oops: the scenario runs to its end'],
    [[one, '--while', 'step 9 ret == 0'], '--while: there is no step 9; the last one is 6'],
    [['seed:x'], 'seed: "x" is not a number (expected 64 or 0x40)'],
    [
      [one, '--while', 'oops', '--not-equal-to', '6.1'],
      "option '--not-equal-to <kernel>' cannot be used with option '--while <what>' (see hmm-sim shrink --help)",
    ],
    [
      [one, '--out', join(directory, 'no', 'where')],
      `--out: cannot write ${directory}/no/where: no such directory`,
    ],
  ];
  for (const [args, message] of mistakes) {
    const { status, stderr } = hmmSim('shrink', ...args);
    t.strictSame([status, stderr.trimEnd().split('\n').at(-1)], [64, `hmm-sim: ${message}`]);
  }
});

t.test('Ctrl-C leaves the smallest so far', async (t) => {
  const read = (i: number) => ({ op: 'ioctl', cmd: 'READ', fd: 'd0', region: 'r0', page: i % 7, pages: 900 });
  const long = {
    name: 'long',
    kernel: '6.12',
    steps: [
      { op: 'open', fd: 'd0', device: 0 },
      { op: 'mmap', region: 'r0', pages: 1024, prot: 'rw', share: 'private', backing: 'anon' },
      ...Array.from({ length: 800 }, (_, i) => read(i)),
    ],
  };
  const directory = t.testdir({ 'long.json': JSON.stringify(long) });
  const [file, out] = [join(directory, 'long.json'), join(directory, 'out.yaml')];
  const args = ['shrink', file, '--while', 'step 700 data == 0', '--out', out];
  const { status, stderr } = interruptedAt('shrinking 802 steps', ...args);
  t.equal(status, 130);
  t.match(stderr, /^shrinking 802 steps: .*\nhmm-sim: interrupted; this is the smallest so far\n$/);
  const { documents, mistakes } = load(readFileSync(out, 'utf8'), out, 'yaml');
  t.strictSame(mistakes, []);
  t.equal(documents[0]!.document.steps.length, 802, 'nothing was tried yet');
});
