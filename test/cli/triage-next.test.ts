// SPDX-License-Identifier: GPL-2.0-only
/** The commands that triage prints, pasted. */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, hmmSim, root } from './hmm-sim.js';

/** Lines of a field and those that go on with it. */
function fieldsOf(stdout: string): string[] {
  return stdout.split('\n').flatMap((line) => /^ {2}(?:next {6}| {10})(hmm-sim .*)$/.exec(line)?.[1] ?? []);
}

/** Runs a command that begins with "hmm-sim". */
const pastedIn = (cwd: string) => (command: string) => {
  const [, ...args] = command.match(/'[^']*'|\S+/g) ?? [];
  return execute(process.execPath, [bin, ...args.map((word) => word.replaceAll("'", ''))], { cwd });
};

t.test('every command of a nightly log', { timeout: 240_000 }, async (t) => {
  const test = 'hmm2.hmm2_device_private.double_map';
  const { stdout } = hmmSim('triage', '--run', 'test/logs/nightly.log.gz');
  const commands = fieldsOf(stdout);
  t.strictSame(commands, [
    `hmm-sim smoke --kernel 6.12 -r ${test} --bug foreign-private-refused`,
    'hmm-sim run test/bugs/foreign-private-refused.yaml --bug foreign-private-refused',
    `hmm-sim smoke --kernel 6.12 -r ${test} --record double_map.yaml`,
    `hmm-sim shrink suite:${test} --kernel 6.12 --bug foreign-private-refused --out double_map-least.yaml`,
    'hmm-sim explain double_map-least.yaml',
    'hmm-sim export double_map-least.yaml --expect --c double_map.c',
  ]);
  const directory = mkdtempSync(join(tmpdir(), 'triage-next-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  symlinkSync(join(root, 'test'), join(directory, 'test'));
  const paste = pastedIn(directory);
  const ran = commands.map(paste);
  // The symptom, the bug's own scenario, the test as it is, the least of it, what that does, and a C program.
  t.strictSame(
    ran.map(({ status }) => status),
    [1, 1, 0, 0, 0, 0],
  );
  t.match(ran[0]!.stdout, 'Expected ret (-14) == 0 (0)');
  t.match(ran[4]!.stdout, 'hmm_vma_handle_pte: device private page of another owner');
  t.ok(existsSync(join(directory, 'double_map.c')));
  for (const file of ['double_map.yaml', 'double_map-least.yaml']) {
    t.ok(existsSync(join(directory, file)), file);
    t.equal(paste(`hmm-sim run --bug foreign-private-refused ${file}`).status, 1, file);
  }
});

t.test('and of a log of a kernel that has the bug', { timeout: 240_000 }, async (t) => {
  const test = 'hmm.hmm_device_private.exclusive';
  const { stdout } = hmmSim('triage', '--run', 'test/logs/09-foreign-ktap.txt');
  const machine = '--kernel 6.1 0x100000000 0x140000000 --thp always';
  const commands = fieldsOf(stdout).slice(2);
  t.strictSame(commands, [
    `hmm-sim smoke ${machine} --fix exclusive-thp-tail -r ${test} --record exclusive.yaml`,
    'hmm-sim shrink exclusive.yaml --bug exclusive-thp-tail --out exclusive-least.yaml',
    'hmm-sim explain exclusive-least.yaml',
    'hmm-sim export exclusive-least.yaml --expect --c exclusive.c',
  ]);
  const directory = mkdtempSync(join(tmpdir(), 'triage-next-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const paste = pastedIn(directory);
  const ran = commands.map(paste);
  t.strictSame(
    ran.map(({ status }) => status),
    [0, 0, 0, 0],
  );
  t.ok(existsSync(join(directory, 'exclusive.c')));
  t.notMatch(ran[1]!.stderr, 'changes nothing', 'the recording has it fixed');
  // What is left needs the bug: it is no EBUSY of another reason.
  t.match(ran[2]!.stdout, 'make_device_exclusive_range  tail page of a large folio');
  t.equal(paste('hmm-sim run exclusive-least.yaml').status, 1);
  t.equal(paste('hmm-sim run --fix exclusive-thp-tail exclusive-least.yaml').status, 0);
  t.equal(paste('hmm-sim run exclusive.yaml').status, 0);
  t.match(paste('hmm-sim run --bug exclusive-thp-tail exclusive.yaml'), { status: 1, stderr: '' });
});

t.test('and of a log of 7.3 in which all passed, but the kernel warned', { timeout: 240_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'triage-next-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const paste = pastedIn(directory);
  const bug = 'spurious-zap-warning';
  const log = paste(`hmm-sim smoke --kernel 7.3 --bug ${bug} -t migrate_file_private --seed 1`);
  t.equal(log.status, 0);
  writeFileSync(join(directory, 'a.log'), log.stdout);
  const commands = fieldsOf(paste('hmm-sim triage --run a.log').stdout).slice(2);
  t.equal(commands.length, 4);
  const ran = commands.map(paste);
  t.strictSame(
    ran.map(({ status }) => status),
    [0, 0, 0, 0],
  );
  t.match(ran[2]!.stdout, 'WARNING zap_pte_range: ');
  t.ok(existsSync(join(directory, 'migrate_file_private.c')));
});

t.test('and of a log in which tests fail for what others left behind', { timeout: 480_000 }, async (t) => {
  const on = (test: string) => `hmm.hmm_device_coherent.${test}`;
  const only = (...tests: string[]) => tests.map((test) => ` -r ${on(test)}`).join('');
  const directory = mkdtempSync(join(tmpdir(), 'triage-next-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const paste = pastedIn(directory);
  const machine = 'hmm-sim smoke --kernel 7.3 0x100000000 0x140000000 --thp always';
  const left = ['migrate_release', 'migrate_multiple'];
  const log = paste(`${machine}${only(...left, 'hmm_gup_test', 'migrate_anon_huge_err')} --seed 1`);
  writeFileSync(join(directory, 'a.log'), log.stdout);
  const { status, stdout } = paste('hmm-sim triage --run a.log');
  t.equal(status, 0, 'each is reproduced');
  t.match(
    stdout,
    [
      '  ran       the same symptom, after what these leave (alone it shows nothing):',
      ...left.map((test) => `            ${on(test)}`),
      `  next      ${machine}${only(...left, 'hmm_gup_test')} --record hmm_gup_test.yaml`,
    ].join('\n'),
  );
  t.match(stdout, `these leave (alone it shows Expected ret (-12) == 0 (0); warns: pagemap_range):`);
  t.match(stdout, `            ${machine}${only('migrate_release', 'migrate_multiple')}\n`);
  const commands = fieldsOf(stdout).filter((command) => /gup_test|huge_err/.test(command));
  const shrinks = commands.filter((command) => command.startsWith('hmm-sim shrink'));
  t.strictSame(shrinks, [
    "hmm-sim shrink hmm_gup_test.yaml --while 'ret == ENOENT' --out hmm_gup_test-least.yaml",
    "hmm-sim shrink migrate_anon_huge_err.yaml --while 'oops' --out migrate_anon_huge_err-least.yaml",
  ]);
  const exports = commands.filter((command) => command.startsWith('hmm-sim export'));
  t.equal(exports[0], 'hmm-sim export hmm_gup_test-least.yaml --expect --c hmm_gup_test.c');
  const ran = commands.map(paste);
  t.strictSame(
    ran.map(({ status }) => status),
    [1, 1, 0, 0, 0, 1, 1, 0, 0, 0],
  );
  t.match(ran[3]!.stdout, 'no small page: a huge one came first, so that the device was cut into huge pages');
  t.match(ran[8]!.stdout, /oops in dmirror_migrate_to_device\n {2}because .* cut into huge pages alone/);
  for (const file of ['hmm_gup_test.yaml', 'hmm_gup_test-least.yaml', 'migrate_anon_huge_err-least.yaml'])
    t.equal(paste(`hmm-sim run ${file}`).status, 0, file);
});
