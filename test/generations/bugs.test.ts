// SPDX-License-Identifier: GPL-2.0-only
import { readdirSync } from 'node:fs';
import t from 'tap';
import { isAmong } from '../../src/generations/behaviours/entry.js';
import { registry } from '../../src/generations/behaviours/index.js';
import { bugById, bugs, generationsWith, hasBug, withBugs } from '../../src/generations/bugs/index.js';
import { generationById, generations } from '../../src/generations/index.js';

const linux612 = generationById('6.12')!;
const v5 = generationById('v5-generic')!;

t.test('every bug has an id of its own, switches that exist, and a scenario', (t) => {
  const ids = bugs.map(({ id }) => id);
  t.equal(new Set(ids).size, ids.length);
  const scenarios = readdirSync(new URL('../bugs', import.meta.url)).map((file) => file.replace('.yaml', ''));
  t.strictSame(scenarios.sort(), [...ids].sort());
  for (const { id, overrides, fixed, mechanism, symptom, existed, fix, shows } of bugs) {
    const names = Object.keys(overrides);
    t.ok(names.length > 0 && names.every((name) => name in registry), id);
    t.strictSame(Object.keys(fixed ?? overrides), names, id);
    for (const text of [mechanism, symptom, existed, fix.subject ?? fix.note ?? '', shows])
      t.not(text, '', id);
  }
  t.end();
});

t.test('which kernels have which bug as they are', (t) => {
  const owners = (id: string) => generationsWith(bugById(id, '')).map((generation) => generation.id);
  t.strictSame(owners('own-private-page-mirrored'), ['v5-generic', 'v4-coherent', '6.1', '6.12', '7.3']);
  t.strictSame(owners('stale-mirror-after-close'), ['v5-generic', 'v4-coherent']);
  t.strictSame(owners('null-spm-resource'), ['v5-generic']);
  t.strictSame(owners('mixedmap-rejected'), ['rfc-cdm', 'hmm-v25', 'v5-generic']);
  t.strictSame(owners('foreign-private-refused'), ['rfc-cdm', 'hmm-v25', 'v5-generic', 'v4-coherent']);
  t.strictSame(owners('dirty-bit-lost'), ['rfc-cdm', 'hmm-v25', 'v5-generic', 'v4-coherent']);
  t.strictSame(owners('free-page-referenced'), ['rfc-cdm', 'hmm-v25', 'v4-coherent']);
  t.strictSame(owners('exclusive-uninitialized-pages'), ['v4-coherent']);
  t.strictSame(owners('exclusive-thp-tail'), ['v4-coherent', '6.1', '6.12']);
  t.strictSame(owners('failed-device-stays'), ['6.1', '6.12']);
  t.strictSame(owners('exclusive-hugetlb'), []);
  t.end();
});

t.test('a kernel has a bug by default where it existed, and nowhere else', (t) => {
  for (const bug of bugs) {
    for (const generation of generations) {
      const { id, version } = generation;
      t.equal(hasBug(generation, bug), isAmong(bug.kernels, { version, posting: id }), `${bug.id} in ${id}`);
    }
  }
  t.end();
});

t.test('a bug turned on is there, a bug fixed is not, and nothing else changes', (t) => {
  for (const bug of bugs) {
    for (const generation of generations) {
      const on = withBugs(generation, [bug.id]);
      const off = withBugs(generation, [], [bug.id]);
      t.ok(hasBug(on, bug), `${bug.id} in ${generation.id}`);
      t.notOk(hasBug(off, bug), `no ${bug.id} in ${generation.id}`);
      for (const name of Object.keys(registry) as (keyof typeof registry)[]) {
        if (name in bug.overrides) continue;
        if (on.behaviours[name] !== generation.behaviours[name]) t.fail(`${bug.id} changes ${name}`);
      }
    }
  }
  t.end();
});

t.test('each combination is one generation, and none is the generation itself', (t) => {
  t.equal(withBugs(v5), v5);
  t.equal(withBugs(v5, [], []), v5);
  const [a, b] = ['npages-overflow', 'dirty-bit-lost'];
  t.equal(withBugs(linux612, [a, b]), withBugs(linux612, [b, a]));
  t.not(withBugs(linux612, [a]), withBugs(linux612, [], [a]));
  t.equal(withBugs(linux612, [a]).id, '6.12');
  t.end();
});

t.test('mistakes', (t) => {
  t.throws(() => withBugs(v5, ['dead-miror-loop']), {
    name: 'UsageError',
    message:
      '--bug: unknown bug "dead-miror-loop" (did you mean "dead-mirror-loop"?); "hmm-sim bugs" lists them',
  });
  t.throws(() => withBugs(v5, [], ['x']), {
    name: 'UsageError',
    message: '--fix: unknown bug "x"; "hmm-sim bugs" lists them',
  });
  t.throws(() => withBugs(v5, ['npages-overflow'], ['npages-overflow']), {
    name: 'UsageError',
    message: '--bug: "npages-overflow" is to be fixed as well',
  });
  t.end();
});
