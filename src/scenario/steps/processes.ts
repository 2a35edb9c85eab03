// SPDX-License-Identifier: GPL-2.0-only
/** What becomes of processes: fork, and SIGKILL. */
import {
  answeredBy,
  defineStep,
  type Making,
  nameNumber,
  nothingPlainer,
  type Population,
  plainNames,
} from './contract.js';
import { expectRet, processName, stepSchema } from './fields.js';
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

export const processes = { fork, exit };
