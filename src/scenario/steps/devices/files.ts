// SPDX-License-Identifier: GPL-2.0-only
/** Device files: open and close. */
import { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import { O_RDWR } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, fdOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  defineStep,
  type Making,
  nameNumber,
  nothingPlainer,
  type Population,
  plainNames,
} from '../contract.js';
import { expectRet, fdName, integer, named, stepSchema } from '../fields.js';
import { command, deviceWord } from '../words.js';

const DEVICE = "a minor number from 0 to 255, or the name of a driver's device file";
const device = z.union(
  [integer(0, 255, DEVICE), named(/^(?!hmm_dmirror)[a-z][\w.-]{0,31}(?:\/[a-zA-Z][\w-]{0,31})?$/, DEVICE)],
  {
    error: DEVICE,
  },
);

// --- open -------------------------------------------------------------------------------------------------

const openSchema = stepSchema('open', { fd: fdName, device }, expectRet);

/** The minor number in the path of a device file; undefined for other paths. */
export function minorOf(path: string): number | undefined {
  const minor = /^\/dev\/hmm_dmirror(\d{1,3})$/.exec(path)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** By its minor number, a device of test_hmm; another driver's by its name. */
const deviceName = (device: number | string): string =>
  typeof device === 'number' ? `hmm_dmirror${device}` : device;

function* takeOpen(sys: Sys, actor: Actor, step: { fd: string; device: number | string }): Task<StepResult> {
  const fd = yield* sys.open(`/dev/${deviceName(step.device)}`, O_RDWR);
  // As `d0 = open(...)` in C: a failure leaves -1 there, and what was open before is leaked.
  actor.fds.set(step.fd, fd < 0 ? -1 : fd);
  return retOf(fd);
}

function makeOpen(making: Making, actor: Population): void {
  const { dice, surroundings, generation } = making;
  const fd = making.nextFd();
  const devices = surroundings.devices.filter((device) => device < generation.ndevices);
  const device = surroundings.device ?? dice.pick(devices);
  making.push({ as: actor.name, op: 'open', fd, device });
  actor.fds.push(fd);
}

const open = defineStep(openSchema, {
  take: takeOpen,
  answers: () => answeredBy('dmirror_fops_open', 'ENOENT', 'ENXIO', 'ENOMEM', 'EMFILE'),
  concerns: 'call',
  maps: null,
  opens: ({ device }) => deviceName(device),
  naming: plainNames,
  shell: {
    open: command(
      'FD [DEVICE]',
      'open /dev/hmm_dmirrorDEVICE, or /dev/DEVICE of another driver, as FD; d1 is of 1',
      [1, 2],
      ([fd, name]) => ({ fd, device: name === undefined ? nameNumber(fd!) : deviceWord(name) }),
    ),
  },
  *plainer(step) {
    const { device: own } = step;
    for (let device = 0; typeof own === 'number' && device < own; device++) yield { device };
  },
  draws: { open: { change: makeOpen } },
  c: {
    takers: ['open'],
    taker: () => 'open',
    fields: ({ fd, device }) => [
      ['fd', nameNumber(fd)],
      ['device', Number(device)],
    ],
    impossible: ({ device }) => (typeof device === 'string' ? 'no kernel has such a driver' : undefined),
    listed: () => 0,
  },
});

// --- close ------------------------------------------------------------------------------------------------

function* takeClose(sys: Sys, actor: Actor, step: { fd: string }): Task<StepResult> {
  const ret = yield* sys.close(fdOf(actor, step.fd));
  actor.fds.delete(step.fd);
  return retOf(ret);
}

function makeClose(making: Making, actor: Population): void {
  // The last one is kept: without a device there is not much to see.
  if (actor.fds.length < 2) {
    makeOpen(making, actor);
    return;
  }
  const [fd] = actor.fds.splice(making.dice.below(actor.fds.length), 1);
  making.push({ as: actor.name, op: 'close', fd });
}

const close = defineStep(stepSchema('close', { fd: fdName }, expectRet), {
  take: takeClose,
  answers: () => answeredBy('dmirror_fops_release', 'EBADF'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { close: command('FD', 'close it', [1, 1], ([fd]) => ({ fd })) },
  plainer: nothingPlainer,
  draws: { close: { change: makeClose } },
  c: {
    takers: ['close'],
    taker: () => 'close',
    fields: ({ fd }) => [['fd', nameNumber(fd)]],
    listed: () => 0,
  },
});

export const files = { open, close };
