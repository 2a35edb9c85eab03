// SPDX-License-Identifier: GPL-2.0-only
/**
 * What GPUs store the CPU reads, however the program came by its memory: documents that are composed, and what is left out
 * of them because the kernel's own driver does not keep it.
 */
import t from 'tap';
import { allocatorScenario, onApu } from '../../../src/fuzz/allocator.js';
import { scenarioOf } from '../../../src/fuzz/campaign.js';
import { findingsOf, goalOf } from '../../../src/fuzz/goals.js';
import { failureOf } from '../../../src/report/scenario-outcome.js';
import { load } from '../../../src/scenario/load.js';
import { MachinePool } from '../../../src/session/machine-pool.js';
import { runOn } from '../../../src/session/runner.js';
import { Setups } from '../../../src/session/setup.js';
import { unexpected } from '../../fuzz/generated.js';
import { shrunk } from '../../fuzz/shrunk.js';

/** Documents of each kernel. The checkers look at each fourth: they are slow. */
const COUNTS = { '6.12': 160, '7.3': 60, '6.1': 40, 'v4-coherent': 40, 'v5-generic': 40 } as const;

const pool = new MachinePool();

for (const [kernel, count] of Object.entries(COUNTS)) {
  t.test(`${count} documents on ${kernel}`, async (t) => {
    const found: string[] = [];
    for (let seed = 1; seed <= count; seed++) {
      const text = unexpected(allocatorScenario(seed, kernel), seed % 4 === 0 ? 'checked' : 'plain');
      if (text !== undefined) found.push(`seed ${seed}: ${text}`);
    }
    t.strictSame(found, []);
  });
}

t.test('everything is composed', async (t) => {
  const ops = new Set<string>();
  const modules = new Set<string>();
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const { machine, steps } = allocatorScenario(seed, '6.12');
    modules.add(machine!.modprobe![0]!);
    for (const step of steps) {
      if (step.op === 'mmap') kinds.add(`${step.share} ${step.backing}`);
      const detail = step.op === 'driver' ? step.command : step.op === 'madvise' ? step.advice : step.op;
      ops.add(step.op === 'mremap' && step.dontunmap ? 'dontunmap' : detail);
    }
  }
  t.equal(modules.size, 6);
  t.strictSame([...kinds].sort(), [
    'private anon',
    'private file',
    'private hugetlb',
    'shared anon',
    'shared file',
  ]);
  t.strictSame(
    [...ops].sort(),
    (
      'ACQUIRE_VM GPU_READ GPU_WRITE PREFETCH dontneed dontunmap exit fork hugepage load mlock mmap mremap munlock ' +
      'munmap nohugepage open store'
    ).split(' '),
  );
});

t.test('the oracle notices', async (t) => {
  const plan = { kernel: '6.12', category: 'allocator', check: true, seed: 1, shard: [1, 1] } as const;
  const lab = { source: pool, setups: new Setups(), sound: onApu };
  // The scenario's own fix is left out: what was thrown away comes back.
  const found = Array.from({ length: 60 }, (_, n) => {
    const document = scenarioOf({ ...plan, bugs: ['amdkfd-hole-not-cleared'] }, n + 1);
    return findingsOf(lab, document).map((finding) => ({ document, finding }));
  }).flat();
  t.not(found.length, 0);
  const [{ document, finding }] = found as [(typeof found)[0]];
  t.match(finding, { kind: 'expectation', reason: /^(data|pages) \d+, not 0$/ });
  const goal = goalOf(lab, document, finding);
  const ids = goal.document.steps.map((_, index) => index);
  t.ok(goal.interesting(goal.document, ids));
  const { steps } = goal.finish(shrunk(goal.document, goal.interesting).best);
  t.ok(steps.length <= 10, `${steps.length} of ${document.steps.length} steps are left`);
  t.equal(steps.filter((step) => step.op === 'madvise' && step.advice === 'dontneed').length, 1);
  t.equal(steps.filter(({ expect }) => expect !== undefined).length, 1, 'what was expected otherwise is');
});

// --- what the kernel does not keep ----------------------------------------------------------------------------

/** What the steps show; `?` for what is told there. */
function shows(module: string, kernel: string, steps: string): string | undefined {
  const gpus = module.includes('sim_gpus=2') ? 2 : 1;
  const opening = ['open d0 kfd', 'mmap r9 1'];
  for (let n = 1; n <= gpus; n++) {
    opening.push(`open d${n} dri/renderD${127 + n}`, `driver d${n} ACQUIRE_VM r9: { ret: 0 }`);
  }
  const lines = [
    ...opening,
    ...steps
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  ];
  const text = [
    'name: left-out',
    `kernel: "${kernel}"`,
    `machine: { module: false, modprobe: ["amdgpu,noretry=0${module}"] }`,
    'steps:',
    ...lines.map((line) => `  - ${line}`),
  ].join('\n');
  const { documents, mistakes } = load(text, 'left-out.yaml', 'yaml');
  t.strictSame(mistakes, []);
  const [place] = documents;
  const failure = failureOf(place!, runOn(pool, new Setups().of(place!.document), place!.document));
  return failure && `${lines[failure.step ?? -1]?.replace(/:.*/, '')}: ${failure.differs}`;
}

t.test(
  'a GPU writes to what a child shares: hmm_vma_handle_pte() takes a private entry as it is',
  async (t) => {
    const steps = `
    mmap r0 1
    store r0 5
    fork p1
    driver d1 GPU_WRITE r0 7: { ret: 0, cpages: 1 }
    p1 load r0: { pages: [5] }`;
    for (const kernel of ['6.12', '7.3']) {
      t.equal(shows('', kernel, steps), 'p1 load r0: pages[0]: expected 5, got 7');
    }
    // Coherent pages are faulted in, and copied; what then migrates goes to the place of the page that the child still maps.
    t.equal(shows(',sim_topology=cpu', '6.12', steps), 'p1 load r0: pages[0]: expected 5, got 7');
    t.equal(shows(',sim_topology=apu', '6.12', steps), undefined);
  },
);

t.test(
  'pages that are moved to another address in VRAM: svm_migrate_to_ram() looks for their range there',
  async (t) => {
    const none = `
    mmap r0 1
    driver d1 GPU_WRITE r0 7: { ret: 0, cpages: 1 }
    mremap r0 r1[0]: { ret: 0 }
    load r1: { pages: [7] }`;
    t.equal(shows('', '6.12', none), 'load r1: pages[0]: expected 7, got "SIGBUS"');
    t.equal(shows('', '7.3', none), 'load r1: pages[0]: expected 7, got "SIGBUS"');
    const empty = `
    mmap r0 1
    driver d1 GPU_WRITE r0 7: { ret: 0, cpages: 1 }
    mremap r0 r1[0]: { ret: 0 }
    driver d0 PREFETCH r1 0: { ret: 0 }
    load r1: { pages: [7] }`;
    t.equal(shows('', '6.12', empty), 'load r1: hang: expected nothing, got "exc_page_fault"');
  },
);

t.test(
  'pages that are thrown away in VRAM still count: svm_migrate_vram_to_ram() never gets them',
  async (t) => {
    const steps = `
    mmap r0 2
    driver d1 GPU_WRITE r0 7: { ret: 0, cpages: 2 }
    madvise r0[1] dontneed
    driver d2 GPU_READ r0[0]: { ret: 0, data: [7] }`;
    const hang = 'driver d2 GPU_READ r0[0]: hang: expected nothing, got "gpu_fault"';
    t.equal(shows(',sim_gpus=2', '6.12', steps), hang);
    t.equal(shows(',sim_gpus=2', '7.3', steps), hang);
    t.equal(shows(',sim_gpus=2,sim_topology=hive', '6.12', steps), undefined);
  },
);

t.test('pages of a file count, and do not migrate: svm_migrate_copy_to_vram() before 7.3', async (t) => {
  const steps = `
    mmap r0 1 rw shared file
    store r0 5
    driver d1 GPU_WRITE r0 7: { ret: 0, cpages: 1 }
    driver d2 GPU_READ r0: { ret: 0, data: [7] }`;
  t.equal(
    shows(',sim_gpus=2', '6.12', steps),
    'driver d2 GPU_READ r0: hang: expected nothing, got "gpu_fault"',
  );
  t.equal(shows(',sim_gpus=2', '7.3', steps), undefined);
});
