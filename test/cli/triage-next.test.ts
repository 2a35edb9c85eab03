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
  const [, ...args] = command.split(' ');
  return execute(process.execPath, [bin, ...args], { cwd });
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
