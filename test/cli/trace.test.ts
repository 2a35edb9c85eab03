// SPDX-License-Identifier: GPL-2.0-only
/** --trace-functions and trace compare as users run them, word for word. */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const SCENARIO = `name: seen
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0 }
  - { op: mmap, region: r0, pages: 1, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 1, word: 1 }
  - { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 1 }
`;

const STORED = ['user_fault', 'handle_mm_fault', 'do_anonymous_page'];

/** Lines of a trace without their heads. */
const events = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/^.*\d+\.\d{6}: /, ''));

t.test('functions are written as the function tracer does, and read back', async (t) => {
  const directory = t.testdir({ 's.yaml': SCENARIO });
  const [scenario, run, explained] = ['s.yaml', 'run.txt', 'explained.txt'].map(
    (name) => `${directory}/${name}`,
  );
  t.equal(hmmSim('run', scenario!, '--trace-functions', run!).status, 0);
  t.strictSame(readFileSync(run!, 'utf8').split('\n').slice(0, 1), ['# tracer: function']);
  const marker = (n: number): string => `tracing_mark_write: step ${n} of seen`;
  const expected = [marker(0), 'mmu_interval_notifier_insert', marker(1), marker(2), ...STORED, marker(3)];
  const lines = events(run!);
  t.strictSame(lines.slice(0, expected.length), expected);
  t.equal(lines.at(-1), 'tracing_mark_write: end of seen');
  t.ok(lines.includes('hmm_range_fault'));
  t.equal(hmmSim('explain', scenario!, '--trace-functions', explained!).status, 0);
  t.equal(readFileSync(explained!, 'utf8'), readFileSync(run!, 'utf8'), 'explain writes the same');

  const same = hmmSim('trace', 'compare', run!, scenario!);
  t.strictSame(same, {
    status: 0,
    stdout: '# 4 of 4 steps in 1 scenarios take the same path\n',
    stderr: '',
  });
  const json = hmmSim('trace', 'compare', run!, scenario!, '--json').stdout.split('\n');
  t.strictSame(JSON.parse(json[2]!), { name: 'seen', step: 2, same: true, real: STORED, here: STORED });

  writeFileSync(run!, readFileSync(run!, 'utf8').replace(/.*do_anonymous_page\n/, ''));
  const parted = hmmSim('trace', 'compare', run!, scenario!);
  t.equal(parted.status, 1);
  t.strictSame(parted.stdout.split('\n'), [
    'seen step 2  p0 store r0[0] word=1',
    '  after user_fault, handle_mm_fault',
    '  real  ends',
    '  here  do_anonymous_page  r0[0]',
    '# 3 of 4 steps in 1 scenarios take the same path',
    '',
  ]);
});

t.test('smoke tells of all memory, because all of it is under test', async (t) => {
  const path = `${t.testdir()}/f.txt`;
  const args = ['--kernel', '6.12', '--seed', '1', '-r', 'hmm.hmm_device_private.anon_read'];
  t.equal(hmmSim('smoke', ...args, '--trace-functions', path).status, 0);
  const lines = events(path);
  t.equal(readFileSync(path, 'utf8').split('\n')[10], '# hmm.hmm_device_private.anon_read');
  t.strictSame(lines.slice(0, 4), ['mmu_interval_notifier_insert', ...STORED]);
  t.ok(lines.filter((line) => line === 'user_fault').length >= 256, 'a fault for each page of its buffer');
});

t.test('what is wrong is one line', async (t) => {
  const directory = t.testdir({
    's.yaml': SCENARIO,
    'no.txt': 'hello\n',
    'deep.jsonl': `${'['.repeat(99_999)}\n`,
  });
  const wrong = (...args: string[]) => {
    const { status, stdout, stderr } = hmmSim(...args);
    t.strictSame([status, stdout], [64, '']);
    return stderr;
  };
  const scenario = `${directory}/s.yaml`;
  t.match(
    wrong('trace', 'compare', `${directory}/no.txt`, scenario),
    /^[^\n]*no\.txt: expected JSON Lines of paths[^\n]*\n$/,
  );
  t.match(
    wrong('trace', 'compare', `${directory}/deep.jsonl`, scenario),
    /^[^\n]*expected JSON Lines of paths[^\n]*\n$/,
  );
  t.match(wrong('trace', 'compare', '/nowhere', scenario), /^[^\n]*\/nowhere: no such file or directory\n$/);
  t.match(
    wrong('trace', 'compare', scenario, scenario, '--max-size', '64'),
    /^[^\n]*s\.yaml(:\d+)?: expected at most [^\n]*\n$/,
  );
  t.match(
    hmmSim('run', scenario, '--trace-functions', '/nowhere/f').stderr,
    '--trace-functions: cannot write /nowhere/f: no such directory\n',
  );
  t.match(
    hmmSim('run', scenario, '--trace-functions', `${directory}/f`, '--jobs', '2').stderr,
    '--trace-functions: a trace has one order of events, so it needs --jobs 1\n',
  );
});
