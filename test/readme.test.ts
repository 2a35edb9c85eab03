// SPDX-License-Identifier: GPL-2.0-only
/** The examples of README.md, the tour and the guides to porting and to drivers are run, and answer what they are shown to answer. */
import t from 'tap';
import { execute, root } from './cli/hmm-sim.js';

for (const page of ['README.md', 'docs/DRIVERS.md', 'docs/PORTING.md', 'docs/TOUR.md']) {
  t.test(`${page} shows real output`, async (t) => {
    const script = ['scripts/update-readme.js', '--check', page];
    t.same(execute(process.execPath, script, { cwd: root }), { status: 0, stdout: '', stderr: '' });
  });
}
