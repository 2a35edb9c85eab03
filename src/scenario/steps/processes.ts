// SPDX-License-Identifier: GPL-2.0-only
/** What becomes of processes: fork, SIGKILL, and signals that dump core. */
import { z } from 'zod';
import { deadlySignals } from '../../uapi/signal.js';
import {
  answeredBy,
  defineStep,
  type Making,
  nameNumber,
  nothingPlainer,
  notInC,
  ONE_AT_A_TIME,
  type Population,
  plainNames,
  preferring,
} from './contract.js';
import { expectAnything, expectRet, inThread, processName, stepSchema } from './fields.js';
import { command } from './words.js';

const MAX_PROCESSES = 5;

const fork = defineStep(stepSchema('fork', { child: processName }, expectRet), {
  drive: (driving, actor, { child }) => driving.fork(actor, child),
  answers: () => answeredBy('copy_process', 'ENOMEM', 'EAGAIN'),
  concerns: 'child',
  maps: null,
  naming: { processes: [['child']] },
  shell: {
    fork: command(
      'PROCESS',
      'fork the acting process; the child is PROCESS (p1, p2 ...)',
      [1, 1],
      ([child]) => ({ child }),
    ),
  },
  plainer: nothingPlainer,
  draws: {
    fork: {
      change(making: Making, parent: Population) {
        if (making.processes >= MAX_PROCESSES) return;
        making.push({ as: parent.name, op: 'fork', child: making.born(parent) });
      },
    },
  },
  c: {
    takers: ['fork'],
    taker: () => 'fork',
    fields: ({ child }) => [['child', nameNumber(child)]],
    listed: () => 0,
  },
});

const exit = defineStep(stepSchema('exit', {}, expectRet), {
  drive: (driving, actor) => driving.kill(actor),
  answers: () => answeredBy('do_exit'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { exit: command('', 'SIGKILL the acting process', [0, 0], () => ({})) },
  plainer: nothingPlainer,
  draws: {
    exit: {
      change(making: Making, actor: Population) {
        if (making.living.length < 2) return;
        making.push({ as: actor.name, op: 'exit' });
        making.died(actor);
      },
    },
  },
  c: { takers: [], taker: () => null, fields: () => [], listed: () => 0 },
});

// --- kill -------------------------------------------------------------------------------------------------

const killSchema = stepSchema(
  'kill',
  { signal: z.enum(deadlySignals), core: z.boolean().optional() },
  expectRet,
);

const kill = defineStep(killSchema, {
  drive: (driving, actor, { signal, core }) => driving.kill(actor, signal, core),
  answers: () => answeredBy('get_signal'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    kill: command(
      'SIGNAL [core]',
      'the acting process dies of the signal; core: and dumps core, where that signal does',
      [1, 2],
      ([signal, last]) => ({
        signal,
        ...(last === undefined ? {} : { core: last === 'core' ? true : last }),
      }),
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'core', undefined);
    yield* preferring(step, 'signal', 'SIGKILL');
  },
  draws: {
    kill: {
      share: 4,
      change(making: Making, actor: Population) {
        // Who is alone has a child first, which is there to see what the dump brought back.
        if (making.living.length < 2) {
          if (making.processes >= MAX_PROCESSES) return;
          making.push({ as: actor.name, op: 'fork', child: making.born(actor) });
        }
        const signal = making.dice.pick(['SIGABRT', 'SIGSEGV', 'SIGTERM', 'SIGKILL']);
        making.push({ as: actor.name, op: 'kill', signal, core: true });
        making.died(actor);
      },
    },
  },
  c: {
    takers: ['kill'],
    taker: () => 'kill',
    fields: ({ signal, core }) => [
      ['flags', signal],
      ['write', core ? 'true' : 0],
      ['dies', 'true'],
    ],
    listed: () => 0,
  },
});

// --- await ------------------------------------------------------------------------------------------------

const awaited = defineStep(stepSchema('await', inThread, expectAnything), {
  drive: (driving, actor, { thread }) => driving.finish(actor, thread),
  answers: () => answeredBy('schedule', 'EINVAL', 'ESRCH'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    await: command(
      '[THREAD]',
      'wait for the step that the process takes in the background, or for those of a thread',
      [0, 1],
      ([thread]) => (thread === undefined ? {} : { thread }),
    ),
  },
  plainer: nothingPlainer,
  draws: {},
  c: notInC(ONE_AT_A_TIME),
});

export const processes = { fork, exit, kill, await: awaited };
