// SPDX-License-Identifier: GPL-2.0-only
/** Drivers from outside of the tree: their ioctls as bytes, and the steps that they define themselves. */
import { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import type { CoherentNodeRequest } from '../../../uapi/coherent_node.js';
import { PAGE_SIZE } from '../../../uapi/mman.js';
import type { DriverStep, Sys } from '../../../user/api.js';
import { type Actor, addressOf, buffersFor, buffersOf, fdOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  defineStep,
  type Fields,
  type Making,
  nothingPlainer,
  notInC,
  type Population,
  plainNames,
  preferring,
  preferringSmallWord,
  type Range,
} from '../contract.js';
import {
  buffer,
  count,
  eachPage,
  expecting,
  fdName,
  inThread,
  integer,
  named,
  range,
  stepSchema,
  word,
} from '../fields.js';
import { bufferAt } from '../memory.js';
import { command, numberWord, placeWord, rangeWord } from '../words.js';

/** Beside whatever the driver answers. */
const unlocked_ioctl = answeredBy('unlocked_ioctl', 'EBADF', 'ENOTTY', 'EFAULT', 'EINVAL');

const NOT_IN_C = 'it is for a driver that no kernel has';

// --- driver -----------------------------------------------------------------------------------------------

const contents = z.union([word, z.literal('mixed')], { error: 'a 32-bit word or "mixed"' });

const driverSchema = stepSchema(
  'driver',
  {
    fd: fdName,
    command: named(
      /^(?:[a-z]\w*\.)?[A-Z]\w*$/,
      'a command that the driver defines: MIGRATE, mirror.MIGRATE ...',
    ),
    ...range,
    word: word.optional(),
    buffer: buffer.optional(),
    ...inThread,
  },
  expecting({
    cpages: count.optional(),
    faults: count.optional(),
    answer: named(/^[A-Z]\w*$/, 'a name: H_SUCCESS ...').optional(),
    data: eachPage(contents, 'a 32-bit word or "mixed"').optional(),
  }),
).refine((step) => step.word === undefined || step.buffer === undefined, {
  error: 'a 32-bit word from 0 to 0xffffffff, or a buffer',
  path: ['word'],
});

type DriverCommandStep = z.infer<typeof driverSchema>;

/** Above this, answers leave data out. */
const MAX_LISTED = 1024;
const FILL = 0xa5a5a5a5;

/** What an ioctl is given that no driver knows. */
const UNKNOWN: DriverStep = { help: '', request: 0, encode: () => new Uint8Array(0) };

function* fillBuffer(sys: Sys, buffer: number, pages: number, first: number | undefined): Task {
  if (first === undefined) {
    if (pages > 0) yield* sys.storeSeq(buffer, (pages * PAGE_SIZE) / 4, FILL, 0);
    return;
  }
  for (let n = 0; n < pages; n++) yield* sys.tryStorePage(buffer + n * PAGE_SIZE, (first + n) >>> 0);
}

function* takeDriver(sys: Sys, actor: Actor, step: DriverCommandStep): Task<StepResult> {
  const { encode, decode, request, fillsBuffer } = actor.driverSteps.get(step.command) ?? UNKNOWN;
  const { region, page, pages, buffer } = step;
  const own = yield* buffersFor(sys, actor, buffer === undefined ? pages : 0);
  const { mirrorPages, scratch } = own;
  if (buffer === undefined) yield* fillBuffer(sys, own.mirror, Math.min(pages, mirrorPages), step.word);
  const mirror = buffer === undefined ? own.mirror : bufferAt(buffer);
  const struct = encode({ addr: addressOf(region, page), pages, ptr: mirror, word: step.word });
  if (struct.length > 0) yield* sys.storeBytes(scratch, struct);
  const ret = yield* sys.ioctl(fdOf(actor, step.fd), request, scratch);
  if (ret < 0) return retOf(ret);
  const { cpages, faults, answer } = decode?.(yield* sys.loadBytes(scratch, struct.length)) ?? {};
  const counts = {
    ...(cpages === undefined ? {} : { cpages }),
    ...(faults === undefined ? {} : { faults }),
    ...(answer === undefined ? {} : { answer }),
  };
  // What the program has in memory of its own, loads show.
  if (fillsBuffer !== true || pages > MAX_LISTED || buffer !== undefined) return { ret: 0, ...counts };
  const data: (number | string)[] = [];
  for (let n = 0; n < pages; n++) data.push(yield* sys.tryLoadPage(mirror + n * PAGE_SIZE));
  return { ret: 0, ...counts, data };
}

/** A command of a coherent device node, on the range that was drawn. */
const ofNode =
  (name: CoherentNodeRequest) =>
  (where: Range, _: Making, { fds }: Population): Fields => ({ ...where, fd: fds[0]!, command: name });

/** `r1[2]`, or a word for a buffer of the step's own. */
const bufferWord = (text: string): Fields =>
  text.startsWith('r') ? { buffer: placeWord(text) } : { word: numberWord(text, 'a word') };

const driver = defineStep(driverSchema, {
  take: takeDriver,
  answers: () => unlocked_ioctl,
  concerns: 'command',
  entry: 'unlocked_ioctl',
  maps: null,
  naming: { regions: [['buffer', 'region']] },
  shell: {
    driver: command(
      'FD COMMAND RANGE [WORD|PLACE]',
      "a command of FD's driver, whose buffer has WORD, WORD + 1 ... in its pages, or is at PLACE",
      [3, 4],
      ([fd, name, r, first], context) => ({
        fd,
        command: name,
        ...rangeWord(r!, context),
        ...(first === undefined ? {} : bufferWord(first)),
      }),
    ),
  },
  *plainer(step) {
    const { word } = step;
    if (word !== undefined) yield* preferringSmallWord({ word });
    yield* preferring(step, 'word', undefined);
    yield* preferring(step, 'buffer', undefined);
  },
  draws: {
    node_in: { on: ofNode('MOVE_TO_NODE') },
    node_out: { on: ofNode('MOVE_TO_SYSTEM') },
    node_read: { on: ofNode('READ') },
    node_write: {
      on: (where, making, actor) => ({ ...ofNode('WRITE')(where, making, actor), word: making.word() }),
    },
  },
  c: notInC(NOT_IN_C),
});

// --- ioctl_bytes ------------------------------------------------------------------------------------------

const PART = 'bytes in hexadecimal ("0400000000000000"), or a place whose address it is (r0[1])';
const HEX = /^(?:[0-9a-fA-F]{2})+$/;

const bytesSchema = stepSchema(
  'ioctl_bytes',
  {
    fd: fdName,
    request: integer(0, 0xffffffff, "an ioctl's number, of 32 bits"),
    struct: z
      .array(named(/^(?:(?:[0-9a-fA-F]{2})+|r(?:0|[1-9]\d{0,3})(?:\[\d{1,8}\])?)$/, PART))
      .max(64, { error: 'at most 64 parts' }),
  },
  expecting({ struct: named(/^(?:[0-9a-f]{2})*$/, 'bytes in hexadecimal').optional() }),
);

type BytesStep = z.infer<typeof bytesSchema>;

/** The address of a place, as a struct has it. */
function pointer(place: string): Uint8Array {
  const { region, page } = placeWord(place);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(addressOf(region, page)), true);
  return bytes;
}

const fromHex = (text: string): number[] =>
  (text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));

const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function* takeBytes(sys: Sys, actor: Actor, step: BytesStep): Task<StepResult> {
  const { scratch } = yield* buffersOf(sys, actor);
  const struct = Uint8Array.from(
    step.struct.flatMap((part) => (HEX.test(part) ? fromHex(part) : [...pointer(part)])),
  );
  // Larger than a page, it ends where the scratch mapping does.
  const length = Math.min(struct.length, PAGE_SIZE);
  if (length > 0) yield* sys.storeBytes(scratch, struct.subarray(0, length));
  const ret = yield* sys.ioctl(fdOf(actor, step.fd), step.request, scratch);
  if (ret < 0) return retOf(ret);
  return length === 0 ? { ret: 0 } : { ret: 0, struct: toHex(yield* sys.loadBytes(scratch, length)) };
}

const ioctl_bytes = defineStep(bytesSchema, {
  take: takeBytes,
  answers: () => unlocked_ioctl,
  concerns: 'command',
  entry: 'unlocked_ioctl',
  maps: null,
  naming: plainNames,
  shell: {
    ioctl_bytes: command(
      'FD REQUEST [STRUCT...]',
      'an ioctl by its number, with a struct of bytes in hexadecimal and addresses (r0[1])',
      [2, 66],
      ([fd, request, ...struct]) => ({ fd, request: numberWord(request!, "an ioctl's number"), struct }),
    ),
  },
  plainer: nothingPlainer,
  draws: {},
  c: notInC(NOT_IN_C),
});

export const outside = { driver, ioctl_bytes };
