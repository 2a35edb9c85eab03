// SPDX-License-Identifier: GPL-2.0-only
/** What is not there of an installation is named in a line; what Node says of itself is nobody's output. */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, root } from './hmm-sim.js';

type Tap = Pick<typeof t, 'teardown'>;

/** Where no directory above has node_modules. */
function copyWith(t: Tap, ...parts: string[]): string {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'hmm-sim-')));
  t.teardown(() => rmSync(copy, { recursive: true }));
  mkdirSync(join(copy, 'bin'));
  cpSync(bin, join(copy, 'bin/hmm-sim.js'));
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  return copy;
}

t.test('without bundle', async (t) => {
  t.strictSame(execute(process.execPath, [join(copyWith(t), 'bin/hmm-sim.js'), 'run', 'x']), {
    status: 70,
    stdout: '',
    stderr: 'hmm-sim: not built yet: run "npm ci" in the clone (or "npm run build" after a change)\n',
  });
});

t.test('without node_modules', async (t) => {
  const copy = copyWith(t, 'bundle', 'package.json');
  const { status, stdout, stderr } = execute(process.execPath, [join(copy, 'bin/hmm-sim.js'), 'run', 'x']);
  t.strictSame([status, stdout], [70, '']);
  t.match(stderr, /^hmm-sim: incomplete install: Cannot find package '\w+': run "npm ci" in \S+\/\n$/);
  t.match(stderr, copy);
});

t.test('without a part of bundle', async (t) => {
  const copy = copyWith(t, 'package.json');
  mkdirSync(join(copy, 'bundle/cli'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  cpSync(join(root, 'bundle/cli/main.js'), join(copy, 'bundle/cli/main.js'));
  const { status, stderr } = execute(process.execPath, [join(copy, 'bin/hmm-sim.js'), '--help']);
  t.equal(status, 70);
  t.equal(
    stderr,
    `hmm-sim: incomplete install: Cannot find module '${copy}/bundle/cli/terminal.js': run "npm ci" in ${copy}/\n`,
  );
});

t.test('warnings of Node stay away, in every thread', async (t) => {
  const d = t.testdir({ 'a.yaml': 'name: a\nsteps: []\n' });
  const warn = join(d, 'warn.mjs');
  writeFileSync(
    warn,
    "process.once('beforeExit', () => process.emitWarning('of mine', 'ExperimentalWarning'));\n",
  );
  const ran = execute(process.execPath, ['--import', warn, bin, 'run', join(d, 'a.yaml')]);
  t.strictSame([ran.status, ran.stderr], [0, '']);
  const smoked = execute(process.execPath, [
    '--import',
    warn,
    bin,
    'smoke',
    '-r',
    'hmm2.snapshot',
    '--seed',
    '1',
  ]);
  t.strictSame([smoked.status, smoked.stderr], [0, '']);
});
