// SPDX-License-Identifier: GPL-2.0-only
/** Steps on memory cgroups, which are directories: a limit, who is in one, and what is charged to it. */
import { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import { O_RDWR, PAGE_SIZE } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, buffersOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import { answeredBy, type CField, defineStep, nothingPlainer, plainNames, preferring } from '../contract.js';
import { expecting, expectRet, integer, named, stepSchema } from '../fields.js';
import { command, numberWord } from '../words.js';

const CGROUP = 'a cgroup: c0, c1 ..., or memory/c0 in the first hierarchy';
const cgroup = named(/^(?:memory\/)?c(?:0|[1-9]\d?)$/, CGROUP);
const OR_ROOT = `${CGROUP}; root and memory/root are those that everybody is in at first`;
const cgroupOrRoot = named(/^(?:memory\/)?(?:root|c(?:0|[1-9]\d?))$/, OR_ROOT);
const LIMIT = 'bytes (8192, 64K, 1M, 1G), or max';
const limit = z.union(
  [integer(0, Number.MAX_SAFE_INTEGER, LIMIT), named(/^(?:max|\d{1,15}[KMG]?)$/, LIMIT)],
  {
    error: LIMIT,
  },
);

/** What made-up scenarios have: mostly one cgroup, so that it is there when it is needed. */
const DRAWN = ['c0', 'c0', 'c0', 'c1'] as const;

const isLegacy = (name: string): boolean => name.startsWith('memory/');

const directoryOf = (name: string): string => `/sys/fs/cgroup/${name}`.replace(/\/root$/, '');

/** What the file is called in the hierarchy of the cgroup. */
const fileOf = (name: string, unified: string, legacy: string): string =>
  `${directoryOf(name)}/${isLegacy(name) ? legacy : unified}`;

/** Write `text` to a file. Return: 0 or -errno. */
function* writeText(sys: Sys, actor: Actor, path: string, text: string): Task<number> {
  const { scratch } = yield* buffersOf(sys, actor);
  const fd = yield* sys.open(path, O_RDWR);
  if (fd < 0) return fd;
  const bytes = new TextEncoder().encode(text);
  yield* sys.storeBytes(scratch, bytes);
  const ret = yield* sys.write(fd, scratch, bytes.length);
  yield* sys.close(fd);
  return Math.min(ret, 0);
}

/** The text of a file; -errno. */
function* readText(sys: Sys, actor: Actor, path: string): Task<string | number> {
  const { scratch } = yield* buffersOf(sys, actor);
  const fd = yield* sys.open(path, O_RDWR);
  if (fd < 0) return fd;
  const ret = yield* sys.read(fd, scratch, PAGE_SIZE);
  yield* sys.close(fd);
  return ret < 0 ? ret : String.fromCharCode(...(yield* sys.loadBytes(scratch, ret)));
}

/** Numbers of lines "name number"; a line without a name has the name ''. */
function numbersOf(text: string): ReadonlyMap<string, number> {
  const pairs = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map((words): [string, number] => [words.length > 1 ? words[0]! : '', Number(words[words.length - 1])]);
  return new Map(pairs);
}

const cFields = (name: string): CField[] => [
  ['device', /root$/.test(name) ? -1 : Number(/\d+$/.exec(name)![0])],
  ['flags', isLegacy(name) ? 1 : 0],
];

const cgroupWord = (word: string | undefined): string => word ?? '';

// --- mkcgroup, rmcgroup -------------------------------------------------------------------------------------

const mkcgroup = defineStep(stepSchema('mkcgroup', { cgroup }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.mkdir(directoryOf(step.cgroup)));
  },
  answers: () => answeredBy('cgroup_mkdir', 'EEXIST', 'ENOENT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    mkcgroup: command(
      'CGROUP',
      'make a memory cgroup: c0; memory/c0 in the first hierarchy',
      [1, 1],
      ([name]) => ({
        cgroup: cgroupWord(name),
      }),
    ),
  },
  plainer: nothingPlainer,
  draws: { mkcgroup: { on: (_, { dice }) => ({ cgroup: dice.pick(DRAWN) }) } },
  c: {
    takers: ['mkcgroup'],
    taker: () => 'mkcgroup',
    fields: (step) => cFields(step.cgroup),
    listed: () => 0,
  },
});

const rmcgroup = defineStep(stepSchema('rmcgroup', { cgroup }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.rmdir(directoryOf(step.cgroup)));
  },
  answers: () => answeredBy('cgroup_rmdir', 'ENOENT', 'EBUSY'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    rmcgroup: command('CGROUP', 'remove it, where no process is in it', [1, 1], ([name]) => ({
      cgroup: cgroupWord(name),
    })),
  },
  plainer: nothingPlainer,
  draws: { rmcgroup: { on: (_, { dice }) => ({ cgroup: dice.pick(DRAWN) }) } },
  c: {
    takers: ['rmcgroup'],
    taker: () => 'rmcgroup',
    fields: (step) => cFields(step.cgroup),
    listed: () => 0,
  },
});

// --- cgroup_join --------------------------------------------------------------------------------------------

const join = defineStep(stepSchema('cgroup_join', { cgroup: cgroupOrRoot }, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    return retOf(yield* writeText(sys, actor, `${directoryOf(step.cgroup)}/cgroup.procs`, `${sys.pid}`));
  },
  answers: () => answeredBy('cgroup_procs_write', 'ENOENT', 'ENOMEM'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    cgroup_join: command('CGROUP|root', 'the process moves there', [1, 1], ([name]) => ({
      cgroup: cgroupWord(name),
    })),
  },
  plainer: nothingPlainer,
  draws: { cgroup_join: { on: (_, { dice }) => ({ cgroup: dice.pick([...DRAWN, 'root']) }) } },
  c: {
    takers: ['cgroup_join'],
    taker: () => 'cgroup_join',
    fields: (step) => cFields(step.cgroup),
    listed: () => 0,
  },
});

// --- cgroup_limit -------------------------------------------------------------------------------------------

const NO_LIMIT = 'max';

/** In bytes, for C; -1: none. */
function bytesOf(value: number | string): number {
  if (typeof value === 'number') return value;
  if (value === NO_LIMIT) return -1;
  const unit = ['K', 'M', 'G'].indexOf(value.slice(-1));
  return unit < 0 ? Number(value) : Number(value.slice(0, -1)) * 1024 ** (unit + 1);
}

const setLimit = defineStep(stepSchema('cgroup_limit', { cgroup, limit }, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    const path = fileOf(step.cgroup, 'memory.max', 'memory.limit_in_bytes');
    const none = isLegacy(step.cgroup) ? '-1' : 'max';
    const text = step.limit === NO_LIMIT ? none : `${step.limit}`;
    return retOf(yield* writeText(sys, actor, path, text));
  },
  answers: () => answeredBy('memory_max_write', 'ENOENT', 'EBUSY'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    cgroup_limit: command(
      'CGROUP BYTES|max',
      'how much may be charged: 64K, 1M, max',
      [2, 2],
      ([name, to]) => ({
        cgroup: cgroupWord(name),
        limit: to,
      }),
    ),
  },
  plainer: (step) => preferring(step, 'limit', NO_LIMIT),
  draws: {
    cgroup_limit: {
      on: (_, { dice }) => ({
        cgroup: dice.pick(DRAWN),
        limit: dice.pick(['max', '16K', '32K', '64K', '3M']),
      }),
    },
  },
  c: {
    takers: ['cgroup_limit'],
    taker: () => 'cgroup_limit',
    fields: (step) => [...cFields(step.cgroup), ['npages', `${bytesOf(step.limit)}ULL`]],
    listed: () => 0,
  },
});

// --- cgroup_moves -------------------------------------------------------------------------------------------

const MOVES = '0: nothing; 1: anonymous memory; 2: files; 3: both';

const moves = defineStep(
  stepSchema(
    'cgroup_moves',
    {
      cgroup: named(/^memory\/c(?:0|[1-9]\d?)$/, 'a cgroup of the first hierarchy: memory/c0'),
      value: integer(0, 3, MOVES),
    },
    expectRet,
  ),
  {
    *take(sys, actor, step): Task<StepResult> {
      const path = `${directoryOf(step.cgroup)}/memory.move_charge_at_immigrate`;
      return retOf(yield* writeText(sys, actor, path, `${step.value}`));
    },
    answers: () => answeredBy('mem_cgroup_move_charge_write', 'ENOENT', 'EINVAL'),
    concerns: 'call',
    maps: null,
    naming: plainNames,
    shell: {
      cgroup_moves: command(
        'memory/c0|memory/c1 0|1|2|3',
        'whose charges come along with a process: 1 anonymous memory, 2 files, 3 both',
        [2, 2],
        ([name, value]) => ({ cgroup: cgroupWord(name), value: numberWord(value!, MOVES) }),
      ),
    },
    plainer: nothingPlainer,
    draws: {},
    c: {
      takers: ['cgroup_moves'],
      taker: () => 'cgroup_moves',
      fields: (step) => [...cFields(step.cgroup), ['npages', `${step.value}`]],
      listed: () => 0,
    },
  },
);

// --- cgroup_read --------------------------------------------------------------------------------------------

/** What is read, each from its file, by the name that the answer has for it. */
interface Reading {
  readonly name: string;
  readonly file: string;
  /** The line; '' of a file that is one number. */
  readonly line: string;
  readonly bytes: boolean;
}

const reading = (name: string, file: string, line: string, bytes = true): Reading => ({
  name,
  file,
  line,
  bytes,
});

const UNIFIED_READINGS: readonly Reading[] = [
  reading('current', 'memory.current', ''),
  reading('anon', 'memory.stat', 'anon'),
  reading('file', 'memory.stat', 'file'),
  reading('shmem', 'memory.stat', 'shmem'),
  reading('swap', 'memory.swap.current', ''),
  reading('max', 'memory.events', 'max', false),
  reading('oom', 'memory.events', 'oom', false),
  reading('oom_kill', 'memory.events', 'oom_kill', false),
];

const LEGACY_READINGS: readonly Reading[] = [
  reading('usage', 'memory.usage_in_bytes', ''),
  reading('rss', 'memory.stat', 'rss'),
  reading('cache', 'memory.stat', 'cache'),
  reading('shmem', 'memory.stat', 'shmem'),
  reading('swap', 'memory.stat', 'swap'),
  reading('failcnt', 'memory.failcnt', '', false),
];

export const readingsOf = (legacy: boolean): readonly Reading[] =>
  legacy ? LEGACY_READINGS : UNIFIED_READINGS;

const ANSWER = 'what the files say, in pages, what is nought left out: current 64, anon 2, max 3';

const read = defineStep(
  stepSchema(
    'cgroup_read',
    { cgroup },
    expecting({ answer: named(/^\w+ \d+(?:, \w+ \d+)*$/, ANSWER).optional() }),
  ),
  {
    *take(sys, actor, step): Task<StepResult> {
      const words: string[] = [];
      for (const { name, file, line, bytes } of readingsOf(isLegacy(step.cgroup))) {
        const text = yield* readText(sys, actor, `${directoryOf(step.cgroup)}/${file}`);
        if (typeof text === 'number') return retOf(text);
        const value = numbersOf(text).get(line) ?? 0;
        const shown = bytes ? value / PAGE_SIZE : value;
        if (words.length === 0 || shown !== 0) words.push(`${name} ${shown}`);
      }
      return { ret: 0, answer: words.join(', ') };
    },
    answers: () => answeredBy('memory_stat_show', 'ENOENT'),
    concerns: 'call',
    maps: null,
    naming: plainNames,
    shell: {
      cgroup_read: command(
        'CGROUP',
        'what is charged to it, in pages, and how often its limit was reached',
        [1, 1],
        ([name]) => ({
          cgroup: cgroupWord(name),
        }),
      ),
    },
    plainer: nothingPlainer,
    draws: { cgroup_read: { on: (_, { dice }) => ({ cgroup: dice.pick(DRAWN) }) } },
    c: {
      takers: ['cgroup_read'],
      taker: () => 'cgroup_read',
      fields: (step) => cFields(step.cgroup),
      listed: () => 0,
    },
  },
);

export const cgroups = {
  mkcgroup,
  rmcgroup,
  cgroup_join: join,
  cgroup_limit: setLimit,
  cgroup_moves: moves,
  cgroup_read: read,
};
