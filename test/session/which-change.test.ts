// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which change did it, on recordings: for what two real kernels answered differently, the behaviours that are found make
 * one answer as the other did, none of them can be left out, and no smaller set would do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { differingBehaviours, withBehaviours } from '../../src/generations/differences.js';
import { type Generation, generationById } from '../../src/generations/index.js';
import { compareScenario, sameResult } from '../../src/scenario/compare.js';
import { load } from '../../src/scenario/load.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { bootMachine, MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { WhichChange } from '../../src/session/which-change.js';

const old = generationById('6.12')!;
const recent = generationById('7.3')!;

function recordings(kernel: string, name: string): ScenarioDocument[] {
  const file = `test/golden/${kernel}/${name}.jsonl.gz`;
  return load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl').documents.map((one) => one.document);
}

const setups = new Setups({ kernel: old.id });
const others = new Setups({ kernel: recent.id });
const machines = new MachinePool();

function answers(document: ScenarioDocument, generation: Generation): readonly StepResult[] {
  const setup = { ...setups.of(document), generation };
  return runOn({ acquire: () => bootMachine(setup), release: () => {} }, setup, document).results;
}

function flipped(names: readonly string[]): Generation {
  const values = names.map((name) => [name, recent.behaviours[name as keyof typeof recent.behaviours]]);
  return withBehaviours(old, Object.fromEntries(values));
}

/** Is a step answered as the newer kernel does: as it was recorded there, or as it is answered here? */
function answersAs(
  document: ScenarioDocument,
  step: number,
  found: readonly StepResult[],
  other: readonly StepResult[],
): boolean {
  if (document.kernel !== recent.id) return sameResult(found[step], other[step]);
  if (found[step] === undefined) return false;
  const recorded = { ...document, steps: document.steps.slice(step, step + 1) };
  return compareScenario(recorded, found.slice(step, step + 1)) === null;
}

/** Of the steps that the two kernels answer differently, one of which they were recorded on: [all, named]. */
function judged(t: Test, documents: readonly ScenarioDocument[]): [number, number] {
  const which = new WhichChange();
  let all = 0;
  let named = 0;
  for (const document of documents) {
    const setup = setups.of(document);
    const { results } = runOn(machines, setup, document);
    const other = { generation: recent, results: runOn(machines, others.of(document), document).results };
    const causes = which.of(document, setup, results, other);
    all += causes.length;
    for (const { step, behaviours } of causes) {
      if (behaviours === null) continue;
      named++;
      const found = answers(document, flipped(behaviours));
      if (!answersAs(document, step, found, other.results))
        t.fail(`${document.name}, step ${step}: not as on ${recent.id} with ${behaviours}`);
      const less = behaviours.map((name) => behaviours.filter((one) => one !== name));
      if (less.some((names) => sameResult(answers(document, flipped(names))[step], other.results[step])))
        t.fail(`${document.name}, step ${step}: one of ${behaviours} can be left out`);
    }
  }
  return [all, named];
}

t.test('what both kernels recorded, and answered differently', async (t) => {
  const files = ['filex', 'io', 'mremapx', 'swap', 'uffd'];
  const before = new Map(files.flatMap((name) => recordings('6.12', name)).map((one) => [one.name, one]));
  const both = files
    .flatMap((name) => recordings('7.3', name))
    .filter(({ name, steps }) => {
      const { steps: then = [] } = before.get(name) ?? {};
      const differ = (n: number) => JSON.stringify(steps[n]!.expect) !== JSON.stringify(then[n]?.expect);
      return before.has(name) && steps.some((_, n) => differ(n));
    });
  t.ok(both.length >= 39, `${both.length} recordings`);
  const [all, named] = judged(t, both);
  t.ok(all >= 55, `${all} steps`);
  t.ok(named >= 0.95 * all, `${named} are named`);
});

/** Every `nth` recording of each file of a kernel; scripts/which-change.js takes all. */
const sampleOf = (kernel: string, nth: number) =>
  readdirSync(`test/golden/${kernel}`)
    .filter((name) => name.endsWith('.jsonl.gz'))
    .flatMap((name) => recordings(kernel, name.slice(0, -'.jsonl.gz'.length)))
    .filter((_, n) => n % nth === 1);

t.test('what 7.3 recorded', async (t) => {
  const [all, named] = judged(t, sampleOf('7.3', 12));
  t.ok(all > 80, `${all} steps`);
  t.ok(named >= 0.95 * all, `${named} are named`);
});

t.test('what 6.12 recorded', async (t) => {
  const [all, named] = judged(t, sampleOf('6.12', 16));
  t.ok(all > 60, `${all} steps`);
  t.ok(named >= 0.95 * all, `${named} are named`);
});

t.test('with all of them flipped, a kernel answers as the other', async (t) => {
  const all = flipped(differingBehaviours(old, recent));
  t.strictSame({ ...all.behaviours }, { ...recent.behaviours });
  t.strictSame(all.uapi.nr, recent.uapi.nr);
  for (const document of recordings('7.3', 'err').slice(0, 12))
    t.equal(compareScenario(document, answers(document, all)), null, document.name);
});

t.test('two changes, where each alone does not do it', async (t) => {
  const steps = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 512, prot: 'rw', share: 'private', backing: 'anon' },
    { op: 'madvise', region: 'r0', page: 0, pages: 512, advice: 'hugepage' },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 7 },
    { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 0, pages: 512 },
    { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', region: 'r0', page: 0, pages: 512 },
  ] as const;
  const document: ScenarioDocument = { name: 'a', steps: [...steps] };
  const setup = setups.of(document);
  const { results } = runOn(machines, setup, document);
  const other = { generation: recent, results: runOn(machines, others.of(document), document).results };
  const found = new WhichChange().of(document, setup, results, other);
  t.strictSame(found, [
    { step: 5, behaviours: ['migratesCompound', 'migrateBatchPages', 'driverSelectsCompound'] },
  ]);
  t.strictSame(new WhichChange().of(document, setup, results, { generation: old, results }), []);
});

t.test('an answer that no kernel in between gives', async (t) => {
  const document: ScenarioDocument = { name: 'a', steps: [{ op: 'close', fd: 'd0' }] };
  const setup = setups.of(document);
  const { results } = runOn(machines, setup, document);
  const found = new WhichChange().of(document, setup, results, {
    generation: recent,
    results: [{ ret: 'EIO' }],
  });
  t.strictSame(found, [{ step: 0, behaviours: null }]);
});
