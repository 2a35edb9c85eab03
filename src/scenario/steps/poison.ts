// SPDX-License-Identifier: GPL-2.0-only
/** Memory that the hardware loses: which processes are told of it at once. */
import { z } from 'zod';
import type { Task } from '../../sim/task.js';
import {
  O_RDWR,
  PR_MCE_KILL,
  PR_MCE_KILL_DEFAULT,
  PR_MCE_KILL_EARLY,
  PR_MCE_KILL_LATE,
  PR_MCE_KILL_SET,
} from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { answeredBy, defineStep, plainNames, preferring } from './contract.js';
import { expectRet, stepSchema, yes } from './fields.js';
import { command } from './words.js';

/** By policy, what prctl() is given. */
const POLICIES = {
  early: PR_MCE_KILL_EARLY,
  late: PR_MCE_KILL_LATE,
  default: PR_MCE_KILL_DEFAULT,
} as const;

type Policy = keyof typeof POLICIES;

const SYSCTL = '/proc/sys/vm/memory_failure_early_kill';

const schema = stepSchema(
  'mce_kill',
  { policy: z.enum(['early', 'late', 'default']), everybody: yes.optional() },
  expectRet,
);

/** Of all processes that say nothing themselves (vm.memory_failure_early_kill). */
function* takeForAll(sys: Sys, actor: Actor, policy: Policy): Task<StepResult> {
  const { scratch } = yield* buffersOf(sys, actor);
  const fd = yield* sys.open(SYSCTL, O_RDWR);
  if (fd < 0) return retOf(fd);
  yield* sys.storeBytes(scratch, new TextEncoder().encode(policy === 'early' ? '1' : '0'));
  const written = yield* sys.write(fd, scratch, 1);
  yield* sys.close(fd);
  return retOf(Math.min(written, 0));
}

const mce_kill = defineStep(schema, {
  *take(sys, actor, { policy, everybody }): Task<StepResult> {
    if (everybody) return yield* takeForAll(sys, actor, policy);
    return retOf(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, POLICIES[policy]));
  },
  answers: () => answeredBy('sys_prctl', 'EFAULT', 'EINVAL', 'ENOENT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    mce_kill: command(
      'early|late|default [everybody]',
      'whether it is told at once of memory that is lost, or when it comes for it',
      [1, 2],
      ([policy, last]) => ({ policy, ...(last === undefined ? {} : { [last]: true }) }),
    ),
  },
  plainer: (step) => preferring(step, 'everybody', undefined),
  draws: {
    mce_kill: {
      change(making, actor) {
        const policy = making.dice.pick<Policy>(['early', 'early', 'late', 'default']);
        const everybody = making.dice.once(4) ? { everybody: true as const } : {};
        making.push({ as: actor.name, op: 'mce_kill', policy, ...everybody });
      },
    },
  },
  c: {
    takers: ['mce_kill'],
    taker: () => 'mce_kill',
    fields: ({ policy, everybody }) => [
      ['word', POLICIES[policy]],
      ['write', everybody ? 'true' : 0],
    ],
    listed: () => 0,
  },
});

export const poison = { mce_kill };
