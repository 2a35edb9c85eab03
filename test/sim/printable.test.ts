// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { oneLine, present } from '../../src/cli/failure.js';
import { cComment } from '../../src/export/literal.js';
import { junitText } from '../../src/report/junit.js';
import { scenarioLines } from '../../src/report/scenario-ktap.js';
import { UsageError } from '../../src/sim/errors.js';
import { printable } from '../../src/sim/printable.js';

const hostile = '\u001b]0;x\u0007\u001b[31m\n\u202e\u2028\u009b\u007f\u200f';
const spelled = '\\u001b]0;x\\u0007\\u001b[31m\\u000a\\u202e\\u2028\\u009b\\u007f\\u200f';

t.test('what is not seen, or moves what is, is spelled; the rest stays', async (t) => {
  t.equal(printable(hostile), spelled);
  t.equal(printable(spelled), spelled);
  t.equal(printable('ä 😀\tü\u00a0\\'), 'ä 😀\tü\u00a0\\');
  t.equal(printable('\ud800x\u{e0041}'), '\\ud800x\\udb40\\udc41');
});

t.test('in TAP, JUnit, C and errors', async (t) => {
  t.equal(scenarioLines(1, { name: hostile, notes: [hostile] }).length, 2);
  const [line, note] = scenarioLines(1, { name: hostile, notes: [hostile] });
  t.equal(line, `ok 1 ${spelled}`);
  t.equal(note, `# ${spelled}`);
  const failure = { file: hostile, line: 1, differs: hostile };
  t.notMatch(scenarioLines(1, { name: 'a', failure, notes: [] }).join(''), /[^\x20-\x7e]/);
  const invalid = { file: 'f', line: 1, invalid: [`key "${hostile}"`] };
  t.equal(scenarioLines(1, { name: 'a', invalid, notes: [] })[4], `  invalid: [ 'key "${spelled}"' ]`);
  const junit = junitText([{ classname: hostile, name: hostile, ns: 0, verdict: 'failure', body: hostile }], {
    name: 'x',
    properties: {},
  });
  t.notMatch(junit.replaceAll('\n', ''), /[^\x20-\x7e]/);
  t.match(junit, 'name="\\u001b]0;x\\u0007\\u001b[31m&#10;\\u202e');
  t.equal(cComment('a*/\n\u202e\u001b'), 'a* / \\u202e\\u001b');
  t.strictSame(present(new UsageError(hostile, hostile)).lines, [`hmm-sim: ${spelled}: ${spelled}`]);
  t.equal(
    oneLine(`error: unknown command '${hostile}'`),
    `hmm-sim: unknown command '${spelled}' (see hmm-sim --help)\n`,
  );
});
