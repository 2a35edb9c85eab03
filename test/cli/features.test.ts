// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim features`: every proof passes, and fails where the mechanism that it stands for is switched off. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { exampleFile, type Feature, features } from '../../src/cli/features-list.js';
import { withBehaviours } from '../../src/generations/differences.js';
import type { MachineDescription } from '../../src/machine/description.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { type Overrides, Setups } from '../../src/session/setup.js';
import { done } from '../../src/sim/task.js';
import { hmmSim } from './hmm-sim.js';

interface Off {
  readonly overrides?: Overrides;
  readonly without?: (setup: MachineDescription) => MachineDescription;
  /** No page comes home when the CPU touches it. */
  readonly noReturn?: boolean;
  /** The disk keeps nothing of what it is given. */
  readonly noDisk?: boolean;
  /** Nobody is told at once that memory of his is lost. */
  readonly noEarlyKill?: boolean;
}

const behaviours =
  (other: Parameters<typeof withBehaviours>[1]) =>
  (setup: MachineDescription): MachineDescription => ({
    ...setup,
    generation: withBehaviours(setup.generation, other),
  });

const switches: Readonly<Record<string, Off>> = {
  'private-memory': { noReturn: true },
  'generic-memory': { overrides: { bugs: ['generic-forced-private'] } },
  'coherent-memory': { without: (setup) => ({ ...setup, module: { ...setup.module!, params: {} } }) },
  'longterm-pins': { without: behaviours({ longtermMigratesCoherent: false }) },
  'exclusive-access': { overrides: { kernel: 'v5-generic' } },
  'huge-device-pages': { without: behaviours({ driverSelectsCompound: false }) },
  'hmm-mirror': { without: behaviours({ driversUseMirrors: false }) },
  'cdm-memory': { without: behaviours({ publicPagesTakeFiles: false }) },
  'coherent-node': { without: (setup) => ({ ...setup, nodes: 1 }) },
  // Its node is one as any other then.
  'device-node-kernel': { without: (setup) => ({ ...setup, module: null }) },
  'memory-policies': { without: (setup) => ({ ...setup, nodes: 1 }) },
  amdkfd: { noReturn: true },
  'amdkfd-coherent': { overrides: { bugs: ['amdkfd-selects-private'] } },
  'amdkfd-userptr': { without: behaviours({ amdkfdForgetsUserPages: false }) },
  nouveau: { noReturn: true },
  'fs-dax': { without: behaviours({ daxTruncateWaits: false }) },
  'dax-references': { overrides: { bugs: ['free-dax-page-warns'] } },
  'device-dax': { without: behaviours({ devdaxPagesAreFreed: true, daxPagesUnreferenced: true }) },
  kvm_hv: { noReturn: true },
  'memory-cgroups': { without: (setup) => ({ ...setup, swap: 0 }) },
  'device-charges': { overrides: { bugs: ['memcg-private-not-moved'] } },
  'write-back': { noDisk: true },
  'memory-failure': { without: behaviours({ injectedErrorsKill: false }) },
  'hugetlb-failure': { without: behaviours({ hugetlbKeepsPoisoned: false }) },
  'early-kill': { noEarlyKill: true },
  'special-mappings': { without: behaviours({ vvarPagesAreNormal: true }) },
};

function boot(setup: MachineDescription, { noReturn = false, noDisk = false, noEarlyKill = false }: Off) {
  const machine = bootMachine(setup);
  const { kernel } = machine;
  if (noDisk) kernel.disk.read = (page) => kernel.contents.copy_page(page, kernel.zeroPage);
  if (noEarlyKill) Object.assign(kernel.mceTasks!, { all: () => [] });
  if (!noReturn) return machine;
  const stay = { migrate_to_ram: () => done(0) };
  for (const pgmap of kernel.pgmaps) if (pgmap !== null) Object.assign(pgmap.ops, stay);
  const addPgmap = kernel.addPgmap.bind(kernel);
  kernel.addPgmap = (pgmap, ...rest) => {
    Object.assign(pgmap.ops, stay);
    addPgmap(pgmap, ...rest);
  };
  return machine;
}

function differs({ proof }: Feature, off: Off) {
  const { overrides, without } = off;
  const file = exampleFile(proof);
  const place = load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!;
  const setup = new Setups(overrides).of(place.document);
  const source = { acquire: (asked: MachineDescription) => boot(asked, off), release: () => undefined };
  return failureOf(place, runOn(source, without?.(setup) ?? setup, place.document))?.differs;
}

for (const feature of features.filter(({ insmod }) => insmod === undefined)) {
  t.test(feature.name, async (t) => {
    t.equal(differs(feature, {}), undefined, 'as it is');
    const off = switches[feature.name];
    t.ok(off, 'it can be switched off');
    t.type(differs(feature, off!), 'string', 'switched off');
  });
}

t.test('a driver of one’s own is there with --insmod alone', async (t) => {
  for (const { proof, insmod } of features.filter(({ insmod }) => insmod !== undefined)) {
    const file = exampleFile(proof);
    t.equal(hmmSim('run', '--insmod', exampleFile(insmod!), file).status, 0, proof);
    t.equal(hmmSim('run', file).status, 1, proof);
  }
});

t.test('README shows each of them', async (t) => {
  const readme = readFileSync('README.md', 'utf8');
  for (const { proof } of features) t.match(readme, new RegExp(`^\\$ npx .* examples/${proof}`, 'm'), proof);
});

t.test('the command', async (t) => {
  const { status, stdout } = hmmSim('features', '--verify');
  t.equal(status, 0, stdout);
  t.match(stdout, `1..${features.length}\n`);
  const { stdout: list } = hmmSim('features');
  for (const { name, proof } of features) t.match(list, new RegExp(`^${name} .*examples/${proof} `, 'm'));
});
