// SPDX-License-Identifier: GPL-2.0-only
/** What a printed command says of a file is what a shell hands back, wherever the file is. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { nextLines } from '../../src/cli/fuzz-summary.js';
import { quoted } from '../../src/cli/quoted.js';

t.test('a shell reads it back', async (t) => {
  for (const word of ['/a/b.yaml', 'a b', "it's", '$x `y` "z" \\', '']) {
    const back = execFileSync('sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' });
    t.equal(back, word);
  }
  t.equal(quoted('/a/b.yaml'), '/a/b.yaml', 'and needs no quotes most of the time');
});

t.test('the directory of a campaign', async (t) => {
  const entry = { seed: 3, sort: 'oops-x', text: 'oops in x', steps: 2, file: 'oops-x.yaml' };
  const plan = { insmod: ['my drivers/a.js'] };
  const [line] = nextLines(plan as never, [entry as never], 'out of it');
  t.equal(line, "# why: hmm-sim explain --insmod 'my drivers/a.js' 'out of it/oops-x.yaml'");
});
