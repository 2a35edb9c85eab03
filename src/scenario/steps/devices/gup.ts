// SPDX-License-Identifier: GPL-2.0-only
/** Steps on /sys/kernel/debug/gup_test: short pins of every kind, and the long one that pin and unpin hold. */
import { z } from 'zod';
import type { Generation } from '../../../generations/types.js';
import { UsageError } from '../../../sim/errors.js';
import type { Task } from '../../../sim/task.js';
import {
  decodeGupTest,
  encodeGupTest,
  encodePinLongtermTest,
  FOLL_WRITE,
  foll_longterm,
  GUP_BASIC_TEST,
  GUP_FAST_BENCHMARK,
  GUP_TEST,
  PIN_BASIC_TEST,
  PIN_FAST_BENCHMARK,
  PIN_LONGTERM_BENCHMARK,
  PIN_LONGTERM_TEST,
  PIN_LONGTERM_TEST_FLAG_USE_WRITE,
  PIN_LONGTERM_TEST_START,
  PIN_LONGTERM_TEST_STOP,
} from '../../../uapi/gup_test.js';
import { PAGE_SIZE } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, buffersOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  defineStep,
  nothingPlainer,
  plainNames,
  preferring,
  type Range,
  rangeFields,
} from '../contract.js';
import { count, expecting, expectRet, range, stepSchema } from '../fields.js';
import { startOf } from '../memory.js';
import { command, rangeWord } from '../words.js';

interface GupCall {
  readonly request: number;
  /** Its name in C. */
  readonly name: string;
  /** Whether the program adds FOLL_LONGTERM. */
  readonly longterm: boolean;
}

const call = (name: string, request: number, longterm = false): GupCall => ({ name, request, longterm });

function flagsOf({ longterm }: GupCall, { behaviours }: Generation): number {
  const { follLongterm, programsKnowFollLongterm } = behaviours;
  return longterm ? FOLL_WRITE | foll_longterm(follLongterm, programsKnowFollLongterm) : FOLL_WRITE;
}

const CALLS = {
  basic: call('GUP_BASIC_TEST', GUP_BASIC_TEST),
  fast: call('GUP_FAST_BENCHMARK', GUP_FAST_BENCHMARK),
  pin: call('PIN_BASIC_TEST', PIN_BASIC_TEST),
  pin_fast: call('PIN_FAST_BENCHMARK', PIN_FAST_BENCHMARK),
  pin_longterm: call('PIN_LONGTERM_BENCHMARK', PIN_LONGTERM_BENCHMARK),
  pin_fast_longterm: call('PIN_FAST_BENCHMARK', PIN_FAST_BENCHMARK, true),
} as const satisfies Readonly<Record<string, GupCall>>;

type GupKind = keyof typeof CALLS;

const KINDS = Object.keys(CALLS) as GupKind[];

/** A kind, and whether hmm-tests' FOLL_LONGTERM comes to its flags: another where the test was built for another kernel. */
interface GupFlags {
  readonly kind: GupKind;
  readonly longterm?: boolean | undefined;
}

function gupFlags({ kind, longterm = false }: GupFlags, generation: Generation): number {
  const { follLongterm, hmmTestsKnowFollLongterm } = generation.behaviours;
  const added = longterm ? foll_longterm(follLongterm, hmmTestsKnowFollLongterm) : 0;
  return (flagsOf(CALLS[kind], generation) | added) >>> 0;
}

/** How a step says a call of gup_test with these flags; undefined where none does. */
export function gupFields(request: number, flags: number, generation: Generation): GupFlags | undefined {
  const calls = KINDS.filter((kind) => CALLS[kind].request === request);
  const ways: GupFlags[] = [
    ...calls.map((kind) => ({ kind })),
    ...calls.map((kind) => ({ kind, longterm: true })),
  ];
  return ways.find((way) => gupFlags(way, generation) === flags);
}

// --- gup --------------------------------------------------------------------------------------------------

function* takeGup(sys: Sys, actor: Actor, step: Range & GupFlags, generation: Generation): Task<StepResult> {
  const { gupFd } = actor;
  const { scratch } = yield* buffersOf(sys, actor);
  const call = CALLS[step.kind];
  const struct = encodeGupTest(new Uint8Array(GUP_TEST.size), {
    addr: startOf(step),
    size: step.pages * PAGE_SIZE,
    nr_pages_per_call: step.pages,
    gup_flags: gupFlags(step, generation),
  });
  yield* sys.storeBytes(scratch, struct);

  const ret = yield* sys.ioctl(gupFd, call.request, scratch);
  if (ret < 0) return retOf(ret);
  const { size } = decodeGupTest(yield* sys.loadBytes(scratch, GUP_TEST.size));
  return { ret: 0, pinned: Number(size) / PAGE_SIZE };
}

const gupSchema = stepSchema(
  'gup',
  { ...range, kind: z.enum(KINDS), longterm: z.literal(true).optional() },
  expecting({ pinned: count.optional() }),
);

const gupStep = defineStep(gupSchema, {
  take: takeGup,
  answers: () => answeredBy('gup_test_ioctl', 'EINVAL', 'EFAULT', 'ENOMEM'),
  concerns: 'pins',
  maps: null,
  naming: plainNames,
  shell: {
    gup: command(
      `RANGE ${KINDS.join('|')}`,
      'get_user_pages through gup_test, and put them',
      [2, 2],
      ([r, kind], context) => ({ ...rangeWord(r!, context), kind }),
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'kind', 'basic');
    yield* preferring(step, 'longterm', undefined);
  },
  draws: { gup: { on: (where, { dice }) => ({ ...where, kind: dice.pick(KINDS) }) } },
  c: {
    takers: ['gup'],
    taker: () => 'gup',
    fields(step, generation) {
      const call = CALLS[step.kind];
      const flags = gupFlags(step, generation);
      return [...rangeFields(step), ['request', call.name], ['flags', `0x${flags.toString(16)}`]];
    },
    listed: () => 0,
  },
});

// --- pin and unpin ----------------------------------------------------------------------------------------

function* takePin(sys: Sys, actor: Actor, step: Range & { write: boolean }): Task<StepResult> {
  const { gupFd } = actor;
  const { scratch } = yield* buffersOf(sys, actor);
  const struct = encodePinLongtermTest(new Uint8Array(PIN_LONGTERM_TEST.size), {
    addr: startOf(step),
    size: step.pages * PAGE_SIZE,
    flags: step.write ? PIN_LONGTERM_TEST_FLAG_USE_WRITE : 0,
  });
  yield* sys.storeBytes(scratch, struct);
  return retOf(yield* sys.ioctl(gupFd, PIN_LONGTERM_TEST_START, scratch));
}

const pin = defineStep(stepSchema('pin', { ...range, write: z.boolean() }, expectRet), {
  take: takePin,
  answers: () =>
    answeredBy('pin_longterm_test_start', 'EINVAL', 'EFAULT', 'ENOMEM', 'EBUSY', 'EAGAIN', 'EOPNOTSUPP'),
  concerns: 'pins',
  maps: null,
  naming: plainNames,
  shell: {
    pin: command('RANGE [write]', 'pin pages for long, until unpin', [1, 2], ([r, write], context) => {
      if (write !== undefined && !/^(FOLL_)?write$/i.test(write))
        throw new UsageError(`expected "write", got "${write}"`);
      return { ...rangeWord(r!, context), write: write !== undefined };
    }),
  },
  plainer: (step) => preferring(step, 'write', false),
  draws: { pin: { on: (where, { dice }) => ({ ...where, write: dice.once(2) }) } },
  c: {
    takers: ['pin'],
    taker: () => 'pin',
    fields: (step) => [...rangeFields(step), ['write', step.write ? 'true' : 0]],
    listed: () => 0,
  },
});

const unpin = defineStep(stepSchema('unpin', {}, expectRet), {
  *take(sys, actor): Task<StepResult> {
    return retOf(yield* sys.ioctl(actor.gupFd, PIN_LONGTERM_TEST_STOP, 0));
  },
  answers: () => answeredBy('pin_longterm_test_stop', 'EINVAL'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { unpin: command('', 'drop that pin', [0, 0], () => ({})) },
  plainer: nothingPlainer,
  draws: { unpin: { on: () => ({}) } },
  c: { takers: ['unpin'], taker: () => 'unpin', fields: () => [], listed: () => 0 },
});

export const gup = { gup: gupStep, pin, unpin };
