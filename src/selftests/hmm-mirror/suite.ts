// SPDX-License-Identifier: GPL-2.0-only
/** What v25 promises, as tests of its dummy driver: those that hmm-tests has had since are run beside them. */
import type {
  Hmm2Fixture,
  Hmm2FixtureVariant,
  HmmFixture,
  HmmFixtureVariant,
} from '../hmm-tests/fixtures.js';
import type { TestBody } from '../test_context.js';
import * as kinds from './kinds.js';
import * as rules from './rules.js';

/** Of one device. */
export const mirrorTests: Readonly<Record<string, TestBody<HmmFixture, HmmFixtureVariant>>> = {
  mirroring_pins_nothing: rules.mirroring_pins_nothing,
  pinned_pages_stay: rules.pinned_pages_stay,
  device_pages_are_not_pinned: rules.device_pages_are_not_pinned,
  cpu_access_brings_back: rules.cpu_access_brings_back,
  cow_after_fork_in_child: rules.cow_after_fork_in_child,
  cow_after_fork_in_parent: rules.cow_after_fork_in_parent,
  device_write_marks_dirty: rules.device_write_marks_dirty,
  any_address: rules.any_address,
  protection_of_addresses: rules.protection_of_addresses,
  file_pages: kinds.file_pages,
  snapshot_of_kinds: kinds.snapshot_of_kinds,
};

/** Of two. */
export const mirror2Tests: Readonly<Record<string, TestBody<Hmm2Fixture, Hmm2FixtureVariant>>> = {
  device_to_device: kinds.device_to_device,
};
