// SPDX-License-Identifier: GPL-2.0-only
/** NUMA nodes: where memory is to come from (mbind, set_mempolicy), and pages that move (migrate_pages, move_pages). */
import { z } from 'zod';
import { putU32, putU64, u32At } from '../../sim/bytes.js';
import { UsageError } from '../../sim/errors.js';
import type { Task } from '../../sim/task.js';
import {
  encodeNodeWord,
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
  MPOL_PREFERRED,
  NODE_WORD_BITS,
} from '../../uapi/mempolicy.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersFor } from '../actor.js';
import { errnoOrNumber, retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  type Fields,
  type Making,
  plainNames,
  preferring,
  type Range,
  rangeFields,
} from './contract.js';
import {
  count,
  eachPage,
  expecting,
  expectRet,
  few,
  fewRange,
  integer,
  MAX_TRANSFER,
  page,
  pages,
  processName,
  regionName,
  ret,
  stepSchema,
  yes,
} from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { command, numberWord, rangeWord } from './words.js';

const POLICIES = {
  default: MPOL_DEFAULT,
  preferred: MPOL_PREFERRED,
  bind: MPOL_BIND,
  interleave: MPOL_INTERLEAVE,
  local: MPOL_LOCAL,
} as const;

type PolicyName = keyof typeof POLICIES;

const NAMES = Object.keys(POLICIES) as PolicyName[];

/** Undefined for a mode that has no name here, with MPOL_F_... flags or without. */
export const policyName = (mode: number): PolicyName | undefined =>
  NAMES.find((name) => POLICIES[name] === mode);

const NODE = 'a node from 0 to 63';
const node = integer(0, 63, NODE);
const nodes = z.array(node, { error: 'a list of nodes: [0, 1]' });

/** `1`, or `0,1`. */
const nodesWord = (word: string): number[] => word.split(',').map((part) => numberWord(part, NODE));

/** The mask of nodes as C has it: 64 bits. */
const maskOf = (list: readonly number[]): string =>
  `0x${list.reduce((mask, nid) => mask | (1n << BigInt(nid)), 0n).toString(16)}ULL`;

/** A mask in a buffer of the process's own, from byte `at` on. Return: its address. */
function* masked(sys: Sys, actor: Actor, list: readonly number[], at = 0): Task<number> {
  const { mirror } = yield* buffersFor(sys, actor, 1);
  yield* sys.storeBytes(mirror + at, encodeNodeWord(list));
  return mirror + at;
}

/** The policy of a new mapping is what fuzz draws most: on the last node, which may be a device's. */
function drawPolicy({ dice }: Making): Fields {
  const policy = dice.pick(['default', 'preferred', 'bind', 'bind', 'interleave', 'local'] as const);
  if (policy === 'default' || policy === 'local') return { policy };
  return { policy, nodes: dice.pick(policy === 'preferred' ? [[1], [0]] : [[1], [0, 1], [0]]) };
}

/** Words of a policy, and the list of nodes, where there is one. */
function policyWords([policy, list]: readonly string[]): Fields {
  return { policy, ...(list === undefined ? {} : { nodes: nodesWord(list) }) };
}

const policyFields = { policy: z.enum(NAMES), nodes: nodes.optional() };

// --- mbind --------------------------------------------------------------------------------------------------

const mbindSchema = stepSchema(
  'mbind',
  {
    region: regionName,
    page,
    pages,
    ...policyFields,
    move: z.enum(['own', 'all']).optional(),
    strict: yes.optional(),
  },
  expectRet,
);

type Mbind = z.infer<typeof mbindSchema>;

const mbindFlags = ({ move, strict }: Mbind): number =>
  (strict ? MPOL_MF_STRICT : 0) |
  (move === 'own' ? MPOL_MF_MOVE : 0) |
  (move === 'all' ? MPOL_MF_MOVE_ALL : 0);

const MBIND_WORDS: Readonly<Record<string, Fields>> = {
  move: { move: 'own' },
  'move-all': { move: 'all' },
  strict: { strict: true },
};

function mbindWord(word: string): Fields {
  const fields = MBIND_WORDS[word];
  if (fields === undefined)
    throw new UsageError(`expected one of ${Object.keys(MBIND_WORDS).join(', ')}, got "${word}"`);
  return fields;
}

const mbind = defineStep(mbindSchema, {
  *take(sys, actor, step): Task<StepResult> {
    const mask = yield* masked(sys, actor, step.nodes ?? []);
    const mode = POLICIES[step.policy];
    return retOf(
      yield* sys.mbind(startOf(step), lengthOf(step), mode, mask, NODE_WORD_BITS, mbindFlags(step)),
    );
  },
  answers: () => answeredBy('do_mbind', 'EINVAL', 'EFAULT', 'EIO', 'ENOMEM'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    mbind: command(
      `RANGE ${NAMES.join('|')} [NODES] [move|move-all] [strict]`,
      'which nodes memory of pages comes from: mbind r0 bind 1 move',
      [2, 5],
      ([r, policy, ...rest], context) => {
        const listed = /^\d/.test(rest[0] ?? '') ? 1 : 0;
        const fields = { ...rangeWord(r!, context), ...policyWords([policy!, ...rest.slice(0, listed)]) };
        return Object.assign(fields, ...rest.slice(listed).map(mbindWord));
      },
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'strict', undefined);
    yield* preferring(step, 'move', undefined);
  },
  draws: {
    mbind: {
      on: (where, making) => ({
        ...where,
        ...drawPolicy(making),
        ...(making.dice.once(2) ? { move: making.dice.pick(['own', 'all']) } : {}),
        ...(making.dice.once(5) ? { strict: true } : {}),
      }),
    },
  },
  c: {
    takers: ['mbind'],
    taker: () => 'mbind',
    fields: (step) => [
      ...rangeFields(step),
      ['prot', POLICIES[step.policy]],
      ['npages', maskOf(step.nodes ?? [])],
      ['flags', mbindFlags(step)],
    ],
    listed: () => 0,
  },
});

// --- set_mempolicy ------------------------------------------------------------------------------------------

const setMempolicy = defineStep(stepSchema('set_mempolicy', policyFields, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    const mask = yield* masked(sys, actor, step.nodes ?? []);
    return retOf(yield* sys.set_mempolicy(POLICIES[step.policy], mask, NODE_WORD_BITS));
  },
  answers: () => answeredBy('do_set_mempolicy', 'EINVAL', 'EFAULT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    set_mempolicy: command(
      `${NAMES.join('|')} [NODES]`,
      'which nodes memory of the process comes from: set_mempolicy interleave 0,1',
      [1, 2],
      (words) => policyWords(words),
    ),
  },
  plainer: () => [{ policy: 'default', nodes: undefined }],
  draws: { set_mempolicy: { on: (_, making) => drawPolicy(making) } },
  c: {
    takers: ['set_mempolicy'],
    taker: () => 'set_mempolicy',
    fields: (step) => [
      ['prot', POLICIES[step.policy]],
      ['npages', maskOf(step.nodes ?? [])],
    ],
    listed: () => 0,
  },
});

// --- migrate_pages ------------------------------------------------------------------------------------------

/** How many pages stay where they were. */
const stays = count.optional();

const migratePages = defineStep(
  stepSchema('migrate_pages', { from: nodes, onto: nodes, of: processName.optional() }, expecting({ stays })),
  {
    *take(sys, actor, step): Task<StepResult> {
      const pid = step.of === undefined ? 0 : (actor.peers.get(step.of)?.pid ?? -1);
      const from = yield* masked(sys, actor, step.from);
      const onto = yield* masked(sys, actor, step.onto, 8);
      const stay = yield* sys.migrate_pages(pid, NODE_WORD_BITS, from, onto);
      return stay < 0 ? retOf(stay) : { ret: 0, stays: stay };
    },
    answers: () => answeredBy('do_migrate_pages', 'EINVAL', 'EFAULT', 'ESRCH'),
    concerns: 'call',
    maps: null,
    naming: { processes: [['of']] },
    shell: {
      migrate_pages: command(
        'NODES NODES [PROCESS]',
        'move all pages of a process from nodes to others: migrate_pages 0 1',
        [2, 3],
        ([from, onto, of]) => ({
          from: nodesWord(from!),
          onto: nodesWord(onto!),
          ...(of === undefined ? {} : { of }),
        }),
      ),
    },
    plainer: (step) => preferring(step, 'of', undefined),
    draws: {
      migrate_pages: {
        on: (_, { dice }) => (dice.once(2) ? { from: [0], onto: [1] } : { from: [1], onto: [0] }),
      },
    },
    c: {
      takers: ['migrate_pages'],
      taker: () => 'migrate_pages',
      fields: (step) => [
        ['npages', maskOf(step.from)],
        ['buffer', maskOf(step.onto)],
        ...(step.of === undefined ? [['device', -1] as CField] : []),
      ],
      listed: () => 0,
    },
  },
);

// --- move_pages ---------------------------------------------------------------------------------------------

const expectNodes = expecting({
  stays,
  nodes: eachPage(z.union([node, ret]), 'a node, or an errno name').optional(),
});

/** Bytes of an array of addresses, in the buffer; then those of nodes, and of answers. */
const [NODES_AT, STATUS_AT] = [MAX_TRANSFER * 8, MAX_TRANSFER * 12];

/** Ask of each page where it is, once they were told to move if they were. */
function* movePages(
  sys: Sys,
  actor: Actor,
  { pages: nr, ...step }: Range,
  to: number | null,
): Task<StepResult> {
  const { mirror } = yield* buffersFor(sys, actor, 1);
  const addrs = new Uint8Array(nr * 8);
  const targets = new Uint8Array(nr * 4);
  for (let n = 0; n < nr; n++) {
    putU64(addrs, n * 8, startOf({ ...step, pages: nr }) + n * PAGE_SIZE);
    putU32(targets, n * 4, to ?? 0);
  }
  const [nodesAt, status] = [mirror + NODES_AT, mirror + STATUS_AT];
  yield* sys.storeBytes(mirror, addrs);
  yield* sys.storeBytes(nodesAt, targets);
  let stay = 0;
  if (to !== null) stay = yield* sys.move_pages(0, nr, mirror, nodesAt, status, MPOL_MF_MOVE);
  if (stay < 0) return retOf(stay);
  const err = yield* sys.move_pages(0, nr, mirror, 0, status, 0);
  if (err < 0) return retOf(err);
  const bytes = yield* sys.loadBytes(status, nr * 4);
  const there = Array.from({ length: nr }, (_, n) => errnoOrNumber(u32At(bytes, n * 4) | 0));
  return { ret: 0, ...(to === null ? {} : { stays: stay }), nodes: there };
}

const movePagesStep = defineStep(
  stepSchema('move_pages', { ...fewRange, node: node.optional() }, expectNodes),
  {
    take: (sys, actor, step) => movePages(sys, actor, step, step.node ?? null),
    answers: () => answeredBy('do_pages_move', 'ENODEV', 'EACCES', 'EFAULT', 'EINVAL'),
    concerns: 'mapping',
    maps: null,
    naming: plainNames,
    shell: {
      move_pages: command(
        'RANGE [NODE]',
        'move pages to a node, if one is told, then ask on which each is',
        [1, 2],
        ([r, to], context) => ({
          ...rangeWord(r!, context),
          ...(to === undefined ? {} : { node: numberWord(to, NODE) }),
        }),
      ),
    },
    plainer: (step) => preferring(step, 'node', undefined),
    draws: {
      move_pages: {
        on: (where, { dice }) => ({
          ...few(where),
          ...(dice.once(3) ? {} : { node: dice.below(2) }),
        }),
      },
    },
    c: {
      takers: ['move_pages'],
      taker: () => 'move_pages',
      fields: (step) => [...rangeFields(step), ['device', step.node ?? -1]],
      listed: (step) => step.pages,
    },
  },
);

export const numa = {
  mbind,
  set_mempolicy: setMempolicy,
  migrate_pages: migratePages,
  move_pages: movePagesStep,
};
