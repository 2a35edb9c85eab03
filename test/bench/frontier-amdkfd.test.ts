// SPDX-License-Identifier: GPL-2.0-only
/**
 * A node of Frontier under amdkfd, with less data: 0.5 TB of system memory and four GPUs with 64 GiB each, in one address space.
 * Where the data is after each phase is exact; so is what the choice of flags does to generic pages.
 */
import t from 'tap';
import { execute, root } from '../cli/hmm-sim.js';

const BYTES = 64 * 2 ** 20;
/** Of this much data, whatever the size of the machine. */
const PEAK_MB = 500;

interface Outcome {
  readonly places: Readonly<Record<string, readonly string[]>>;
  readonly wrong: number;
  readonly peakMB: number;
}

function frontier(...args: string[]): Outcome {
  const node = [process.execPath, 'bench/lib/frontier-amdkfd.js', String(BYTES), ...args];
  return JSON.parse(execute('env', ['-u', 'NODE_OPTIONS', ...node], { cwd: root }).stdout) as Outcome;
}

const home = ['0', '0', '0', '0'];
const first = ['1', '2', '3', '4'];

for (const kernel of ['6.12', '7.3', 'v4-coherent', 'v5-generic']) {
  t.test(`data crosses all four GPUs and comes home on ${kernel}`, async (t) => {
    const { places, wrong, peakMB } = frontier(kernel);
    t.strictSame(places, {
      populate: home,
      'round 1': first,
      'round 2': ['2', '3', '4', '1'],
      'round 3': ['3', '4', '1', '2'],
      'round 4': ['4', '1', '2', '3'],
      back: home,
      check: home,
    });
    t.equal(wrong, 0, 'the processor reads what it and the GPUs wrote');
    t.ok(peakMB < PEAK_MB, `${peakMB} MB`);
  });
}

t.test('before v5, private pages are selected: generic ones never leave their first GPU', async (t) => {
  const { places, wrong } = frontier('v5-generic', 'amdkfd-selects-private');
  t.strictSame(places, {
    populate: home,
    'round 1': first,
    'round 2': first,
    'round 3': first,
    'round 4': first,
    back: first,
    check: first,
  });
  t.equal(wrong, 0, 'which is all the same for what is read');
});
