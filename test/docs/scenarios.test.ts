// SPDX-License-Identifier: GPL-2.0-only
/** docs/SCENARIOS.md is whole and current, and its examples answer what they say. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { choicesOf } from '../../src/scenario/shape.js';
import { steps } from '../../src/scenario/steps/index.js';
import { execute, hmmSim, root } from '../cli/hmm-sim.js';

t.test('it is current, with an example of each step, field, result and name', async (t) => {
  const ran = execute(process.execPath, ['scripts/scenario-reference.js', '--check'], { cwd: root });
  t.same(ran, { status: 0, stdout: '', stderr: '' });
});

t.test('every step and every command of the driver has a section', async (t) => {
  const headings = readFileSync('docs/SCENARIOS.md', 'utf8').match(/^### .*$/gm);
  const wanted = Object.keys(steps).flatMap((op) => (op === 'ioctl' ? choicesOf(op, 'cmd') : [op]));
  t.same(
    headings,
    wanted.map((name) => `### ${name}`),
  );
});

t.test('the examples answer what they say', async (t) => {
  const { status, stdout } = hmmSim('run', 'examples');
  t.equal(status, 0);
  t.match(stdout, / fail:0 .* error:0\n$/);
});
