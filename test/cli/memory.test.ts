// SPDX-License-Identifier: GPL-2.0-only
/** A scenario that takes all memory is the only one that fails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, type Ran } from './hmm-sim.js';

const steps = '"steps":[{"op":"open","fd":"d0","device":0}]';

/** The command on a host with little memory, which the kernel of the ninth scenario that a thread runs takes. */
function short(...args: readonly string[]): Ran {
  const preload = new URL('endless.mjs?memory&after=9', import.meta.url).href;
  return execute(process.execPath, ['--max-old-space-size=96', '--import', preload, bin, ...args]);
}

t.test('run: the others run, JUnit and JSON carry it', async (t) => {
  const names = Array.from({ length: 20 }, (_, n) => `n${n + 1}`);
  const d = t.testdir({ 'a.jsonl': names.map((name) => `{"name":"${name}",${steps}}\n`).join('') });
  const file = join(d, 'a.jsonl');
  // Two scenarios a part. The second thread runs 10 to 18, which is its ninth and the second of its part; the third the rest.
  const { status, stdout, stderr } = short('run', file, '--junit', join(d, 'x.xml'));
  t.equal(status, 70);
  t.match(
    stderr,
    /^hmm-sim: internal error: scenario "n9": ran out of memory \(and 1 more\)\nThis is a bug in hmm-sim, [^\n]*\nseed 0; to reproduce: hmm-sim run [^\n]*\n$/,
  );
  const verdicts = stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
  const lost = ['n9', 'n18'];
  t.strictSame(
    verdicts,
    names.map((name, n) => `${lost.includes(name) ? 'not ok' : 'ok'} ${n + 1} ${name}`),
  );
  t.match(stdout, /\n# Totals: pass:18 fail:0 xfail:0 xpass:0 skip:0 error:2\n$/);
  const junit = readFileSync(join(d, 'x.xml'), 'utf8');
  t.match(junit, '<testsuites tests="20" failures="0" errors="2"');
  t.match(junit, /<error message="[^"]*ran out of memory/);
  const json = short('run', '--json', file).stdout.trimEnd().split('\n');
  t.strictSame(
    json.map((line) => (JSON.parse(line) as { verdict: string }).verdict),
    names.map((name) => (lost.includes(name) ? 'error' : 'pass')),
  );
  t.match(json[8], '"reasons":["internal error: ran out of memory"]');
});
