// SPDX-License-Identifier: GPL-2.0-only
/** Another process's memory: process_vm_readv(), process_vm_writev(), /proc/PID/mem. */
import type { z } from 'zod';
import type { Task } from '../../sim/task.js';
import { O_RDWR } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersFor } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  type Fields,
  type Making,
  type Population,
  preferring,
  preferringSmallWord,
  type Range,
  rangeFields,
} from './contract.js';
import {
  expectBytes,
  expectTransfer,
  few,
  fewRange,
  MAX_TRANSFER,
  processName,
  stepSchema,
  word,
  yes,
} from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { transferred, wordsInPages } from './transfer.js';
import { command, rangeAndWord, rangeWord } from './words.js';

const remoteFields = {
  of: processName,
  ...fewRange,
  /** Through /proc/PID/mem: FOLL_FORCE. */ force: yes.optional(),
};

interface RemoteStep extends Range {
  readonly of: string;
  readonly force?: true | undefined;
}

/** Between the buffer and the other process's pages. Return: bytes, or a negative errno. */
function* transfer(sys: Sys, actor: Actor, step: RemoteStep, buffer: number, write: boolean): Task<number> {
  const pid = actor.peers.get(step.of)?.pid ?? 0;
  const [start, length] = [startOf(step), lengthOf(step)];
  if (!step.force) {
    if (write) return yield* sys.process_vm_writev(pid, buffer, start, length);
    return yield* sys.process_vm_readv(pid, buffer, start, length);
  }
  const fd = yield* sys.open(`/proc/${pid}/mem`, O_RDWR);
  if (fd < 0) return fd;
  const bytes = write
    ? yield* sys.pwrite(fd, buffer, length, start)
    : yield* sys.pread(fd, buffer, length, start);
  yield* sys.close(fd);
  return bytes;
}

const naming = { processes: [['of']] } as const;

function remoteInC(step: RemoteStep): CField[] {
  return [...rangeFields(step), ['write', step.force ? 'true' : 0]];
}

const answers = (step: RemoteStep) =>
  step.force
    ? answeredBy('mem_rw', 'EIO', 'EFAULT', 'ENOENT', 'ENOMEM')
    : answeredBy('process_vm_rw_core', 'EFAULT', 'ESRCH', 'ENOMEM');

const withForce = (last: string | undefined): Fields =>
  last === undefined ? {} : { force: last === 'force' ? true : last };

/** Mostly pages of its own, as whoever is forced to look at itself does. */
function drawRemote(where: Range, { dice, living }: Making, actor: Population): Fields {
  const of = dice.once(2) ? dice.pick(living).name : actor.name;
  return { of, ...few(where), ...(dice.below(5) < 2 ? { force: true } : {}) };
}

// --- peek -------------------------------------------------------------------------------------------------

const peekSchema = stepSchema('peek', remoteFields, expectTransfer);

function* takePeek(sys: Sys, actor: Actor, step: z.infer<typeof peekSchema>): Task<StepResult> {
  const { mirror } = yield* buffersFor(sys, actor, MAX_TRANSFER);
  const bytes = yield* transfer(sys, actor, step, mirror, false);
  return bytes < 0 ? retOf(bytes) : yield* transferred(sys, mirror, bytes);
}

const peek = defineStep(peekSchema, {
  take: takePeek,
  answers,
  concerns: 'transfer',
  owner: ({ of }) => of,
  maps: null,
  naming,
  shell: {
    peek: command(
      'PROCESS RANGE [force]',
      "read another process's pages: process_vm_readv(), or /proc/PID/mem with force",
      [2, 3],
      ([of, r, last], context) => ({ of, ...rangeWord(r!, context), ...withForce(last) }),
    ),
  },
  plainer: (step) => preferring(step, 'force', undefined),
  draws: { peek: { on: drawRemote } },
  c: { takers: ['peek'], taker: () => 'peek', fields: remoteInC, listed: ({ pages }) => pages },
});

// --- poke -------------------------------------------------------------------------------------------------

const pokeSchema = stepSchema('poke', { ...remoteFields, word }, expectBytes);

function* takePoke(sys: Sys, actor: Actor, step: z.infer<typeof pokeSchema>): Task<StepResult> {
  const { mirror } = yield* buffersFor(sys, actor, MAX_TRANSFER);
  yield* wordsInPages(sys, mirror, step.pages, step.word);
  const bytes = yield* transfer(sys, actor, step, mirror, true);
  return bytes < 0 ? retOf(bytes) : { ret: 0, bytes };
}

const poke = defineStep(pokeSchema, {
  take: takePoke,
  answers,
  concerns: 'transfer',
  owner: ({ of }) => of,
  maps: null,
  naming,
  shell: {
    poke: command(
      'PROCESS RANGE WORD [force]',
      'fill page i of them with WORD + i',
      [3, 4],
      ([of, r, first, last], context) => ({
        of,
        ...rangeAndWord(r!, first!, context),
        ...withForce(last),
      }),
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'force', undefined);
    yield* preferringSmallWord(step);
  },
  draws: {
    poke: { on: (where, making, actor) => ({ ...drawRemote(where, making, actor), word: making.word() }) },
  },
  c: {
    takers: ['poke'],
    taker: () => 'poke',
    fields: (step) => [...remoteInC(step), ['word', `${step.word}u`]],
    listed: () => 0,
  },
});

export const remote = { peek, poke };
