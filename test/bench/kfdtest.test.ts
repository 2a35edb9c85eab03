// SPDX-License-Identifier: GPL-2.0-only
/** `smoke --suite kfdtest` takes 2 GB at most, the whole process. What it may cost in time is in bench/ratios.json. */
import t from 'tap';
import { execute, root } from '../cli/hmm-sim.js';

const PEAK_MB = 2000;

const script = `
  const { runNode, hmmSim } = await import('./bench/lib/measure.js');
  const { KFDTEST } = await import('./bench/smoke.js');
  console.log(JSON.stringify(await runNode([hmmSim, ...KFDTEST])));
`;

t.test('the memory of all 52 instances', async (t) => {
  // Without what the test runner loads into every node that it sees start.
  const node = ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', script];
  const { status, peakMB } = JSON.parse(execute('env', node, { cwd: root }).stdout) as {
    readonly status: number;
    readonly peakMB: number;
  };
  t.equal(status, 0);
  t.ok(peakMB > 50 && peakMB <= PEAK_MB, `${peakMB} MB`);
});
