// SPDX-License-Identifier: GPL-2.0-only
/** docs/PORTING.md shows the files of examples/porting, and what they print. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { execute, root } from '../cli/hmm-sim.js';

const page = readFileSync('docs/PORTING.md', 'utf8');

t.test('its code is that of the files', async (t) => {
  for (const [language, file] of [
    ['c', 'hole.c'],
    ['javascript', 'hole.js'],
  ]) {
    const [, block] = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)!;
    t.equal(block, readFileSync(`examples/porting/${file}`, 'utf8'));
  }
});

t.test('its output is real', async (t) => {
  const script = ['scripts/update-readme.js', '--check', 'docs/PORTING.md'];
  t.same(execute(process.execPath, script, { cwd: root }), { status: 0, stdout: '', stderr: '' });
});
