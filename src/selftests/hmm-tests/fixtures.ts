// SPDX-License-Identifier: GPL-2.0-only
/** The fixtures `hmm` (one device) and `hmm2` (two devices). */
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { TestContext } from '../test_context.js';
import { close, type HmmSelf, type HmmTest, type HmmVariant, hmm_open } from './helpers.js';

/** Room for struct hmm_dmirror_cmd of any generation. */
const CMD_ROOM = 64;

export interface HmmFixture extends HmmSelf {
  fd: number;
}

export interface HmmFixtureVariant extends HmmVariant {
  readonly device_number: number;
}

export interface Hmm2Fixture extends HmmSelf {
  fd0: number;
  fd1: number;
}

export interface Hmm2FixtureVariant extends HmmVariant {
  readonly device_number0: number;
  readonly device_number1: number;
}

export type Hmm = TestContext<HmmFixture, HmmFixtureVariant>;
export type Hmm2 = TestContext<Hmm2Fixture, Hmm2FixtureVariant>;

const common: HmmSelf = { page_size: 0, page_shift: 0, cmd: 0 };
export const HMM: HmmFixture = { ...common, fd: 0 };
export const HMM2: Hmm2Fixture = { ...common, fd0: 0, fd1: 0 };

function* prepare(t: HmmTest): Task {
  t.self.page_size = PAGE_SIZE;
  t.self.page_shift = 12;
  t.self.cmd = yield* t.sys.malloc(CMD_ROOM);
}

/** A coherent device is only there when the module has been given its address. */
function* skipCoherent(t: HmmTest): Task {
  t.SKIP('DEVICE_COHERENT not available');
  if (t.environment.style.skipInSetup === 'exit') yield* t.sys.exit(0);
}

export function* setup(t: Hmm): Task {
  const { self, variant } = t;
  yield* prepare(t);
  self.fd = yield* hmm_open(t.sys, variant.device_number);
  if (self.fd < 0 && variant.coherent) return yield* skipCoherent(t);
  t.ASSERT_GE({ 'self->fd': self.fd }, 0);
}

export function* setup2(t: Hmm2): Task {
  const { self, variant } = t;
  yield* prepare(t);
  self.fd0 = yield* hmm_open(t.sys, variant.device_number0);
  if (self.fd0 < 0 && variant.coherent) return yield* skipCoherent(t);
  t.ASSERT_GE({ 'self->fd0': self.fd0 }, 0);
  self.fd1 = yield* hmm_open(t.sys, variant.device_number1);
  t.ASSERT_GE({ 'self->fd1': self.fd1 }, 0);
}

export function* teardown(t: Hmm): Task {
  const ret = yield* close(t.sys, t.self.fd);
  t.ASSERT_EQ({ ret }, 0);
  t.self.fd = -1;
}

export function* teardown2(t: Hmm2): Task {
  let ret = yield* close(t.sys, t.self.fd0);
  t.ASSERT_EQ({ ret }, 0);
  t.self.fd0 = -1;

  ret = yield* close(t.sys, t.self.fd1);
  t.ASSERT_EQ({ ret }, 0);
  t.self.fd1 = -1;
}
