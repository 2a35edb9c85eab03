// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim triage`: exit codes, standard input, mistakes, and the document of --json. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { bin, execute, hmmSim, root } from './hmm-sim.js';

const piped = (input: string, ...args: string[]) =>
  execute(process.execPath, [bin, 'triage', ...args], { input });

interface Entry {
  readonly path: string;
  readonly status: string;
  readonly log_excerpt?: string;
  readonly misc: { readonly signature?: string; readonly generation?: string };
}

t.test('a nightly log', async (t) => {
  const { status, stdout, stderr } = hmmSim('triage', '--run', 'test/logs/nightly.log.gz');
  t.strictSame([status, stderr], [0, '']);
  t.match(stdout, /\n28 passed, 1 failed, 29 skipped\nhidden: "\[PASS\]"/);
  t.match(
    stdout,
    /\n {12}hmm-sim smoke --kernel 6.12 -r hmm2.hmm2_device_private.double_map --bug foreign-private-refused\n/,
  );
  t.match(stdout, /\n {2}ran {7}the same symptom\n/);
});

t.test('--json has the names of KCIDB', async (t) => {
  const { stdout, status } = hmmSim('triage', '--json', 'test/logs/nightly.log.gz');
  t.equal(status, 0);
  const { version, tests } = JSON.parse(stdout) as { version: unknown; tests: Entry[] };
  t.strictSame(version, { major: 5, minor: 3 });
  const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
  t.strictSame([count('PASS'), count('SKIP'), count('FAIL'), tests.length], [28, 29, 2, 59]);
  const failed = tests.find(({ path }) => path === 'kselftest.mm.hmm.hmm2.hmm2_device_private.double_map')!;
  t.strictSame([failed.status, failed.misc.generation], ['FAIL', '6.12']);
  t.match(failed.misc.signature, /^[0-9a-f]{16}$/);
  t.match(failed.log_excerpt, /double_map:Expected ret \(-14\) == 0 \(0\)\n/);
});

t.test('exit codes', async (t) => {
  t.equal(piped('ok 1 hmm.hmm_device_private.migrate\n').status, 0, 'nothing failed');
  t.equal(piped('not ok 1 hmm.hmm_device_private.open_close\n').status, 1, 'a failure that nothing explains');
  t.equal(
    piped('ok 1 hmm.hmm_device_coherent.migrate # SKIP DEVICE_COHERENT not available\n').status,
    4,
    'all skipped',
  );
  t.strictSame(piped(''), {
    status: 64,
    stdout: '',
    stderr:
      'hmm-sim: stdin: nothing in it that a test or a kernel printed; expected a log of hmm-tests (KTAP, "hmm-tests.c:..." or a kernel log)\n',
  });
  t.strictSame(hmmSim('triage', 'test/logs', 'no-such.log'), {
    status: 64,
    stdout: '',
    stderr: 'hmm-sim: test/logs: a directory; expected a log\n',
  });
});

t.test('compressed logs that are cut or damaged', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'triage-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log.gz');
  const lines = Array.from({ length: 3000 }, (_, i) => `# ${(i * 7919) % 1000003} ${(i * 104729) % 1000033}`);
  const whole = gzipSync(['not ok 1 hmm.hmm_device_private.open_close', ...lines].join('\n'));
  writeFileSync(path, whole.subarray(0, whole.length - 100));
  t.match(hmmSim('triage', path).stdout, /\n0 passed, 1 failed, 0 skipped\n/);
  whole.fill(0xff, 10);
  writeFileSync(path, whole);
  t.strictSame(hmmSim('triage', path), {
    status: 64,
    stdout: '',
    stderr: `hmm-sim: ${path}: its compressed data is damaged\n`,
  });
});

t.test('what smoke itself prints of a bug', async (t) => {
  const bug = 'private-subpage-from-entry';
  for (const [kernel, failures] of [
    ['6.12', 2],
    // What an oops leaves behind holds up tests after it.
    ['7.3', 7],
  ] as const) {
    const { stdout: log } = hmmSim('smoke', '--kernel', kernel, '--bug', bug, '--seed', '1');
    const { stdout, status } = piped(log, '-');
    t.equal(status, 0, 'all explained');
    const lines = stdout.split('\n');
    t.match(lines[1], new RegExp(`the suite of ${kernel} `));
    t.equal(lines.filter((line) => line.startsWith('not ok ')).length, failures);
    const likely = `  likely    ${bug}: here it makes this test show just this`;
    const found = lines.filter((line) => /^ {2}likely/.test(line));
    t.strictSame(
      found.map((line) => line.replace(/, after what \w+ left$/, '')),
      Array.from({ length: failures }, () => likely),
    );
    t.equal(
      found.filter((line) => line !== likely).length,
      kernel === '6.12' ? 0 : 2,
      'which need others before',
    );
    const reports = lines.filter((line) => /^ {2}kernel/.test(line));
    t.equal(reports[0], '  kernel    oops in try_to_migrate_one');
    t.equal(reports.length, kernel === '6.12' ? failures : failures + 2);
  }
});

t.test('a test that passed while the kernel warned', async (t) => {
  const { stdout: log } = hmmSim('smoke', '--kernel', '7.3', '--bug', 'spurious-zap-warning', '--seed', '1');
  const { stdout } = piped(log, '--run', '-');
  t.match(
    stdout,
    /\n39 passed, 0 failed, 39 skipped\n(?:.*\n)*?ok hmm.hmm_device_private.migrate_file_private, but:\n {2}kernel {4}WARNING in zap_pte_range\n {2}likely {4}spurious-zap-warning: (?:.*\n)*? {2}ran {7}the same symptom\n/,
  );
});

t.test('a report that no bug shows, and commands that were not tried', async (t) => {
  const log = [
    '[  604.1] INFO: task hmm-tests:733 blocked for more than 120 seconds.',
    '[  604.2]       Not tainted 6.12.117 #1',
    '[  604.3] Call Trace:',
    '[  604.4]  <TASK>',
    '[  604.5]  __schedule+0x3f1/0xb40',
    '[  604.6]  mmu_interval_read_begin+0xb5/0xf0',
    '[  604.7]  dmirror_range_fault+0x6a/0x1d0 [test_hmm]',
    '[  604.8]  </TASK>',
    '',
  ].join('\n');
  const { status, stdout, stderr } = piped(log, '-');
  t.strictSame([status, stderr], [1, '']);
  t.match(
    stdout,
    /\n {2}likely {4}no bug that is known here ends so; hmm-sim fuzz looks for what is not known\n/,
  );
  const hint = 'nothing was tried: --run runs what is likely, and names the commands that go on from there\n';
  const thp = 'test/golden/ktap/6.12-thp-always.txt';
  t.equal(hmmSim('triage', thp).stderr, hint);
  t.equal(hmmSim('triage', '--run', thp).stderr, '');
  t.equal(hmmSim('triage', '--json', thp).stderr, '');
  t.equal(hmmSim('triage', 'test/golden/ktap/6.12-spm.txt').stderr, '', 'nothing failed');
});

t.test('what this kernel shows by itself has a subject', async (t) => {
  const { stdout } = hmmSim('triage', 'test/golden/ktap/7.3-spm.txt');
  t.match(stdout, /\n {2}likely {4}7\.3 as it is: here it makes this test show just this\n/);
});

t.test('scenarios of bugs are named so that they are found from elsewhere', async (t) => {
  const log = join(root, 'test/golden/ktap/6.12-thp-always.txt');
  const { stdout } = execute(process.execPath, [bin, 'triage', log], { cwd: t.testdir() });
  t.match(stdout, `hmm-sim run ${join(root, 'test/bugs/exclusive-thp-tail.yaml')}\n`);
  const bug = execute(process.execPath, [bin, 'bugs', 'exclusive-thp-tail'], { cwd: t.testdir() });
  t.match(bug.stdout, `scenario  ${join(root, 'test/bugs/exclusive-thp-tail.yaml')}\n`);
});

t.test('what has no lines and no end is no log', async (t) => {
  const ran = hmmSim('triage', '/dev/zero');
  const stderr = 'hmm-sim: /dev/zero: no log: more than 64 MiB without the end of a line\n';
  t.strictSame(ran, { status: 64, stdout: '', stderr });
});

t.test('a log that has no end, and one that is larger than was asked for', async (t) => {
  const refused = (most: string, ...args: string[]) => {
    const stderr = `hmm-sim: ${args.at(-1)}: expected at most ${most} bytes (--max-size raises that)\n`;
    t.strictSame(hmmSim('triage', ...args), { status: 64, stdout: '', stderr });
  };
  refused('256M', '/dev/urandom');
  const bomb = `${t.testdir()}/bomb.gz`;
  const line = 'ok 1 hmm.hmm_device_private.open_close\n';
  writeFileSync(bomb, gzipSync(line.repeat(2000)));
  refused('64K', '--max-size', '64K', bomb);
  t.equal(hmmSim('triage', '--max-size', '80K', bomb).status, 0);
  t.match(hmmSim('triage', '--max-size', 'x', bomb), {
    status: 64,
    stderr: 'hmm-sim: --max-size: "x" is not a size (expected 512M or 6G)\n',
  });
});
