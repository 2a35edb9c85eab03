// SPDX-License-Identifier: GPL-2.0-only
/** userfaultfd(): faults of a range are somebody's to resolve; here nobody waits for him, so that they end in SIGBUS. */
import { z } from 'zod';
import { u32At, u64At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { O_CLOEXEC, O_NONBLOCK } from '../../uapi/mman.js';
import * as uffdio from '../../uapi/userfaultfd.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersFor, buffersOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type CField,
  type Drawing,
  defineStep,
  type Fields,
  type Making,
  nothingPlainer,
  type Population,
  plainNames,
  preferring,
  preferringSmallWord,
  type Range,
  rangeFields,
} from './contract.js';
import {
  expectBytes,
  expectRet,
  few,
  fewRange,
  MAX_TRANSFER,
  range,
  stepSchema,
  word,
  yes,
} from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { wordsInPages } from './transfer.js';
import { command, rangeAndWord, rangeCommand, rangeWord } from './words.js';

const uffdOf = (actor: Actor): number => actor.uffd ?? -1;

/** An ioctl of the process's userfaultfd. Return: what it answered, and where its struct is. */
function* request(
  sys: Sys,
  actor: Actor,
  nr: number,
  ...fields: readonly number[]
): Task<{ ret: number; struct: number }> {
  const { scratch } = yield* buffersOf(sys, actor);
  yield* sys.storeBytes(scratch, uffdio.encodeRequest(nr, ...fields));
  return { ret: yield* sys.ioctl(uffdOf(actor), nr, scratch), struct: scratch };
}

/** What the kernel says in the struct: bytes, or a negative number, which counts as none. */
function* bytesAt(sys: Sys, addr: number): Task<number> {
  const bytes = yield* sys.loadBytes(addr, 8);
  return u32At(bytes, 4) >= 2 ** 31 ? 0 : u64At(bytes, 0);
}

// --- uffd -------------------------------------------------------------------------------------------------

function* takeUffd(sys: Sys, actor: Actor): Task<StepResult> {
  if (actor.uffd !== undefined) yield* sys.close(actor.uffd);
  actor.uffd = undefined;
  const fd = yield* sys.userfaultfd(O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return retOf(fd);
  actor.uffd = fd;
  const { ret } = yield* request(sys, actor, uffdio.UFFDIO_API, uffdio.UFFD_API, uffdio.UFFD_FEATURE_SIGBUS);
  return retOf(ret);
}

function makeUffd(making: Making, actor: Population): void {
  making.push({ as: actor.name, op: 'uffd' });
  actor.uffd = true;
}

/** How a step of the userfaultfd is drawn: mostly there is one before. */
function drawn(fields: (where: Range, making: Making, actor: Population) => Fields): Drawing {
  return {
    on(where, making, actor) {
      if (!actor.uffd && !making.dice.once(20)) makeUffd(making, actor);
      return fields(where, making, actor);
    },
  };
}

const uffd = defineStep(stepSchema('uffd', {}, expectRet), {
  take: takeUffd,
  answers: () => answeredBy('userfaultfd_api', 'EINVAL', 'ENOMEM', 'EPERM', 'EMFILE'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    uffd: command(
      '',
      'a userfaultfd of the process; faults it has to resolve end in SIGBUS',
      [0, 0],
      () => ({}),
    ),
  },
  plainer: nothingPlainer,
  draws: { uffd: { change: makeUffd } },
  c: { takers: ['uffd'], taker: () => 'uffd', fields: () => [], listed: () => 0 },
});

// --- registering ------------------------------------------------------------------------------------------

const MODES = { missing: uffdio.UFFDIO_REGISTER_MODE_MISSING, wp: uffdio.UFFDIO_REGISTER_MODE_WP } as const;
const mode = z.enum(['missing', 'wp']);

const registerSchema = stepSchema('uffd_register', { ...range, mode: z.array(mode).min(1) }, expectRet);

const MODE_SETS = [['missing'], ['wp'], ['missing', 'wp']] as const;

/** Half of the times all of the region. */
function drawRegister(where: Range, { dice }: Making, { regions }: Population): Fields {
  const { region } = where;
  const pages = dice.once(2) ? { region, page: 0, pages: regions.get(region)! } : where;
  return { ...pages, mode: dice.pick(MODE_SETS) };
}

const uffd_register = defineStep(registerSchema, {
  *take(sys, actor, step): Task<StepResult> {
    const modes = step.mode.reduce((bits, name) => bits | MODES[name], 0);
    const { ret } = yield* request(sys, actor, uffdio.UFFDIO_REGISTER, startOf(step), lengthOf(step), modes);
    return retOf(ret);
  },
  answers: () => answeredBy('userfaultfd_register', 'EINVAL', 'EBADF', 'EBUSY', 'ENOMEM', 'EPERM', 'EFAULT'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    uffd_register: command(
      'RANGE missing|wp [missing|wp]',
      'let the userfaultfd have faults on missing, or on write-protected pages',
      [2, 3],
      ([r, ...modes], context) => ({ ...rangeWord(r!, context), mode: modes }),
    ),
  },
  *plainer(step) {
    if (step.mode.length > 1) for (const one of step.mode) yield { mode: [one] };
  },
  draws: { uffd_register: drawn(drawRegister) },
  c: {
    takers: ['uffd_register'],
    taker: () => 'uffd_register',
    fields: (step) => [
      ...rangeFields(step),
      ['flags', step.mode.map((name) => `UFFDIO_REGISTER_MODE_${name.toUpperCase()}`).join(' | ')],
    ],
    listed: () => 0,
  },
});

const uffd_unregister = defineStep(stepSchema('uffd_unregister', range, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    return retOf((yield* request(sys, actor, uffdio.UFFDIO_UNREGISTER, startOf(step), lengthOf(step))).ret);
  },
  answers: () => answeredBy('userfaultfd_unregister', 'EINVAL', 'EBADF', 'ENOMEM', 'EFAULT'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: { uffd_unregister: rangeCommand('take them back') },
  plainer: nothingPlainer,
  draws: { uffd_unregister: drawn((where) => where) },
  c: { takers: ['uffd_unregister'], taker: () => 'uffd_unregister', fields: rangeFields, listed: () => 0 },
});

// --- resolving --------------------------------------------------------------------------------------------

const FILLING = ['EINVAL', 'EBADF', 'EEXIST', 'ENOENT', 'EAGAIN', 'ENOMEM', 'EFAULT', 'ENOSPC', 'ESRCH'];

/** `bytes` stands beside an errno, too: the kernel may have come a part of the way. */
const filled = (ret: number, bytes: number): StepResult => ({ ...retOf(ret), bytes });

const withWp = (last: string | undefined): Fields =>
  last === undefined ? {} : { wp: last === 'wp' ? true : last };

const copySchema = stepSchema('uffd_copy', { ...fewRange, word, wp: yes.optional() }, expectBytes);

function* takeCopy(sys: Sys, actor: Actor, step: z.infer<typeof copySchema>): Task<StepResult> {
  const { mirror } = yield* buffersFor(sys, actor, MAX_TRANSFER);
  yield* wordsInPages(sys, mirror, step.pages, step.word);
  const modes = step.wp ? uffdio.UFFDIO_COPY_MODE_WP : 0;
  const copy = uffdio.UFFDIO_COPY;
  const { ret, struct } = yield* request(sys, actor, copy, startOf(step), mirror, lengthOf(step), modes);
  if (ret < 0 && uffdOf(actor) < 0) return retOf(ret);
  return filled(ret, yield* bytesAt(sys, struct + uffdio.COPY_RESULT));
}

const uffd_copy = defineStep(copySchema, {
  take: takeCopy,
  answers: () => answeredBy('userfaultfd_copy', ...FILLING),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    uffd_copy: command(
      'RANGE WORD [wp]',
      'resolve missing pages: page i is full of WORD + i; with wp, write-protected',
      [2, 3],
      ([r, first, last], context) => ({
        ...rangeAndWord(r!, first!, context),
        ...withWp(last),
      }),
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'wp', undefined);
    yield* preferringSmallWord(step);
  },
  draws: {
    uffd_copy: drawn((where, making) => ({
      ...few(where),
      word: making.word(),
      ...(making.dice.below(10) < 3 ? { wp: true } : {}),
    })),
  },
  c: {
    takers: ['uffd_copy'],
    taker: () => 'uffd_copy',
    fields: (step): CField[] => [
      ...rangeFields(step),
      ['word', `${step.word}u`],
      ['write', step.wp ? 'true' : 0],
    ],
    listed: () => 0,
  },
});

const uffd_zero = defineStep(stepSchema('uffd_zero', range, expectBytes), {
  *take(sys, actor, step): Task<StepResult> {
    const zero = uffdio.UFFDIO_ZEROPAGE;
    const { ret, struct } = yield* request(sys, actor, zero, startOf(step), lengthOf(step), 0);
    if (ret < 0 && uffdOf(actor) < 0) return retOf(ret);
    return filled(ret, yield* bytesAt(sys, struct + uffdio.ZEROPAGE_RESULT));
  },
  answers: () => answeredBy('userfaultfd_zeropage', ...FILLING),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: { uffd_zero: rangeCommand('resolve missing pages with zeros') },
  plainer: nothingPlainer,
  draws: { uffd_zero: drawn((where) => where) },
  c: { takers: ['uffd_zero'], taker: () => 'uffd_zero', fields: rangeFields, listed: () => 0 },
});

const uffd_wp = defineStep(stepSchema('uffd_wp', { ...range, wp: z.boolean() }, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    const modes = step.wp ? uffdio.UFFDIO_WRITEPROTECT_MODE_WP : 0;
    const protect = uffdio.UFFDIO_WRITEPROTECT;
    return retOf((yield* request(sys, actor, protect, startOf(step), lengthOf(step), modes)).ret);
  },
  answers: () =>
    answeredBy(
      'userfaultfd_writeprotect',
      'EINVAL',
      'EBADF',
      'ENOENT',
      'EAGAIN',
      'ENOMEM',
      'EFAULT',
      'ESRCH',
    ),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    uffd_wp: command(
      'RANGE on|off',
      'write-protect pages of the range, or not',
      [2, 2],
      ([r, on], context) => ({
        ...rangeWord(r!, context),
        wp: on === 'on' ? true : on === 'off' ? false : on,
      }),
    ),
  },
  plainer: nothingPlainer,
  draws: { uffd_wp: drawn((where, { dice }) => ({ ...where, wp: !dice.once(4) })) },
  c: {
    takers: ['uffd_wp'],
    taker: () => 'uffd_wp',
    fields: (step): CField[] => [...rangeFields(step), ['write', step.wp ? 'true' : 0]],
    listed: () => 0,
  },
});

export const userfaults = { uffd, uffd_register, uffd_unregister, uffd_copy, uffd_zero, uffd_wp };
