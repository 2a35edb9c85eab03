// SPDX-License-Identifier: GPL-2.0-only
/** The suite of each generation: which tests, in which variants, under which harness. */
import { generationById } from '../../generations/index.js';
import { suiteLine } from '../../generations/suite-courses.js';
import type { Generation, SuiteId } from '../../generations/types.js';
import { foll_longterm } from '../../uapi/gup_test.js';
import { SIGKILL, SIGTERM } from '../../uapi/signal.js';
import * as uapi from '../../uapi/test_hmm_uapi.js';
import { cdmTests } from '../cdm/suite.js';
import { FIXTURE, type FixtureSpec, type Suite } from '../fixture.js';
import { harnessStyles } from '../harness_style.js';
import { mirror2Tests, mirrorTests } from '../hmm-mirror/suite.js';
import type { TestBody } from '../test_context.js';
import { anon_read, anon_read_prot, anon_write, anon_write_prot, open_close } from './anon.js';
import { anon_write_child, anon_write_child_migrated, anon_write_child_shared } from './anon_child.js';
import { anon_write_huge, anon_write_hugetlbfs } from './anon_huge.js';
import { anon_teardown } from './anon_teardown.js';
import { benchmark_thp_migration } from './benchmark.js';
import { double_map } from './double_map.js';
import { exclusive, exclusive_cow, exclusive_mprotect } from './exclusive.js';
import { file_read, file_write } from './file.js';
import * as fixtures from './fixtures.js';
import { hmm_cow_in_device, hmm_gup_test } from './gup.js';
import type { HmmTraits } from './helpers.js';
import { migrate, migrate_fault, migrate_file_private, migrate_release, migrate_shared } from './migrate.js';
import * as huge from './migrate_huge.js';
import { migrate_mixed } from './migrate_mixed.js';
import { migrate_partial_unmap_fault, migrate_remap_fault } from './migrate_moved.js';
import { anon_read_multiple, migrate_multiple, migrate_ping_pong } from './multiple.js';
import { compound, mixedmap, snapshot } from './snapshot.js';
import { userfaultfd_read } from './userfaultfd.js';

type HmmTests = Readonly<Record<string, TestBody<fixtures.HmmFixture, fixtures.HmmFixtureVariant>>>;
type Hmm2Tests = Readonly<Record<string, TestBody<fixtures.Hmm2Fixture, fixtures.Hmm2FixtureVariant>>>;

/** A suite as data: what differs from one generation to the next. */
interface SuiteSpec {
  readonly traits: Omit<HmmTraits, 'uapi' | 'gupLongterm'>;
  /** What memory that the CPU reaches is called; null: one device type, found out by asking, and fixtures without variants. */
  readonly variants: 'coherent' | 'public' | null;
  readonly hmm: HmmTests;
  /** Default: those that all generations of hmm-tests have. */
  readonly hmm2?: Hmm2Tests;
  /** Of tests that are our own. */
  readonly name?: string;
  /** Seconds, of tests of hmm that may not take the usual time. */
  readonly timeouts?: Readonly<Record<string, number>>;
  /** Tests that print times. */
  readonly timed?: readonly string[];
  /** Lines that the program prints before the harness begins. */
  readonly preamble?: readonly string[];
}

/** From open_close to migrate, the same in every generation. */
const accessTests: HmmTests = {
  open_close,
  anon_read,
  anon_read_prot,
  anon_write,
  anon_write_prot,
  anon_write_child,
  anon_write_child_shared,
  anon_write_huge,
  anon_write_hugetlbfs,
  file_read,
  file_write,
  migrate,
};
const multipleTests: HmmTests = { migrate_multiple, anon_read_multiple, anon_teardown };
const exclusiveTests: HmmTests = { exclusive, exclusive_mprotect, exclusive_cow };
const hmm2Tests: Hmm2Tests = { migrate_mixed, snapshot, double_map };

const tests6_x: HmmTests = {
  ...accessTests,
  migrate_file_private,
  migrate_fault,
  migrate_release,
  migrate_shared,
  ...multipleTests,
  mixedmap,
  compound,
  ...exclusiveTests,
  hmm_gup_test,
  hmm_cow_in_device,
};

const tests7_x: HmmTests = {
  ...tests6_x,
  anon_write_child: anon_write_child_migrated,
  migrate_anon_huge_empty: huge.migrate_anon_huge_empty,
  migrate_anon_huge_zero: huge.migrate_anon_huge_zero,
  migrate_anon_huge_free: huge.migrate_anon_huge_free,
  migrate_anon_huge_fault: huge.migrate_anon_huge_fault,
  migrate_partial_unmap_fault,
  migrate_remap_fault,
  migrate_anon_huge_err: huge.migrate_anon_huge_err,
  migrate_anon_huge_zero_err: huge.migrate_anon_huge_zero_err,
  benchmark_thp_migration,
  userfaultfd_read,
};

const LOCAL = uapi.HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL | uapi.HMM_DMIRROR_PROT_WRITE;
const REMOTE = uapi.HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE | uapi.HMM_DMIRROR_PROT_WRITE;
const GENERIC = uapi.HMM_DMIRROR_PROT_DEV_GENERIC | uapi.HMM_DMIRROR_PROT_WRITE;

const traits6_x: SuiteSpec['traits'] = {
  asksDeviceType: false,
  countsPagesToSys: true,
  doubleMapMigrates: true,
  coherentLocal: { 'HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL | HMM_DMIRROR_PROT_WRITE': LOCAL },
  coherentRemote: { 'HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE | HMM_DMIRROR_PROT_WRITE': REMOTE },
  allocatesAtOnce: false,
  setsUpHugepages: false,
  cowSignal: { SIGTERM },
};

const traits7_x: SuiteSpec['traits'] = {
  ...traits6_x,
  allocatesAtOnce: true,
  setsUpHugepages: true,
  cowSignal: { SIGKILL },
};

/** What the program's constructor finds on any x86-64 with pages of 1 GiB. */
const HUGETLB_SIZES = [2048, 1048576].map((size) => `# [INFO] detected hugetlb page size: ${size} KiB`);

const v4Coherent: SuiteSpec = {
  traits: { ...traits6_x, doubleMapMigrates: false },
  variants: 'coherent',
  hmm: {
    ...accessTests,
    migrate_fault,
    migrate_shared,
    ...multipleTests,
    mixedmap,
    compound,
    ...exclusiveTests,
  },
};

const v5Generic: SuiteSpec = {
  traits: {
    ...traits6_x,
    asksDeviceType: true,
    countsPagesToSys: false,
    doubleMapMigrates: false,
    coherentLocal: { 'HMM_DMIRROR_PROT_DEV_GENERIC | HMM_DMIRROR_PROT_WRITE': GENERIC },
    coherentRemote: { 'HMM_DMIRROR_PROT_DEV_GENERIC | HMM_DMIRROR_PROT_WRITE': GENERIC },
  },
  variants: null,
  hmm: { ...accessTests, migrate_fault, migrate_shared, ...multipleTests, compound, migrate_ping_pong },
};

// No device of v25 sees hugetlb mappings.
const { anon_write_hugetlbfs: _, ...accessWithoutHugetlb } = accessTests;

const mirror: SuiteSpec = {
  traits: { ...traits6_x, doubleMapMigrates: false },
  variants: 'public',
  name: 'hmm-mirror-tests',
  hmm: { ...accessWithoutHugetlb, migrate_fault, ...multipleTests, ...mirrorTests },
  hmm2: { double_map, ...mirror2Tests },
};

const specs: Readonly<Record<Exclude<SuiteId, 'node'>, SuiteSpec>> = {
  mirror,
  generic: v5Generic,
  coherent: v4Coherent,
  released: { traits: traits6_x, variants: 'coherent', hmm: tests6_x },
  'released-7': {
    traits: traits7_x,
    variants: 'coherent',
    hmm: tests7_x,
    timeouts: { benchmark_thp_migration: 120 },
    timed: ['benchmark_thp_migration'],
    preamble: HUGETLB_SIZES,
  },
};

/** Devices 0 and 1 are private, 2 and 3 coherent. */
function hmmVariants(traits: HmmTraits, reached: string): Record<string, fixtures.HmmFixtureVariant> {
  return {
    hmm_device_private: { ...traits, coherent: false, device_number: 0 },
    [`hmm_device_${reached}`]: { ...traits, coherent: true, device_number: 2 },
  };
}

function hmm2Variants(traits: HmmTraits, reached: string): Record<string, fixtures.Hmm2FixtureVariant> {
  return {
    hmm2_device_private: { ...traits, coherent: false, device_number0: 0, device_number1: 1 },
    [`hmm2_device_${reached}`]: { ...traits, coherent: true, device_number0: 2, device_number1: 3 },
  };
}

/** What is tested without devices that mirror an address space has no fixtures of theirs. */
const specOf = ({ suite }: Generation): SuiteSpec => specs[suite === 'node' ? 'mirror' : suite];

type WithoutTests<Self extends object, Variant> = Omit<FixtureSpec<Self, Variant>, 'tests'>;

function traitsOf(generation: Generation): HmmTraits {
  const { uapi: abi, behaviours } = generation;
  const gupLongterm = foll_longterm(behaviours.follLongterm, behaviours.hmmTestsKnowFollLongterm);
  return { ...specOf(generation).traits, uapi: abi, gupLongterm };
}

/** The fixture `hmm` of a generation, without its tests. */
export function hmmSpec(
  generation: Generation,
): WithoutTests<fixtures.HmmFixture, fixtures.HmmFixtureVariant> {
  const traits = traitsOf(generation);
  const only = { '': { ...traits, coherent: false, device_number: 0 } };
  const { variants } = specOf(generation);
  return {
    name: 'hmm',
    data: fixtures.HMM,
    setup: fixtures.setup,
    teardown: fixtures.teardown,
    variants: variants === null ? only : hmmVariants(traits, variants),
  };
}

/** The fixture `hmm2`. */
export function hmm2Spec(
  generation: Generation,
): WithoutTests<fixtures.Hmm2Fixture, fixtures.Hmm2FixtureVariant> {
  const traits = traitsOf(generation);
  const only = { '': { ...traits, coherent: false, device_number0: 0, device_number1: 1 } };
  const { variants } = specOf(generation);
  return {
    name: 'hmm2',
    data: fixtures.HMM2,
    setup: fixtures.setup2,
    teardown: fixtures.teardown2,
    variants: variants === null ? only : hmm2Variants(traits, variants),
  };
}

/** hmm-tests of a generation. */
export function hmmTests(generation: Generation): Suite {
  if (generation.suite === 'node') return cdmTests(harnessStyles[generation.harness]);
  const { hmm: tests, hmm2: tests2 = hmm2Tests, name = 'hmm-tests' } = specOf(generation);
  const { timeouts = {}, timed = [], preamble = [] } = specOf(generation);
  const hmm = FIXTURE({ ...hmmSpec(generation), tests, timeouts });
  const hmm2 = FIXTURE({ ...hmm2Spec(generation), tests: tests2 });
  return {
    name,
    style: harnessStyles[generation.harness],
    fixtures: [hmm, hmm2],
    timed,
    preamble,
    c: { file: 'hmm-tests.c', line: (test, part, made) => suiteLine(generation.id, test, part, made) },
  };
}

/** The suite of a kernel. Return: undefined for an unknown one. */
export function suiteOf(kernelId: string): Suite | undefined {
  const generation = generationById(kernelId);
  return generation === undefined ? undefined : hmmTests(generation);
}
