// SPDX-License-Identifier: GPL-2.0-only
/** cdm-tests: what the letter of 2016 wants of device memory that is a node, for memory of each kind. */
import { FIXTURE, type FixtureSpec, type Suite } from '../fixture.js';
import type { HarnessStyle } from '../harness_style.js';
import * as allocation from './allocation.js';
import { CDM, type CdmFixture, type CdmVariant, setup, teardown } from './fixtures.js';
import * as migration from './migration.js';

type Tests = FixtureSpec<CdmFixture, CdmVariant>['tests'];

const anyMemory: Tests = {
  default_stays_away: allocation.default_stays_away,
  bind_of_a_mapping: allocation.bind_of_a_mapping,
  bind_of_both: allocation.bind_of_both,
  preferred_of_the_task: allocation.preferred_of_the_task,
  interleave_deals_out: allocation.interleave_deals_out,
  mbind_of_what_is_there: allocation.mbind_of_what_is_there,
  child_inherits: allocation.child_inherits,
  policies_that_are_refused: allocation.policies_that_are_refused,
  driver_moves: migration.driver_moves,
  move_pages_there_and_back: migration.move_pages_there_and_back,
  migrate_pages_of_a_process: migration.migrate_pages_of_a_process,
  device_and_cpu_see_the_same: migration.device_and_cpu_see_the_same,
  device_faults_in: migration.device_faults_in,
  child_after_migration: migration.child_after_migration,
  held_pages_stay: migration.held_pages_stay,
};

const fileMemory: Tests = {
  readers_of_a_file: migration.readers_of_a_file,
  truncated_pages_go: migration.truncated_pages_go,
};

const common = { data: CDM, setup, teardown };
const anonymous = { directory: null };
const memfd = { directory: '/tmp' };
const disk = { directory: '/var/tmp' };

/** The suite, under the harness of its kernel. */
export const cdmTests = (style: HarnessStyle): Suite => ({
  name: 'cdm-tests',
  style,
  fixtures: [
    FIXTURE({ ...common, name: 'cdm', variants: { anonymous, memfd, disk }, tests: anyMemory }),
    FIXTURE({
      ...common,
      name: 'cdm_huge',
      variants: { anonymous },
      tests: { huge_page_moves: migration.huge_page_moves },
    }),
    FIXTURE({ ...common, name: 'cdm_file', variants: { memfd, disk }, tests: fileMemory }),
    FIXTURE({
      ...common,
      name: 'cdm_disk',
      variants: { disk },
      tests: {
        dirty_pages_stay_dirty: migration.dirty_pages_stay_dirty,
        write_back_finds_dirty_pages: migration.write_back_finds_dirty_pages,
      },
    }),
  ],
});
