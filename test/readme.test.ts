// SPDX-License-Identifier: GPL-2.0-only
/** The examples of README.md are run, and answer what they are shown to answer. */
import t from 'tap';
import { execute, root } from './cli/hmm-sim.js';

t.test('README.md shows real output', async (t) => {
  const ran = execute(process.execPath, ['scripts/update-readme.js', '--check'], { cwd: root });
  t.same(ran, { status: 0, stdout: '', stderr: '' });
});
