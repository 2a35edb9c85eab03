// SPDX-License-Identifier: GPL-2.0-only
/** The commands that triage prints, pasted. */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, hmmSim, root } from './hmm-sim.js';

/** Lines of a field and those that go on with it. */
function fieldsOf(stdout: string): string[] {
  return stdout.split('\n').flatMap((line) => /^ {2}(?:next {6}| {10})(hmm-sim .*)$/.exec(line)?.[1] ?? []);
}

t.test('every command of a nightly log', { timeout: 240_000 }, async (t) => {
  const test = 'hmm2.hmm2_device_private.double_map';
  const { stdout } = hmmSim('triage', '--run', 'test/logs/nightly.log.gz');
  const commands = fieldsOf(stdout);
  t.strictSame(commands, [
    `hmm-sim smoke --kernel 6.12 -r ${test} --bug foreign-private-refused`,
    'hmm-sim run test/bugs/foreign-private-refused.yaml --bug foreign-private-refused',
    `hmm-sim smoke --kernel 6.12 -r ${test} --record double_map.yaml`,
    `hmm-sim shrink suite:${test} --kernel 6.12 --bug foreign-private-refused --out double_map-least.yaml`,
  ]);
  const directory = mkdtempSync(join(tmpdir(), 'triage-next-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  symlinkSync(join(root, 'test'), join(directory, 'test'));
  const paste = (command: string) => {
    const [, ...args] = command.split(' ');
    return execute(process.execPath, [bin, ...args], { cwd: directory });
  };
  const ran = commands.map(paste);
  // The symptom, the bug's own scenario, the test as it is, and the least of it.
  t.strictSame(
    ran.map(({ status }) => status),
    [1, 1, 0, 0],
  );
  t.match(ran[0]!.stdout, 'Expected ret (-14) == 0 (0)');
  for (const file of ['double_map.yaml', 'double_map-least.yaml']) {
    t.ok(existsSync(join(directory, file)), file);
    t.equal(paste(`hmm-sim run --bug foreign-private-refused ${file}`).status, 1, file);
  }
});
