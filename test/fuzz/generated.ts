// SPDX-License-Identifier: GPL-2.0-only
/** Properties that every scenario has, whatever its steps are, tried on generated ones. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type Finding, type Observation, observe, sortOf } from '../../src/fuzz/findings.js';
import { generateScenario } from '../../src/fuzz/generate.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { definitionOf } from '../../src/scenario/steps/index.js';
import { judge, unmetText } from '../../src/scenario/verdict.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';

export const KERNELS = ['7.3', '6.12', '6.1', 'v4-coherent', 'v5-generic'] as const;

/**
 * Where real kernels die, on the recordings too: a device page in the device's own table has no contents to copy. The
 * recorded builds inlined dmirror_do_write into the ioctl. And a coherent page that is lost is taken for one of a DAX file.
 */
const OOPSES = [
  'oops-dax_lock_folio',
  'oops-dmirror_do_read',
  'oops-dmirror_do_write',
  'oops-dmirror_fops_unlocked_ioctl',
];

/**
 * RELEASE waits for all pages of the device; one under an exclusive entry has no mapping by which to evict it. Where
 * memory is short, eviction must not fail to get any.
 */
const NEW = [...OOPSES, 'hang-memunmap_pages', 'oops-dmirror_device_evict_chunk'];

/** A fault of a device page whose struct dmirror went with the file. */
const OUTLIVED = 'oops-dmirror_devmem_fault';

/** Before 6.15 a THP of which a device has pages for itself cannot be migrated: their entries are taken for present ones. */
const UNMAPPED = 'oops-try_to_migrate_one';

/** A long-term pin for reading of a private mapping unshares a huge page of the file, and the fault maps it again, for ever. */
const UNSHARING = [...NEW, 'hang-__get_user_pages'];

/**
 * Before close evicted, pages outlived their struct dmirror; before faults failed without an mm, they never ended; and
 * one address alone made the module use a resource that it had not found.
 */
const OLD = [
  ...NEW,
  UNMAPPED,
  OUTLIVED,
  'oops-dmirror_allocate_chunk',
  'hang-dmirror_do_read',
  'hang-dmirror_do_write',
];

/** Who touches a page of a DAX file again, while somebody waits to cut it off, keeps it by that mapping alone. */
const TOUCHED_AGAIN = ['ext4', 'xfs', 'fuse'].map((fs) => `hang-${fs}_wait_dax_page`);

/**
 * A fork copies a huge migration entry, whose folio the parent then splits; recording err-105-0000 has it. Where memory
 * is short, TO_DEV does not look whether it got a small page in place of a huge one. And MADV_GUARD_INSTALL starts again
 * for ever over the marker of a file's absent page that a userfaultfd write-protects: zapping leaves it.
 */
const HUGE = [
  ...UNSHARING,
  ...TOUCHED_AGAIN,
  'oops-remove_migration_pte',
  'oops-dmirror_migrate_to_device',
  'hang-madvise_guard_install',
];

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '7.3': HUGE,
  '6.12': [...UNSHARING, UNMAPPED],
  '6.1': [...NEW, UNMAPPED],
  // EXCLUSIVE of 5.17 enters whatever the stack held for pages that are not there.
  'v4-coherent': [...OLD, 'checker-mirror'],
  'v5-generic': OLD,
  'hmm-v25': [],
  'rfc-cdm': [],
};

const pool = new MachinePool();
const setups = { plain: new Setups(), checked: new Setups({ check: true }) };

export function run(document: ScenarioDocument, checks: keyof typeof setups): Observation {
  return observe(pool, setups[checks].of(document), document);
}

/** May the kernel answer `step` so? ESRCH is the session's word for a process that is gone. */
function canReturn(step: Step, ret: string | 0 | undefined): boolean {
  if (ret === undefined || ret === 0 || ret === 'ESRCH') return true;
  // A command of test_hmm, given to the device of another driver.
  if (ret === 'ENOTTY' && step.op.startsWith('ioctl')) return true;
  return definitionOf(step).answers(step).errnos.includes(ret);
}

/**
 * Who wants a lock that somebody keeps waits for ever, whoever it is; and a page that is locked while its file is closed stays on
 * the device.
 */
function endsByLock({ steps }: ScenarioDocument, end: Finding): boolean {
  return (end.kind === 'hang' || sortOf(end) === OUTLIVED) && steps.some(({ op }) => op === 'lock');
}

/** A fault of the CPU that gets no memory is repeated for ever; elsewhere each fault gets on. */
function endsByMemory({ machine }: ScenarioDocument, end: Finding): boolean {
  return sortOf(end) === 'hang-exc_page_fault' && machine?.memory !== undefined;
}

/** Whether a real kernel ends so, too. */
function knownEnd(document: ScenarioDocument, end: Finding): boolean {
  if (endsByLock(document, end) || endsByMemory(document, end)) return true;
  return KNOWN[document.kernel!]!.includes(sortOf(end));
}

/** What is wrong with how the simulator took `document`; undefined when nothing is. */
export function complaint(document: ScenarioDocument, { results, end }: Observation): string | undefined {
  for (const [index, { ret }] of results.entries()) {
    const step = document.steps[index]!;
    if (!canReturn(step, ret)) return `step ${index} ${JSON.stringify(step)} answers ${ret}`;
  }
  if (end !== undefined && !knownEnd(document, end)) {
    return `step ${end.step}: ${end.kind} in ${end.fn}: ${end.reason}`;
  }
  if (end === undefined && results.length !== document.steps.length) return 'it did not run to its end';
  return undefined;
}

/** What is not as the document expects, or how the machine ended; undefined when all is. */
export function unexpected(document: ScenarioDocument, checks: keyof typeof setups): string | undefined {
  const observation = run(document, checks);
  const unmet = judge(document, observation);
  return unmet === undefined ? observation.end?.reason : unmetText(unmet, undefined);
}

/**
 * The scenarios of `count` seeds, each given to `check`. HMM_SIM_SEED chooses other ones. Shrinking a seed leads
 * nowhere: `hmm-sim shrink seed:N --kernel ID` makes a failing one smaller.
 */
export function forAll(count: number, kernel: string, check: (document: ScenarioDocument) => void): void {
  const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  const property = fc.property(seeds, (seed) => check(generateScenario(seed, { kernel })));
  fc.assert(property, { numRuns: count, seed: Number(process.env.HMM_SIM_SEED ?? 1), endOnFailure: true });
}

/**
 * A category that no campaign draws: `count` scenarios of it on each kernel run without a complaint, under the checkers.
 * `shown`: what those of one kernel have to show besides.
 */
export function forCategory(
  category: string,
  count: number,
  shown: (t: Test, runs: readonly { document: ScenarioDocument; observation: Observation }[]) => void,
): void {
  for (const kernel of KERNELS) {
    t.test(`no checker fires in ${count} scenarios on ${kernel}`, (t) => {
      const runs = Array.from({ length: count }, (_, n) => {
        const document = generateScenario(n + 1, { kernel, category });
        const observation = run(document, 'checked');
        t.equal(complaint(document, observation), undefined, document.name);
        return { document, observation };
      });
      shown(t, runs);
      t.end();
    });
  }
}
