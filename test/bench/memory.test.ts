// SPDX-License-Identifier: GPL-2.0-only
/** How much memory of the host the suite of 7.3 takes, all 78 tests, private and coherent. */
import t from 'tap';
import { execute, root } from '../cli/hmm-sim.js';

const MAX_MB = 300;
// Usage goes to descriptor 3, which is stdout here. The suite is a child of the shell: in place of the shell, which is a
// child of this process, it would begin with the peak of this process as its own.
const MEASURED =
  'exec 3>&1; "$0" --import ./bench/lib/report-usage.js ./bin/hmm-sim.js "$@" >/dev/null; exit $?';

t.test('the suite of 7.3 takes at most 300 MB', (t) => {
  // Without what the test runner loads into every node that it sees start, which takes memory itself.
  const { status, stdout } = execute(
    'env',
    [
      ...['-u', 'NODE_OPTIONS', 'sh', '-c', MEASURED, process.execPath],
      ...['smoke', '0x100000000', '0x140000000', '--kernel', '7.3', '--seed', '7'],
    ],
    { cwd: root },
  );
  // As on a real 7.3, migrate_anon_huge_err fails on a coherent device.
  t.equal(status, 1);
  const peakMB = Number(stdout.split(' ')[0]) / 1000;
  t.ok(peakMB > 0 && peakMB <= MAX_MB, `${peakMB} MB`);
  t.end();
});
