// SPDX-License-Identifier: GPL-2.0-only
/** Every command ends: whatever the simulated machine does, signals are heard and --timeout holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Progress, progressText, StatusLine } from '../../src/cli/progress.js';
import { colours } from '../../src/cli/terminal.js';
import { load } from '../../src/scenario/load.js';
import { bin, execute, hmmSim, type Ran } from './hmm-sim.js';

/** The command with a kernel that never comes back from its second test; `signal` is sent when that has begun. */
function endless(args: readonly string[], interrupt?: { text: string; signal: NodeJS.Signals }): Ran {
  const preloads = [new URL('endless.mjs', import.meta.url).href];
  if (interrupt !== undefined) {
    const query = `text=${encodeURIComponent(interrupt.text)}&signal=${interrupt.signal}`;
    preloads.push(new URL(`interrupt_at.mjs?${query}`, import.meta.url).href);
  }
  const imports = preloads.flatMap((preload) => ['--import', preload]);
  return execute(process.execPath, [...imports, bin, ...args]);
}

const smoke = ['smoke', '--seed', '7', '-f', 'hmm2'];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`smoke hears ${signal}`, async (t) => {
    const { stdout } = endless(smoke, { text: 'RUN           hmm2.snapshot', signal });
    const reason = signal === 'SIGINT' ? 'interrupted' : 'interrupted by SIGTERM';
    t.equal(
      stdout.split('\n').slice(-4).join('\n'),
      `#  RUN           hmm2.snapshot ...\nnot ok - bailed out\nBail out! ${reason}\n`,
    );
  });
}

t.test('smoke --timeout: that test fails, the rest runs', async (t) => {
  const json = join(t.testdir(), 'x.json');
  const { status, stdout } = endless([...smoke, '--timeout', '1', '--json', json]);
  t.equal(status, 1);
  t.strictSame(stdout.split('\n').slice(3), [
    '#  RUN           hmm2.migrate_mixed ...',
    '#            OK  hmm2.migrate_mixed',
    'ok 1 hmm2.migrate_mixed',
    '#  RUN           hmm2.snapshot ...',
    '# snapshot: The test did not end within 1 s on this host',
    '#          FAIL  hmm2.snapshot',
    'not ok 2 hmm2.snapshot',
    '#  RUN           hmm2.double_map ...',
    '#            OK  hmm2.double_map',
    'ok 3 hmm2.double_map',
    '# FAILED: 2 / 3 tests passed.',
    '# Totals: pass:2 fail:1 xfail:0 xpass:0 skip:0 error:0',
    '',
  ]);
  t.equal(
    JSON.parse(readFileSync(json, 'utf8')).tests[1].log[0].text,
    'snapshot: The test did not end within 1 s on this host',
  );
});

const steps = '"steps":[{"op":"open","fd":"d0","device":0}]';
const scenarios = ['a', 'b', 'c'].map((name) => `{"name":"${name}",${steps}}\n`).join('');

t.test('run hears SIGHUP', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': scenarios }), 'a.jsonl');
  const { status, stdout } = endless(['run', file], { text: '1..3', signal: 'SIGHUP' });
  t.equal(status, 129);
  t.equal(stdout, 'TAP version 13\n1..3\nnot ok - bailed out\nBail out! interrupted by SIGHUP\n');
});

t.test('run --timeout: that scenario fails, the rest runs', async (t) => {
  const directory = t.testdir({ 'a.jsonl': scenarios });
  const file = join(directory, 'a.jsonl');
  const { status, stdout } = endless(['run', file, '--timeout', '1', '--junit', join(directory, 'x.xml')]);
  t.equal(status, 1);
  t.strictSame(stdout.split('\n').slice(2), [
    'ok 1 a',
    'not ok 2 b',
    '  ---',
    `  file: ${file}`,
    '  line: 2',
    '  differs: did not end within 1 s on this host',
    '  ...',
    'ok 3 c',
    '# Totals: pass:2 fail:1 xfail:0 xpass:0 skip:0 error:0',
    '',
  ]);
  t.match(
    readFileSync(join(directory, 'x.xml'), 'utf8'),
    '<failure message="did not end within 1 s on this host">',
  );
  const lines = endless(['run', '--json', file, '--timeout', '1']).stdout.trim().split('\n');
  t.strictSame(JSON.parse(lines[1]!), {
    version: 1,
    name: 'b',
    verdict: 'fail',
    reasons: ['did not end within 1 s on this host'],
  });
});

/** The command, which gets the signal when its kernel has begun to run for ever. */
function stuck(
  where: { signal: NodeJS.Signals; after: number; calls?: number },
  ...args: readonly string[]
): Ran {
  const query = new URLSearchParams(
    Object.entries(where).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const preload = new URL(`endless.mjs?${query}`, import.meta.url).href;
  return execute(process.execPath, ['--import', preload, bin, ...args]);
}

/** A step that never comes back, behind one that does. */
const STUCK = `name: a
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 4, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 4, word: 64 }
`;

for (const command of ['run', 'explain']) {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    t.test(
      `${command} --trace hears ${signal} in the middle of a step, and leaves whole files`,
      async (t) => {
        const d = t.testdir({ 'a.yaml': STUCK });
        const [events, functions] = [join(d, 'x.json'), join(d, 'f.txt')];
        const traces = ['--trace', events, '--trace-functions', functions];
        const ran = stuck({ signal, after: 1, calls: 3 }, command, ...traces, join(d, 'a.yaml'));
        t.equal(ran.status, status);
        t.equal(ran.stderr, '');
        const { traceEvents } = JSON.parse(readFileSync(events, 'utf8')) as {
          traceEvents: { name: string }[];
        };
        const steps = traceEvents.map(({ name }) => name).filter((name) => name.startsWith('step '));
        t.strictSame(steps, ['step 0', 'step 1'], 'what was done before is there');
        t.match(readFileSync(functions, 'utf8'), /^# tracer: function\n[\s\S]*: step 1 of a\n$/);
        t.strictSame(readdirSync(d).sort(), ['a.yaml', 'f.txt', 'x.json'], 'nothing beside');
        if (command === 'explain') t.match(ran.stdout, /^# a on 6\.12 \([^\n]*\)\nstep 0 {2}p0 open d0/);
        else t.match(ran.stdout, /\nBail out! interrupted/);
      },
    );
  }
}

t.test('smoke --trace --record --explain hears SIGTERM', async (t) => {
  const d = t.testdir({ made: {} });
  const watched = ['--trace', join(d, 'x.jsonl'), '--record', join(d, 'made'), '--explain'];
  const { status, stdout } = endless([...smoke, ...watched], {
    text: 'RUN           hmm2.snapshot',
    signal: 'SIGTERM',
  });
  t.equal(status, 143);
  t.match(
    stdout,
    /\nok 1 hmm2\.migrate_mixed\n# {2}RUN {11}hmm2\.snapshot \.\.\.\nnot ok - bailed out\nBail out! interrupted by SIGTERM\n$/,
  );
  t.match(readFileSync(join(d, 'x.jsonl'), 'utf8'), /^\{"version":1,"section":"hmm2\.migrate_mixed"\}\n/);
  t.strictSame(readdirSync(join(d, 'made')), ['hmm2.migrate_mixed.yaml']);
});

for (const [signal, status, what] of [
  ['SIGINT', 130, 'interrupted'],
  ['SIGTERM', 143, 'interrupted by SIGTERM'],
  ['SIGHUP', 129, 'interrupted by SIGHUP'],
] as const) {
  t.test(`fuzz hears ${signal} in the middle of a scenario`, async (t) => {
    const out = join(t.testdir(), 'out');
    const head = '# fuzz kernel 6.12, no checkers, seed 1';
    t.strictSame(stuck({ signal, after: 2 }, 'fuzz', '--kernel', '6.12', '--no-check', '--out', out), {
      status,
      stdout: `${head}: 1 scenarios, 0 findings\n# ${what}\n`,
      stderr: '',
    });
  });
}

t.test('what shrink leaves is the smallest so far', async (t) => {
  const { status, stdout, stderr } = stuck(
    { signal: 'SIGTERM', after: 40 },
    'shrink',
    'seed:4',
    '--kernel',
    '6.12',
  );
  t.equal(status, 143);
  t.equal(
    stderr,
    'shrinking 39 steps: oops in dmirror_do_read\nhmm-sim: interrupted; this is the smallest so far\n',
  );
  t.equal(load(stdout, 'x', 'yaml').documents[0]!.document.steps.length, 16);
});

t.test('--timeout 0 is none', async (t) => {
  t.match(
    hmmSim('run', 'x', '--timeout', '0').stderr,
    /^hmm-sim: --timeout: expected 1 to 1000000, got 0\n$/,
  );
});

t.test('run --list runs nothing', async (t) => {
  const file = join(t.testdir({ 'a.jsonl': scenarios, 'b.yaml': '\nname: d\nsteps: []\n' }), 'a.jsonl');
  t.same(endless(['run', '--list', file, file.replace('a.jsonl', 'b.yaml'), '--name', '[a-d]']).stdout, '');
  t.same(endless(['run', '--list', file, file.replace('a.jsonl', 'b.yaml'), '--name', '?']), {
    status: 0,
    stdout: `${file}:1: a\n${file}:2: b\n${file}:3: c\n${file.replace('a.jsonl', 'b.yaml')}:2: d\n`,
    stderr: '',
  });
});

t.test('how far it is', async (t) => {
  t.equal(progressText('tests', 0, 58, 100), '0/58 tests');
  t.equal(progressText('tests', 4, 58, 1000), '4/58 tests, 4.0/s, 14 s left');
  t.equal(progressText('scenarios', 1200, 50_000, 3000), '1200/50000 scenarios, 400/s, 2 min left');
  t.equal(progressText('scenarios', 10, 100_000, 1000), '10/100000 scenarios, 10/s, 2 h 47 min left');
  t.equal(progressText('scenarios', 500, undefined, 1000), '500 scenarios, 500/s');
});

t.test('on a terminal only, and not more often than one can read', async (t) => {
  for (const isTTY of [true, false]) {
    const written: string[] = [];
    const line = new StatusLine({ isTTY, write: (text) => written.push(text) });
    let now = 0;
    const progress = new Progress('tests', 10, line, () => now);
    for (; now < 500; now += 50) progress.at(now / 50);
    line.clear();
    line.clear();
    t.strictSame(
      written,
      isTTY
        ? [
            '\r0/10 tests\x1b[K',
            '\r4/10 tests, 20/s, 1 s left\x1b[K',
            '\r8/10 tests, 20/s, 1 s left\x1b[K',
            '\r\x1b[K',
          ]
        : [],
    );
  }
});

t.test('FORCE_COLOR, NO_COLOR', async (t) => {
  const { FORCE_COLOR, NO_COLOR } = process.env;
  const given = (force: string | undefined, none: string | undefined): boolean => {
    for (const [name, value] of [
      ['FORCE_COLOR', force],
      ['NO_COLOR', none],
    ] as const) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    return colours();
  };
  t.equal(given('1', undefined), true);
  t.equal(given('1', '1'), true);
  t.equal(given('0', undefined), false);
  t.equal(given('false', undefined), false);
  t.equal(given(undefined, '1'), false);
  given(FORCE_COLOR, NO_COLOR);
});
