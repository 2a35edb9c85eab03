// SPDX-License-Identifier: GPL-2.0-only
/** kfdtest's tests of shared virtual memory, by their names and in their order, each with XNACK off and on. */
import { FIXTURE, type FixtureSpec, type Suite } from '../fixture.js';
import { HARNESS_6_12 } from '../harness_style.js';
import * as evict from './evict.js';
import { KFD, type KfdFixture, type KfdVariant, SetUp, TearDown } from './fixtures.js';
import * as basic from './range_basic.js';
import * as events from './range_events.js';
import * as migrate from './range_migrate.js';

/** Simulated seconds: what moves a gigabyte takes its time. */
const TIMEOUT = 600;

const timeouts = (tests: object): Record<string, number> =>
  Object.fromEntries(Object.keys(tests).map((name) => [name, TIMEOUT]));

type Tests = FixtureSpec<KfdFixture, KfdVariant>['tests'];

const common = {
  data: KFD,
  setup: SetUp,
  teardown: TearDown,
  variants: { 0: { xnack: 0 }, 1: { xnack: 1 } },
  parametrised: true,
};

const rangeTests: Tests = {
  BasicSystemMemTest: basic.BasicSystemMemTest,
  SetGetAttributesTest: basic.SetGetAttributesTest,
  XNACKModeTest: basic.XNACKModeTest,
  InvalidRangeTest: basic.InvalidRangeTest,
  SplitSystemRangeTest: basic.SplitSystemRangeTest,
  EvictSystemRangeTest: basic.EvictSystemRangeTest,
  PartialUnmapSysMemTest: basic.PartialUnmapSysMemTest,
  BasicVramTest: basic.BasicVramTest,
  SplitVramRangeTest: basic.SplitVramRangeTest,
  PrefetchTest: basic.PrefetchTest,
  MigrateTest: migrate.MigrateTest,
  MigrateAccessInPlaceTest: migrate.MigrateAccessInPlaceTest,
  MigrateGranularityTest: migrate.MigrateGranularityTest,
  MigrateLargeBufTest: migrate.MigrateLargeBufTest,
  MigratePolicyTest: migrate.MigratePolicyTest,
  MultiGPUMigrationTest: migrate.MultiGPUMigrationTest,
  MultiGPUAccessInPlaceTest: migrate.MultiGPUAccessInPlaceTest,
  MultiThreadMigrationTest: migrate.MultiThreadMigrationTest,
  MigrateFileBackedRangeTest: events.MigrateFileBackedRangeTest,
  ReadOnlyRangeTest: events.ReadOnlyRangeTest,
  HMMProfilingEvent: events.HMMProfilingEventTest,
  VramOvercommitTest: migrate.VramOvercommitTest,
  VramOvercommitGiantRangeTest: migrate.VramOvercommitGiantRangeTest,
  PrefaultPartialRangeTest: basic.PrefaultPartialRangeTest,
};

const evictTests: Tests = { BasicTest: evict.BasicTest, QueueTest: evict.QueueTest };

/** KFDSVMRangeTest and KFDSVMEvictTest: 52 instances. */
export const kfdtest: Suite = {
  name: 'kfdtest',
  style: HARNESS_6_12,
  fixtures: [
    FIXTURE({ ...common, name: 'KFDSVMRangeTest', tests: rangeTests, timeouts: timeouts(rangeTests) }),
    FIXTURE({ ...common, name: 'KFDSVMEvictTest', tests: evictTests, timeouts: timeouts(evictTests) }),
  ],
};
