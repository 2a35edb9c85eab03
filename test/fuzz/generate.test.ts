// SPDX-License-Identifier: GPL-2.0-only
/** The generator: valid documents, every op and every kind of value among them, and the frequencies of recordings. */
import t from 'tap';
import { categories } from '../../src/fuzz/categories.js';
import { generateScenario } from '../../src/fuzz/generate.js';
import { diagnose } from '../../src/scenario/diagnose.js';
import { Dice } from '../../src/scenario/dice.js';
import type { Step } from '../../src/scenario/schema.js';

const SEEDS = 3000;

const NONSENSE =
  /^there is no process|^p\d+ was forked before|^something is mapped at|is the first process|is there from the beginning/;

function tokenOf(step: Step): string {
  if (step.op === 'ioctl') return step.cmd;
  if (step.op === 'madvise') return step.advice;
  if (step.op === 'mremap' && step.to === undefined) return 'resize';
  if (step.op === 'mremap' && step.dontunmap) return 'dontunmap';
  if ((step.op === 'peek' || step.op === 'poke') && step.force) return `${step.op} force`;
  if (step.op === 'uffd_register') return `${step.op} ${step.mode.join(' ')}`;
  if (step.op === 'uffd_copy' && step.wp) return 'uffd_copy wp';
  if (step.op === 'uffd_wp') return `uffd_wp ${step.wp}`;
  return step.op === 'gup' ? `gup ${step.kind}` : step.op;
}

function tokens(kernel: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const document = generateScenario(seed, { kernel });
    // What an author cannot mean is made up on purpose: processes that are not there, and mappings over others.
    const complaints = diagnose(document).filter(({ message }) => !NONSENSE.test(message));
    if (complaints.length > 0) throw new Error(`seed ${seed}: ${complaints[0]!.message}`);
    for (const step of document.steps) counts.set(tokenOf(step), (counts.get(tokenOf(step)) ?? 0) + 1);
  }
  return counts;
}

const OPS =
  'open close mmap munmap mlock munlock mprotect mremap store load pagemap ioctl_raw pin unpin get put lock unlock fork exit ' +
  'kill resize dontunmap truncate punch fread fwrite read write peek poke mincore uffd uffd_unregister uffd_copy uffd_zero';

const ADVICE =
  'hugepage nohugepage dontneed free dontfork wipeonfork populate_read populate_write collapse ' +
  'cold pageout remove willneed dontneed_locked guard_install guard_remove';
const VARIANTS = [
  'peek force',
  'poke force',
  'uffd_register missing',
  'uffd_register wp',
  'uffd_register missing wp',
  'uffd_copy wp',
  'uffd_wp true',
  'uffd_wp false',
];
const GUP_KINDS = 'basic fast pin pin_fast pin_longterm pin_fast_longterm';

t.test('documents are valid and every op is there', (t) => {
  const counts = tokens('6.12');
  const commands = 'READ WRITE MIGRATE_TO_DEV MIGRATE_TO_SYS SNAPSHOT EXCLUSIVE CHECK_EXCLUSIVE RELEASE';
  const expected = [
    ...OPS.split(' '),
    ...commands.split(' '),
    'GET_MEM_DEV_TYPE',
    ...ADVICE.split(' '),
    ...VARIANTS,
    ...GUP_KINDS.split(' ').map((kind) => `gup ${kind}`),
  ];
  t.strictSame([...counts.keys()].sort(), expected.sort());
  t.ok(Math.min(...counts.values()) >= 10, 'none of them is a rarity');
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  t.equal(Math.round((100 * counts.get('MIGRATE_TO_DEV')!) / total), 11, 'per cent, as in recordings');
  t.end();
});

t.test('v5-generic migrates with MIGRATE and has two devices', (t) => {
  const counts = tokens('v5-generic');
  t.ok(counts.get('MIGRATE')! > 1000);
  const devices = new Set<number>();
  for (let seed = 0; seed < 300; seed++) {
    for (const step of generateScenario(seed, { kernel: 'v5-generic' }).steps) {
      if (step.op === 'open' && step.fd !== 'd98') devices.add(Number(step.device));
    }
  }
  t.strictSame([...devices].sort(), [0, 1]);
  t.end();
});

t.test('a seed is a document, for ever', (t) => {
  const document = generateScenario(6, { kernel: '6.12', category: 'fork' });
  t.strictSame(document, generateScenario(6, { kernel: '6.12', category: 'fork' }));
  t.equal(document.name, 'generated-fork-6');
  t.strictSame(document.steps.slice(0, 2), [
    { as: 'p0', op: 'open', fd: 'd0', device: 3 },
    { as: 'p0', op: 'mmap', region: 'r0', pages: 16, prot: 'rw', share: 'private', backing: 'anon' },
  ]);
  t.end();
});

t.test('the later categories have what their recordings have', (t) => {
  const documents = (category: string) =>
    Array.from({ length: 40 }, (_, seed) => generateScenario(seed, { kernel: '6.12', category }));
  const stepsOf = (category: string) => documents(category).flatMap(({ steps }) => steps);

  const files = documents('filex').flatMap(({ steps }) => {
    return steps.flatMap((step, at) => {
      if (step.op !== 'truncate' && step.op !== 'punch' && step.op !== 'fwrite') return [];
      return [
        steps.slice(0, at).some((s) => s.op === 'mmap' && s.backing === 'file' && s.region === step.region),
      ];
    });
  });
  const ofFiles = files.filter((isFile) => isFile).length;
  t.ok(ofFiles > 40 && ofFiles > 0.9 * files.length, 'files that processes have mapped');
  t.ok(
    documents('swap').every(({ machine }) => machine?.swap === '256M'),
    'a swap device',
  );
  t.ok(
    documents('every').every(({ machine }) => machine?.swap === '256M'),
    'where there is everything, too',
  );
  const uses = documents('uffd').filter(({ steps }) => steps.some(({ op }) => op === 'uffd_register'));
  const before = uses.filter(({ steps }) => {
    return steps.findIndex(({ op }) => op === 'uffd') < steps.findIndex(({ op }) => op === 'uffd_register');
  });
  t.ok(uses.length > 20 && before.length > 0.9 * uses.length, 'a userfaultfd before what is asked of it');
  t.ok(
    stepsOf('io').some((step) => step.op === 'peek' && step.of !== step.as),
    "another process's memory",
  );
  t.ok(stepsOf('collapse').filter((step) => step.op === 'madvise' && step.advice === 'collapse').length > 30);
  const lengths = stepsOf('mremapx').flatMap((step) => {
    return step.op === 'mremap' && step.toPages !== undefined ? [Math.sign(step.toPages - step.pages)] : [];
  });
  t.strictSame([...new Set(lengths)].sort(), [-1, 0, 1], 'in place: shorter, the same, longer');
  t.end();
});

t.test('categories of what a kernel has, as its recordings have them', (t) => {
  const namesOf = (kernel: string): string[] => {
    const names = new Set<string>();
    for (let seed = 0; seed < 1000; seed++) names.add(generateScenario(seed, { kernel }).name.split('-')[1]!);
    return [...names].sort();
  };
  const newer = ['err', 'everydev', 'guard', 'splitdev', 'thpdev', 'thpgup'];
  const [before, after] = [namesOf('6.12'), namesOf('7.3')];
  t.strictSame(
    after.filter((name) => !before.includes(name)),
    newer,
  );
  t.strictSame(
    before.filter((name) => !after.includes(name)),
    [],
  );

  const stepsOf = (category: string) =>
    Array.from({ length: 60 }, (_, seed) => generateScenario(seed, { kernel: '7.3', category }).steps).flat();
  const migrations = stepsOf('thpdev').filter((step) => step.op === 'ioctl' && step.cmd === 'MIGRATE_TO_DEV');
  const whole = migrations.filter((step) => 'page' in step && step.page === 0 && Number(step.pages) >= 512);
  t.ok(whole.length > migrations.length / 4, 'whole huge pages go to the device');
  const spans = new Set(migrations.map((step) => ('page' in step ? `${step.page}+${step.pages}` : '')));
  for (const span of ['0+512', '256+256', '500+30', '511+1']) t.ok(spans.has(span), span);

  const commands = new Set(stepsOf('err').flatMap((step) => (step.op === 'ioctl' ? [step.cmd] : [])));
  t.ok(commands.has('FLAGS') && commands.has('READ_UNLOCKED'));
  const guards = stepsOf('guard').filter((step) => step.op === 'madvise' && /guard/.test(step.advice));
  t.ok(guards.length > 60);
  t.end();
});

t.test('weights', (t) => {
  const dice = new Dice(1);
  const seen = { a: 0, b: 0, never: 0 };
  for (let i = 0; i < 4000; i++) seen[dice.weighted({ a: 3, b: 1, never: 0 })]++;
  t.equal(seen.never, 0);
  t.equal(Math.round(seen.a / seen.b), 3);
  t.throws(() => dice.weighted({ never: 0 }), { message: 'no weight is positive' });
  for (const [name, { steps, looks }] of Object.entries(categories)) {
    t.ok((steps[looks === undefined ? 'snapshot' : 'move_pages'] ?? 0) > 0, `${name} looks at what it does`);
  }
  t.end();
});
