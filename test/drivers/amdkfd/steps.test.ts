// SPDX-License-Identifier: GPL-2.0-only
/** amdgpu's steps on every kernel and kind of machine: whatever moves where, programs read the same. Scenarios are in test/derived. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generations } from '../../../src/generations/index.js';
import { failureOf } from '../../../src/report/scenario-outcome.js';
import { load } from '../../../src/scenario/load.js';
import { MachinePool } from '../../../src/session/machine-pool.js';
import { runOn } from '../../../src/session/runner.js';
import { Setups } from '../../../src/session/setup.js';
import { hmmSim } from '../../cli/hmm-sim.js';

const EXAMPLE = 'examples/drivers/amdgpu.yaml';

function outcomeOf(kernel: string, text: string) {
  const place = load(text, 'amdgpu.yaml', 'yaml').documents[0]!;
  const setup = new Setups({ kernel, check: true }).of(place.document);
  return failureOf(place, runOn(new MachinePool(), setup, place.document));
}

for (const { id } of generations) {
  t.test(`the example, on ${id}`, async (t) => {
    const text = readFileSync(EXAMPLE, 'utf8');
    t.equal(outcomeOf(id, text), undefined);
    t.equal(outcomeOf(id, text.replace('noretry=0', 'noretry=0,sim_topology=cpu')), undefined, 'coherent');
    // Nothing was prefetched there, so that the GPU faults once more.
    const apu = text.replace('noretry=0', 'noretry=0,sim_topology=apu').replace('faults: 1', 'faults: 2');
    t.equal(outcomeOf(id, apu), undefined, 'an APU');
  });
}

t.test('explain and show tell of it', async (t) => {
  const { stdout: words } = hmmSim('explain', '--step', '6', EXAMPLE);
  t.match(words, /^ {2}r0\[0\] {2}migrated {2}migrate_vma_pages {2}system pfn .* -> private on gpu0 pfn /m);
  const { stdout: grid } = hmmSim('show', EXAMPLE);
  t.match(grid, /^p0 r0\[3\] .* P0 - 0rw /m);
});

t.test('--trace tells of its commands', async (t) => {
  const trace = join(t.testdir(), 'trace.txt');
  t.equal(hmmSim('run', '--trace', trace, EXAMPLE).status, 0);
  const text = readFileSync(trace, 'utf8');
  t.match(text, /hmm_sim:driver_command: fn=svm_migrate_copy_to_vram .* cmd=PREFETCH device=gpu0 /);
  t.match(text, /hmm_sim:device_fault: fn=svm_range_map_to_gpu /);
});
