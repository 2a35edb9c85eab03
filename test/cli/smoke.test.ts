// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim smoke` as users run it: output, seeds, reports, and the ways in which a run ends early. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { noProve } from '../host.js';
import { bin, execute, hmmSim, interruptedAt, root } from './hmm-sim.js';

const SPM = ['0x100000000', '0x140000000'] as const;

function results(stdout: string): string[] {
  return stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
}

for (const [name, args] of [
  ['private', []],
  ['generic', SPM],
] as const) {
  t.test(`the whole suite, ${name}`, async (t) => {
    const { status, stdout, stderr } = hmmSim('smoke', ...args, '--seed', '7');
    t.equal(stderr, '');
    t.equal(status, 0);
    const lines = stdout.split('\n');
    t.same(lines.slice(0, 3), ['TAP version 13', '1..22', '# Starting 22 tests from 3 test cases.']);
    t.same(lines.slice(-3), [
      '# PASSED: 22 / 22 tests passed.',
      '# Totals: pass:22 fail:0 xfail:0 xpass:0 skip:0 error:0',
      '',
    ]);
    t.equal(results(stdout).filter((line) => line.startsWith('ok ')).length, 22);
    t.equal(hmmSim('smoke', ...args, '--seed', '7').stdout, stdout, 'the same seed gives the same bytes');
  });
}

t.test('a seed is printed when none is given, and brings the run back', async (t) => {
  const first = hmmSim('smoke', '-t', 'anon_teardown');
  const [, seed] = /^seed (\d+) \(again: --seed \1\)\n$/.exec(first.stderr)!;
  t.same(hmmSim('smoke', '-t', 'anon_teardown', '--seed', seed!), { ...first, stderr: '' });
});

t.test('filters: the first that matches decides', async (t) => {
  const { stdout } = hmmSim('smoke', '-T', 'anon_read', '-f', 'hmm2', '-t', 'migrate', '--seed', '7');
  t.same(results(stdout), [
    'ok 1 hmm.migrate',
    'ok 2 hmm2.migrate_mixed',
    'ok 3 hmm2.snapshot',
    'ok 4 hmm2.double_map',
  ]);
});

t.test('-d is an option of harnesses that have debug prints; hmm-tests has none', async (t) => {
  const args = ['smoke', '--kernel', '7.3', '-t', 'open_close', '--seed', '7'];
  t.same(hmmSim(...args, '-d'), hmmSim(...args));
  const { status, stdout, stderr } = hmmSim('smoke', '-d');
  t.same([status, stdout, stderr], [64, '', 'hmm-sim: -d: the harness of v5-generic has no debug prints\n']);
});

t.test('one parameter alone kills the kernel while it loads the module', async (t) => {
  const { status, stdout } = hmmSim('smoke', '--module-param', 'spm_addr_dev0=0x100000000', '--seed', '7');
  t.equal(status, 1);
  t.match(
    stdout,
    /^TAP version 13\nnot ok - bailed out\nBail out! the kernel oopsed in dmirror_allocate_chunk while it loaded test_hmm: [^\n]+\n$/,
  );
});

t.test('so does an address where no resource starts', async (t) => {
  const fake = '1G@0x140000000:0x40000,1G@0x180000000:0x40000';
  const { status, stdout } = hmmSim(
    'smoke',
    '0x110000000',
    '0x150000000',
    '--efi-fake-mem',
    fake,
    '--seed',
    '7',
  );
  t.equal(status, 1);
  t.match(
    stdout,
    /^TAP version 13\nnot ok - bailed out\nBail out! the kernel oopsed in dmirror_allocate_chunk [^\n]+ 0x150000000\n$/,
  );
});

t.test('an address where RAM starts: the module is refused, the tests run without it', async (t) => {
  const fake = '1G@0x140000000:0x40000';
  const { status, stdout, stderr } = hmmSim(
    'smoke',
    ...SPM,
    '--efi-fake-mem',
    fake,
    '-t',
    'open_close',
    '--seed',
    '7',
  );
  t.equal(status, 1);
  t.match(stderr, /^modprobe: could not insert test_hmm: ENXIO\n/);
  t.same(results(stdout), ['not ok 1 hmm.open_close']);
});

t.test('parameters as modprobe takes them; the last one wins', async (t) => {
  const params = ['0=0x180000000', '1=0x140000000', '0=0x100000000'].flatMap((param) => [
    '--module-param',
    `spm_addr_dev${param}`,
  ]);
  const args = ['-t', 'snapshot', '--seed', '7'];
  t.same(hmmSim('smoke', ...params, ...args), hmmSim('smoke', ...SPM, ...args));
});

t.test('without the module every test fails', async (t) => {
  const { status, stdout } = hmmSim('smoke', '--no-module', '-t', 'open_close', '--seed', '7');
  t.equal(status, 1);
  t.same(results(stdout), ['not ok 1 hmm.open_close']);
  t.match(stdout, /\n# FAILED: 0 \/ 1 tests passed\.\n/);
});

t.test('--junit and --json hold the same results', async (t) => {
  const directory = t.testdir();
  const [junit, json] = [`${directory}/junit.xml`, `${directory}/smoke.json`];
  const { status } = hmmSim('smoke', '-f', 'hmm2', '--seed', '7', '--junit', junit, '--json', json);
  t.equal(status, 0);
  t.match(readFileSync(junit, 'utf8'), /<testsuites tests="3" failures="0" errors="0" skipped="0"/);
  const document = JSON.parse(readFileSync(json, 'utf8')) as {
    seed: number;
    kernel: string;
    tests: { name: string; result: string }[];
  };
  t.equal(document.seed, 7);
  t.equal(document.kernel, 'v5-generic');
  t.same(
    document.tests.map(({ name, result }) => [name, result]),
    [
      ['hmm2.migrate_mixed', 'pass'],
      ['hmm2.snapshot', 'pass'],
      ['hmm2.double_map', 'pass'],
    ],
  );
});

t.test('what the kernel logs stands with the test that made it log that', async (t) => {
  const directory = t.testdir();
  const [junit, json, trace] = ['junit.xml', 'smoke.json', 'trace.jsonl'].map(
    (file) => `${directory}/${file}`,
  );
  const args = ['--kernel', '6.12', '--seed', '7', '-r', 'hmm.hmm_device_private.migrate_file_private'];
  const bug = ['--bug', 'spurious-zap-warning'];
  const reports = ['--junit', junit!, '--json', json!, '--trace', trace!];
  const heading = [
    'TAP version 13',
    '1..1',
    '# Starting 1 tests from 1 test cases.',
    '#  RUN           hmm.hmm_device_private.migrate_file_private ...',
  ];
  const warning = '# WARNING: zap_pte_range: the VMA is not anonymous';
  const passed = [
    '#            OK  hmm.hmm_device_private.migrate_file_private',
    'ok 1 hmm.hmm_device_private.migrate_file_private',
    '# PASSED: 1 / 1 tests passed.',
    '# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0',
    '',
  ];
  const ran = (...more: string[]) => hmmSim('smoke', ...args, ...more);
  t.same(ran('--fail-on-warn').stdout.split('\n'), [...heading, ...passed], 'nothing without a WARN');
  const warned = ran(...bug, ...reports);
  t.same(warned.stdout.split('\n'), [...heading, warning, ...passed]);
  t.match(
    readFileSync(junit!, 'utf8'),
    /<system-out>WARNING: zap_pte_range: the VMA is not anonymous<\/system-out>/,
  );
  t.same(JSON.parse(readFileSync(json!, 'utf8')).tests[0].log, [
    { kind: 'warning', text: 'WARNING: zap_pte_range: the VMA is not anonymous' },
  ]);
  t.match(
    readFileSync(trace!, 'utf8'),
    '"event":"warn","fn":"zap_pte_range","reason":"the VMA is not anonymous"',
  );
  const failed = ran(...bug, '--fail-on-warn');
  t.equal(failed.status, 1);
  t.same(failed.stdout.split('\n').slice(4), [
    warning,
    '# migrate_file_private: Test failed by a kernel WARNING in zap_pte_range: the VMA is not anonymous',
    '#          FAIL  hmm.hmm_device_private.migrate_file_private',
    'not ok 1 hmm.hmm_device_private.migrate_file_private',
    '# FAILED: 0 / 1 tests passed.',
    '# Totals: pass:0 fail:1 xfail:0 xpass:0 skip:0 error:0',
    '',
  ]);
});

t.test('--locks tells where a test slept for a lock, and who had it', async (t) => {
  const args = ['smoke', '--kernel', '6.12', '--seed', '7', '-r', 'hmm.hmm_device_private.anon_teardown'];
  const { stdout } = hmmSim(...args, '--schedule', 'random', '--locks');
  const lines = stdout.split('\n').filter((line) => line.startsWith('#   locks'));
  t.same(lines, [
    '#   locks  hmm-tests 1 slept in dmirror_range_fault, waits for mmap_lock, held by hmm-tests 1 (write); holds none',
  ]);
});

t.test('--dmesg prints the rest of the kernel log as well', async (t) => {
  const args = ['smoke', '--kernel', '6.12', '--seed', '7', '-f', 'hmm', '-v', 'hmm_device_private'];
  const plain = hmmSim(...args).stdout.split('\n');
  const logged = hmmSim(...args, '--dmesg').stdout.split('\n');
  t.same(
    plain,
    logged.filter((line) => !line.startsWith('# dmesg: ')),
  );
  t.same(
    logged.filter((line) => line.startsWith('# dmesg: ')),
    ['# dmesg: added new 256 MB chunk (total 1 chunks, 256 MB) PFNs [0x3ffff0000 0x400000000)'],
  );
});

t.test('prove reads it', { skip: noProve() }, async (t) => {
  const ran = execute('prove', ['-e', `${process.execPath} ${bin} smoke -f hmm2 --seed`, '7'], {
    cwd: root,
  });
  t.match(ran.stdout, /Result: PASS/, ran.stderr);
});

t.test('a reader that goes away ends the run quietly', async (t) => {
  const command = `{ "${process.execPath}" "${bin}" smoke --seed 7 --explain; echo "exit $?" >&2; } | head -n 1`;
  const { stdout, stderr } = execute('sh', ['-c', command]);
  t.equal(stdout, 'TAP version 13\n');
  t.equal(stderr, 'exit 141\n');
});

t.test('Ctrl-C bails out, and the reports have what was finished', async (t) => {
  const json = `${t.testdir()}/smoke.json`;
  const { status, stdout } = interruptedAt('\nok 3 ', 'smoke', '--seed', '7', '--json', json);
  t.equal(status, 130);
  t.match(stdout, /\nnot ok - bailed out\nBail out! interrupted\n$/);
  const finished = results(stdout).slice(0, -1);
  t.ok(finished.length >= 3 && finished.length < 22);
  const { tests } = JSON.parse(readFileSync(json, 'utf8')) as { tests: unknown[] };
  t.equal(tests.length, finished.length);
});
