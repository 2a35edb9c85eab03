// SPDX-License-Identifier: GPL-2.0-only
/** Who moved a page, and why; and how much of all that was moved is thrash. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { followedText, parseFollowed } from '../../src/explain/follow.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { hmmSim } from '../cli/hmm-sim.js';

const EXAMPLE = 'examples/drivers/amdgpu.yaml';

/** The last lines, and what else tells of moves. */
function movesOf(file: string, page: string): string[] {
  const { document } = load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!;
  const setup = new Setups({}).of(document);
  const lines = [...followedText(bootMachine(setup), setup, document, parseFollowed(page, 'page'))].flat();
  return lines.filter((line) => /device_migration|^moved|^thrash/.test(line));
}

t.test('prefetches and faults', async (t) => {
  t.strictSame(movesOf(EXAMPLE, 'r0[2]'), [
    '  tell device_migration  svm_migrate_copy_to_vram  device=gpu0  to_device=1  by=gpu-fault',
    '  tell device_migration  svm_migrate_copy_to_ram  device=gpu0  to_device=0  by=cpu-fault',
    '  tell device_migration  svm_migrate_copy_to_vram  device=gpu0  to_device=1  by=prefetch',
    '  tell device_migration  svm_migrate_copy_to_ram  device=gpu0  to_device=0  by=prefetch',
    'moved  1 x to gpu0 by a fault of the GPU',
    'moved  1 x to system memory by a fault of the CPU',
    'moved  1 x to gpu0 by a prefetch',
    'moved  1 x to system memory by a prefetch',
    'thrash 64 KiB moved, 4.0 times the 16 KiB that were moved at all',
  ]);
});

t.test('evictions, which a task of the kernel does', async (t) => {
  const lines = movesOf('test/derived/amdgpu-eviction.yaml', 'r0[0]');
  t.ok(lines.includes('moved  1 x to system memory by an eviction'));
  t.equal(lines.at(-1), 'thrash 7200 KiB moved, 3.0 times the 2400 KiB that were moved at all');
});

t.test('nothing is told where no driver tells of moves', async (t) => {
  t.strictSame(movesOf('examples/steps/MIGRATE_TO_DEV.yaml', 'r0[0]'), []);
});

t.test('as JSON, and page by page', async (t) => {
  const { stdout } = hmmSim('explain', '--json', '--page', 'r0[3]', EXAMPLE);
  t.strictSame(JSON.parse(stdout.trimEnd().split('\n').at(-1)!), {
    name: 'malloc() memory on an AMD GPU',
    kernel: '6.12',
    process: 'p0',
    page: 'r0[3]',
    moves: [
      { to: 'gpu0', by: 'gpu-fault', times: 1 },
      { to: null, by: 'cpu-fault', times: 1 },
      { to: 'gpu0', by: 'prefetch', times: 1 },
      { to: null, by: 'prefetch', times: 1 },
    ],
    movedBytes: 65536,
    workingSet: 16384,
  });
  const { stdout: words } = hmmSim('explain', '--step', '8', EXAMPLE);
  t.match(
    words,
    /r0\[3\] {2}read {2}svm_migrate_copy_to_vram {2}nothing mapped -> .*, by a fault of the GPU$/m,
  );
});
