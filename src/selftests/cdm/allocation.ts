// SPDX-License-Identifier: GPL-2.0-only
/** Whose memory comes from the device's node: who asks for it by a policy, and nobody else. */
import type { Task } from '../../sim/task.js';
import { EINVAL, EIO } from '../../uapi/errno.js';
import {
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_MF_MOVE,
  MPOL_MF_STRICT,
  MPOL_PREFERRED,
} from '../../uapi/mempolicy.js';
import { WEXITSTATUS } from '../hmm-tests/helpers.js';
import {
  ASSERT_FILLED,
  ASSERT_NODES,
  type Cdm,
  DEVICE,
  fill,
  mbind,
  memory,
  SYSTEM,
  set_mempolicy,
} from './fixtures.js';

const NPAGES = 8;

/** Whether the memory is of a file on a disk, whose pages no mapping has a policy for. */
const onDisk = (t: Cdm): boolean => t.variant.directory === '/var/tmp';

/** Memory without a policy is never the device's. */
export function* default_stays_away(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  yield* fill(t, addr, NPAGES);
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, NPAGES, MPOL_LOCAL, []) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
}

/** MPOL_BIND of a mapping: from the node, before anything else is asked. */
export function* bind_of_a_mapping(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, NPAGES / 2, MPOL_BIND, [DEVICE]) }, 0);
  yield* fill(t, addr, NPAGES);
  const there = onDisk(t) ? SYSTEM : DEVICE;
  yield* ASSERT_NODES(t, addr, NPAGES, there, there, there, there, SYSTEM);
  yield* ASSERT_FILLED(t, addr, NPAGES);
}

/** MPOL_BIND of both: the device's list has its own node first. */
export function* bind_of_both(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_BIND, [SYSTEM, DEVICE]) }, 0);
  yield* fill(t, addr, NPAGES);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_DEFAULT, []) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
}

/** MPOL_PREFERRED of the task, which counts for all that its mappings say nothing of. */
export function* preferred_of_the_task(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_PREFERRED, [DEVICE]) }, 0);
  yield* fill(t, addr, NPAGES);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_DEFAULT, []) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
}

/** MPOL_INTERLEAVE deals pages out to the nodes that it names, the device's too. */
export function* interleave_deals_out(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, NPAGES, MPOL_INTERLEAVE, [SYSTEM, DEVICE]) }, 0);
  yield* fill(t, addr, NPAGES);
  // Memory without a file is counted by its address.
  const first = t.self.file < 0 ? (addr / 4096) % 2 : 0;
  const nodes = Array.from({ length: NPAGES }, (_, n) => (onDisk(t) ? SYSTEM : (first + n) % 2));
  yield* ASSERT_NODES(t, addr, NPAGES, ...nodes);
}

/** What is there already stays, is an error, or moves, as mbind() is told. */
export function* mbind_of_what_is_there(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  yield* fill(t, addr, NPAGES);
  const bind = (flags: number): Task<number> => mbind(t, addr, NPAGES, MPOL_BIND, [DEVICE], flags);
  t.ASSERT_EQ({ mbind: yield* bind(0) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, SYSTEM);
  t.ASSERT_EQ({ mbind: yield* bind(MPOL_MF_STRICT) }, { '-EIO': -EIO });
  t.ASSERT_EQ({ mbind: yield* bind(MPOL_MF_STRICT | MPOL_MF_MOVE) }, 0);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
  t.ASSERT_EQ({ mbind: yield* bind(MPOL_MF_STRICT) }, 0);
  yield* ASSERT_FILLED(t, addr, NPAGES);
}

function* touchAndExit(t: Cdm, addr: number): Task {
  yield* fill(t, addr, NPAGES);
  yield* ASSERT_NODES(t, addr, NPAGES, DEVICE);
  yield* t.sys.exit(0);
}

/** A child has the policies of its parent. */
export function* child_inherits(t: Cdm): Task {
  const addr = yield* memory(t, NPAGES);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_BIND, [DEVICE]) }, 0);
  const pid = yield* t.fork((child) => touchAndExit(child, addr));
  t.ASSERT_GT({ pid }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
}

/** Policies that name no node, or one that there is not, are refused. */
export function* policies_that_are_refused(t: Cdm): Task {
  const addr = yield* memory(t, 1);
  const EINVAL_ = { '-EINVAL': -EINVAL };
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, 1, MPOL_BIND, []) }, EINVAL_);
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, 1, MPOL_BIND, [DEVICE + 1]) }, EINVAL_);
  t.ASSERT_EQ({ mbind: yield* mbind(t, addr, 1, MPOL_DEFAULT, [DEVICE]) }, EINVAL_);
  t.ASSERT_EQ({ set_mempolicy: yield* set_mempolicy(t, MPOL_INTERLEAVE, []) }, EINVAL_);
}
