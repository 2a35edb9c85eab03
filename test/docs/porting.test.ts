// SPDX-License-Identifier: GPL-2.0-only
/** docs/PORTING.md shows the files of examples/porting. */
import { readFileSync } from 'node:fs';
import t from 'tap';

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
