// SPDX-License-Identifier: GPL-2.0-only
/** ioctls on a dmirror device, with their struct and buffer in user memory. */
import { z } from 'zod';
import type { Generation } from '../../../generations/index.js';
import type { U64 } from '../../../sim/bytes.js';
import { UsageError } from '../../../sim/errors.js';
import type { Task } from '../../../sim/task.js';
import { PAGE_SIZE } from '../../../uapi/mman.js';
import { type DmirrorOp, type DmirrorUapi, dmirrorRequest, IOWR_H } from '../../../uapi/test_hmm_uapi.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, addressOf, type Buffers, buffersFor, buffersOf, fdOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import { type Spelling, spellingOf } from '../../spelling.js';
import {
  answeredBy,
  type CField,
  type Drawing,
  defineStep,
  type Fields,
  type KernelFunction,
  type Making,
  nameNumber,
  type Population,
  plainNames,
  preferring,
  preferringSmallWord,
  type Range,
  rangeFields,
} from '../contract.js';
import {
  bitsOf,
  buffer,
  count,
  eachPage,
  expecting,
  fdName,
  inThread,
  integer,
  named,
  page,
  pages,
  range,
  regionName,
  stepSchema,
  u64,
  word,
  wrapping,
} from '../fields.js';
import { bufferAt, bufferInC } from '../memory.js';
import {
  type CommandContext,
  command,
  numberWord,
  rangeAndWord,
  rangeWord,
  type ShellCommand,
} from '../words.js';

/** Above this, recordings leave data and perm out. */
const MAX_LISTED = 1024;

const FILL = 0xa5a5a5a5;

/** A number that no generation's driver knows: it answers for commands that the generation lacks. */
const UNKNOWN_NR = 0xff;

// --- schema -----------------------------------------------------------------------------------------------

const CONTENTS = 'a 32-bit word or "mixed"';
const contents = z.union([word, z.literal('mixed')], { error: CONTENTS });
const PERMISSION = 'a permission as DEV_PRIVATE_LOCAL|WRITE, READ|PMD, NONE ...';
const permission = named(
  /^(ERROR|NONE|0x[0-9a-f]{2}|(?!$|\|)((^|\|)(ZERO|DEV_(PRIVATE|COHERENT)_(LOCAL|REMOTE)|DEV_GENERIC))?((^|\|)READ)?((^|\|)WRITE)?((^|\|)PMD)?((^|\|)PUD)?)$/,
  PERMISSION,
);

const counts = { cpages: count.optional(), faults: count.optional() };
const expectCounts = expecting(counts);
const expectData = expecting({ ...counts, data: eachPage(contents, CONTENTS).optional() });
const expectPerm = expecting({ ...counts, perm: eachPage(permission, PERMISSION).optional() });
const expectType = expecting({ ...counts, type: z.enum(['PRIVATE', 'GENERIC', 'COHERENT']).optional() });

/** For commands whose range the driver checks but does not use. */
const anyRange = { region: regionName.optional(), page: page.optional(), pages: pages.optional() };

function command_<Cmd extends string, Shape extends z.core.$ZodLooseShape, Expect extends z.ZodType>(
  cmd: Cmd,
  fields: Shape,
  expect: Expect,
) {
  const head = { cmd: z.literal(cmd), fd: fdName };
  return stepSchema('ioctl', { ...head, ...fields, buffer: buffer.optional(), ...inThread }, expect);
}

const ioctlSchema = z.discriminatedUnion('cmd', [
  command_('READ', range, expectData),
  command_('WRITE', { ...range, word: word.optional() }, expectCounts).refine(
    (step) => (step.word === undefined) !== (step.buffer === undefined),
    { error: 'a 32-bit word from 0 to 0xffffffff, or a buffer', path: ['word'] },
  ),
  command_('MIGRATE', { ...range, toDevice: z.boolean() }, expectData),
  command_('MIGRATE_TO_DEV', range, expectData),
  command_('MIGRATE_TO_SYS', range, expectCounts),
  command_('SNAPSHOT', range, expectPerm),
  command_('EXCLUSIVE', range, expectData),
  command_('CHECK_EXCLUSIVE', range, expectCounts),
  command_('RELEASE', anyRange, expectCounts),
  command_('GET_MEM_DEV_TYPE', anyRange, expectType),
  command_('READ_UNLOCKED', range, expectData),
  command_('FLAGS', { ...anyRange, value: u64 }, expecting({})),
]);

type IoctlStep = z.infer<typeof ioctlSchema>;
type Cmd = IoctlStep['cmd'];

// --- commands ---------------------------------------------------------------------------------------------

type Listing = 'data' | 'perm' | 'type' | 'none';

interface DmirrorCommand {
  readonly answers: KernelFunction;
  /** What the answer lists, page by page. */
  readonly lists: (step: IoctlStep) => Listing;
  /** Which way it migrates. */
  readonly toDevice?: (step: IoctlStep) => boolean;
}

const ENTRY = 'dmirror_fops_unlocked_ioctl';

/** dmirror_fops_unlocked_ioctl() checks the struct before it looks at the command; the VFS, the fd. */
const ioctl = (fn: string, ...errnos: string[]): KernelFunction =>
  answeredBy(fn, 'EBADF', 'EINVAL', ...errnos);

const always = (listing: Listing) => (): Listing => listing;

const COMMANDS: Readonly<Record<Cmd, DmirrorCommand>> = {
  READ: { answers: ioctl('dmirror_read', 'EFAULT', 'EPERM', 'EBUSY', 'ENOMEM'), lists: always('data') },
  WRITE: { answers: ioctl('dmirror_write', 'EFAULT', 'EPERM', 'EBUSY', 'ENOMEM'), lists: always('none') },
  MIGRATE: {
    answers: ioctl('dmirror_migrate', 'EFAULT', 'ENOENT', 'ENOMEM'),
    lists: (step) => (goesToDevice(step) ? 'data' : 'none'),
    toDevice: (step) => 'toDevice' in step && step.toDevice,
  },
  MIGRATE_TO_DEV: {
    answers: ioctl('dmirror_migrate_to_device', 'EFAULT', 'ENOENT', 'ENOMEM'),
    lists: always('data'),
    toDevice: () => true,
  },
  MIGRATE_TO_SYS: {
    answers: ioctl('dmirror_migrate_to_system', 'ENOMEM'),
    lists: always('none'),
    toDevice: () => false,
  },
  SNAPSHOT: { answers: ioctl('dmirror_snapshot', 'EFAULT', 'EBUSY', 'ENOMEM'), lists: always('perm') },
  EXCLUSIVE: {
    answers: ioctl('dmirror_exclusive', 'EFAULT', 'EBUSY', 'ENOENT', 'ENOMEM', 'EOPNOTSUPP'),
    lists: always('data'),
  },
  CHECK_EXCLUSIVE: { answers: ioctl('dmirror_check_atomic', 'EPERM'), lists: always('none') },
  RELEASE: { answers: ioctl('dmirror_device_remove_chunks'), lists: always('none') },
  GET_MEM_DEV_TYPE: { answers: ioctl('dmirror_fops_unlocked_ioctl'), lists: always('type') },
  READ_UNLOCKED: {
    answers: ioctl('dmirror_read_unlocked', 'EFAULT', 'EPERM', 'EINTR', 'ENOMEM'),
    lists: always('data'),
  },
  FLAGS: { answers: ioctl('dmirror_fops_unlocked_ioctl'), lists: always('none') },
};

/** Does it migrate pages to the device? False for those that migrate them back, and for other commands. */
function goesToDevice(step: IoctlStep): boolean {
  return COMMANDS[step.cmd].toDevice?.(step) ?? false;
}

/** The command as this generation names it: MIGRATE has its direction in the struct, or in its name. */
function commandOf(uapi: DmirrorUapi, step: IoctlStep): DmirrorOp {
  if (COMMANDS[step.cmd].toDevice === undefined) return step.cmd;
  if (uapi.nr.MIGRATE !== undefined) return 'MIGRATE';
  return goesToDevice(step) ? 'MIGRATE_TO_DEV' : 'MIGRATE_TO_SYS';
}

/** The command of a request number; undefined for one that the generation does not have. */
export const cmdName = (uapi: DmirrorUapi, request: number): Cmd | undefined =>
  (Object.keys(COMMANDS) as Cmd[]).find((cmd) => dmirrorRequest(uapi, cmd) === request);

/** Has the command no use for its range? */
export const ignoresRange = (cmd: Cmd): boolean =>
  cmd === 'RELEASE' || cmd === 'GET_MEM_DEV_TYPE' || cmd === 'FLAGS';

export const listsPermissions = (cmd: Cmd): boolean => cmd === 'SNAPSHOT';

/** What the struct's npages holds. */
const npagesOf = (step: IoctlStep): U64 => (step.cmd === 'FLAGS' ? BigInt(step.value) : rangeOf(step).pages);

/** Commands on the device as a whole may leave the range out: the driver only checks its form. */
function rangeOf({ region = 'r0', page: first = 0, pages: length = 1 }: IoctlStep): Range {
  return { region, page: first, pages: length };
}

/** What the step's answer lists; nothing of more pages than recordings list, and no data that loads can see. */
function listingOf(step: IoctlStep): Listing {
  const listing = COMMANDS[step.cmd].lists(step);
  if (step.buffer !== undefined && listing === 'data') return 'none';
  return listing !== 'type' && rangeOf(step).pages > MAX_LISTED ? 'none' : listing;
}

// --- taking a command -------------------------------------------------------------------------------------

/** The buffer before an ioctl: page i is filled with the word `word + i` for WRITE, otherwise with 0xA5. */
function* prepareMirror(sys: Sys, { mirror, mirrorPages }: Buffers, step: IoctlStep): Task {
  const reached = Math.min(rangeOf(step).pages, mirrorPages);
  if (step.cmd === 'WRITE') {
    const { word: first = 0 } = step;
    for (let i = 0; i < reached; i++) yield* sys.tryStorePage(mirror + i * PAGE_SIZE, (first + i) >>> 0);
    return;
  }
  const filled = step.cmd === 'SNAPSHOT' ? Math.ceil(reached / PAGE_SIZE) : reached;
  if (filled > 0) yield* sys.storeSeq(mirror, (filled * PAGE_SIZE) / 4, FILL, 0);
}

function* readData(sys: Sys, mirror: number, length: number): Task<(number | string)[]> {
  const data: (number | string)[] = [];
  for (let i = 0; i < length; i++) data.push(yield* sys.tryLoadPage(mirror + i * PAGE_SIZE));
  return data;
}

function* readPerm(sys: Sys, mirror: number, length: number, spelling: Spelling): Task<string[]> {
  if (length === 0) return [];
  const perm: string[] = [];
  for (const byte of yield* sys.loadBytes(mirror, length)) perm.push(spelling.permission(byte));
  return perm;
}

function* takeIoctl(sys: Sys, actor: Actor, step: IoctlStep, generation: Generation): Task<StepResult> {
  const { uapi } = generation;
  const where = rangeOf(step);
  const buffers = yield* buffersFor(sys, actor, step.buffer === undefined ? where.pages : 0);
  const { mirror: own, scratch } = buffers;
  if (step.buffer === undefined) yield* prepareMirror(sys, buffers, step);
  const mirror = step.buffer === undefined ? own : bufferAt(step.buffer);

  const { cmd } = uapi;
  const request = {
    addr: addressOf(where.region, where.page),
    ptr: mirror,
    npages: npagesOf(step),
    alloc_to_devmem: goesToDevice(step),
  };
  yield* sys.storeBytes(scratch, cmd.encode(new Uint8Array(cmd.size), request));

  const number = dmirrorRequest(uapi, commandOf(uapi, step)) ?? IOWR_H(UNKNOWN_NR, cmd.size);
  const ret = yield* sys.ioctl(fdOf(actor, step.fd), number, scratch);
  if (ret < 0 || step.cmd === 'FLAGS') return retOf(ret);

  const { cpages, faults, zone_device_type } = cmd.decode(yield* sys.loadBytes(scratch, cmd.size));
  const spelling = spellingOf(generation);
  switch (listingOf(step)) {
    case 'type':
      return { ret: 0, cpages, faults, type: spelling.deviceType(zone_device_type) };
    case 'perm':
      return { ret: 0, cpages, faults, perm: yield* readPerm(sys, mirror, where.pages, spelling) };
    case 'data':
      return { ret: 0, cpages, faults, data: yield* readData(sys, mirror, where.pages) };
    case 'none':
      return { ret: 0, cpages, faults };
  }
}

// --- shell ------------------------------------------------------------------------------------------------

function onPages(cmd: Cmd, help: string): ShellCommand {
  return command('FD RANGE', help, [2, 2], ([fd, r], context) => ({ cmd, fd, ...rangeWord(r!, context) }));
}

/** In the words of the generation. */
function migration(fd: string, range: string, toDevice: boolean, context: CommandContext): Fields {
  const where = rangeWord(range, context);
  if (context.migrateHasDirection) return { cmd: 'MIGRATE', fd, ...where, toDevice };
  return { cmd: toDevice ? 'MIGRATE_TO_DEV' : 'MIGRATE_TO_SYS', fd, ...where };
}

function migrating(toDevice: boolean, help: string): ShellCommand {
  return command('FD RANGE', help, [2, 2], ([fd, r], context) => migration(fd!, r!, toDevice, context));
}

/** A command on the device as a whole. */
function onDevice(cmd: Cmd, help: string): ShellCommand {
  return command('FD', help, [1, 1], ([fd]) => ({ cmd, fd }));
}

const shell: Readonly<Record<string, ShellCommand>> = {
  read: onPages('READ', 'the device reads pages'),
  write: command(
    'FD RANGE WORD',
    'the device fills page i with WORD + i',
    [3, 3],
    ([fd, r, first], context) => ({
      cmd: 'WRITE',
      fd,
      ...rangeAndWord(r!, first!, context),
    }),
  ),
  migrate: command(
    'FD RANGE [to_dev|to_sys]',
    'migrate pages to the device, or back: MIGRATE of v5-generic, and what it became',
    [2, 3],
    ([fd, r, way = 'to_dev'], context) => {
      if (!/^to_(dev|sys)$/i.test(way)) throw new UsageError(`expected to_dev or to_sys, got "${way}"`);
      return migration(fd!, r!, /dev$/i.test(way), context);
    },
  ),
  migrate_to_dev: migrating(true, 'migrate pages to the device'),
  migrate_to_sys: migrating(false, 'migrate pages back to system memory'),
  snapshot: onPages('SNAPSHOT', 'what the device sees of pages, without faults'),
  exclusive: onPages('EXCLUSIVE', 'give the device exclusive access'),
  check_exclusive: onPages('CHECK_EXCLUSIVE', 'is the access exclusive still?'),
  release: onDevice('RELEASE', 'take the memory of the device away (6.x)'),
  read_unlocked: onPages('READ_UNLOCKED', 'the same, by faults that may wait without the mmap_lock (7.x)'),
  flags: command(
    'FD VALUE',
    'flags of the open file: 1 makes the next allocation of a migration fail (7.x)',
    [2, 2],
    ([fd, value]) => ({ cmd: 'FLAGS', fd, value: numberWord(value!, 'a number') }),
  ),
  get_mem_dev_type: onDevice('GET_MEM_DEV_TYPE', 'which memory the device has (v4-coherent, v5-generic)'),
};

// --- fuzz -------------------------------------------------------------------------------------------------

const someFd = ({ dice }: Making, { fds }: Population): string => (dice.once(4) ? dice.pick(fds) : fds[0]!);

function drawing(cmd: Cmd): Drawing {
  return { on: (where, making, actor) => ({ cmd, fd: someFd(making, actor), ...where }) };
}

function drawnMigration(toDevice: boolean): Drawing {
  return {
    on(where, making, actor): Fields {
      const fd = someFd(making, actor);
      if (making.generation.uapi.nr.MIGRATE !== undefined) return { cmd: 'MIGRATE', fd, ...where, toDevice };
      return { cmd: toDevice ? 'MIGRATE_TO_DEV' : 'MIGRATE_TO_SYS', fd, ...where };
    },
  };
}

const draws = {
  snapshot: drawing('SNAPSHOT'),
  read: drawing('READ'),
  write: {
    on: (where: Range, making: Making, actor: Population) => ({
      cmd: 'WRITE',
      fd: someFd(making, actor),
      ...where,
      word: making.word(),
    }),
  },
  to_dev: drawnMigration(true),
  to_sys: drawnMigration(false),
  exclusive: drawing('EXCLUSIVE'),
  check_exclusive: drawing('CHECK_EXCLUSIVE'),
  release: drawing('RELEASE'),
  get_type: drawing('GET_MEM_DEV_TYPE'),
  read_unlocked: drawing('READ_UNLOCKED'),
  flags: {
    on: (_where: Range, making: Making, actor: Population) => ({
      cmd: 'FLAGS',
      fd: someFd(making, actor),
      value: making.dice.once(4) ? 0 : 1,
    }),
  },
} as const satisfies Readonly<Record<string, Drawing>>;

// --- C ----------------------------------------------------------------------------------------------------

const C_LIST: Readonly<Record<Listing, string | 0>> = {
  type: 'LIST_TYPE',
  perm: 'LIST_PERM',
  data: 'LIST_DATA',
  none: 0,
};

/** The request's macro. What a generation lacks gets a number that no driver knows, as in the simulation. */
function requestMacro(step: IoctlStep, { uapi }: Generation): string {
  const name = commandOf(uapi, step);
  return uapi.nr[name] === undefined ? 'DMIRROR_REQUEST(0xff)' : `HMM_DMIRROR_${name}`;
}

function ioctlFields(step: IoctlStep, generation: Generation): CField[] {
  const fields: CField[] = [
    ['fd', nameNumber(step.fd)],
    ['request', requestMacro(step, generation)],
    ...rangeFields(rangeOf(step)),
    ['list', C_LIST[listingOf(step)]],
    ['to_device', generation.uapi.cmd.hasAllocToDevmem && goesToDevice(step) ? 'true' : 0],
  ];
  if (step.buffer !== undefined) return [...fields, ['buffer', bufferInC(step.buffer)]];
  if (step.cmd === 'FLAGS') return [...fields, ['npages', `${BigInt(step.value)}ULL`]];
  return step.cmd === 'WRITE' ? [...fields, ['write', 'true'], ['word', `${step.word}u`]] : fields;
}

const ioctlStep = defineStep(ioctlSchema, {
  take: takeIoctl,
  answers: (step) => COMMANDS[step.cmd].answers,
  concerns: 'command',
  entry: ENTRY,
  maps: null,
  naming: { regions: [['buffer', 'region']] },
  shell,
  *plainer(step) {
    if (step.buffer !== undefined) yield { buffer: undefined, ...(step.cmd === 'WRITE' ? { word: 64 } : {}) };
    else if (step.cmd === 'WRITE') yield* preferringSmallWord({ word: step.word ?? 0 });
  },
  draws,
  c: {
    takers: ['ioctl'],
    taker: () => 'ioctl',
    fields: ioctlFields,
    listed: (step) => Math.min(rangeOf(step).pages, MAX_LISTED),
  },
});

// --- ioctl_raw --------------------------------------------------------------------------------------------

const rawSchema = stepSchema(
  'ioctl_raw',
  {
    fd: fdName,
    nr: integer(0, 255, 'an ioctl number from 0 to 255'),
    region: regionName,
    offset: wrapping,
    npages: u64,
  },
  expecting({}),
);

type RawStep = z.infer<typeof rawSchema>;

/** A number where it is one exactly, else its text. */
function offsetWord(word: string): number | string {
  const value = /^-?\d+$/.test(word) ? Number(word) : Number.NaN;
  return Number.isSafeInteger(value) ? value : word;
}

function* takeRaw(sys: Sys, actor: Actor, step: RawStep, { uapi }: Generation): Task<StepResult> {
  const { mirror, scratch } = yield* buffersOf(sys, actor);
  yield* sys.storeSeq(mirror, PAGE_SIZE / 4, FILL, 0);
  const { cmd } = uapi;
  const addr = BigInt.asUintN(64, BigInt(addressOf(step.region, 0)) + bitsOf(step.offset));
  const request = { addr, ptr: mirror, npages: BigInt(step.npages) };
  yield* sys.storeBytes(scratch, cmd.encode(new Uint8Array(cmd.size), request));
  return retOf(yield* sys.ioctl(fdOf(actor, step.fd), IOWR_H(step.nr, cmd.size), scratch));
}

const ioctl_raw = defineStep(rawSchema, {
  take: takeRaw,
  answers: () => ioctl(ENTRY, 'EFAULT', 'EPERM', 'EBUSY', 'EINTR', 'ENOENT', 'ENOMEM', 'EOPNOTSUPP'),
  concerns: 'command',
  entry: ENTRY,
  maps: null,
  naming: plainNames,
  shell: {
    ioctl_raw: command(
      'FD NR REGION OFFSET NPAGES',
      'an ioctl by number, on REGION + OFFSET bytes; OFFSET and NPAGES are any 64-bit numbers',
      [5, 5],
      ([fd, nr, region, offset, npages]) => ({
        fd,
        nr: numberWord(nr!, 'an ioctl number'),
        region,
        offset: offsetWord(offset!),
        npages,
      }),
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'npages', '1');
    yield* preferring(step, 'offset', 0);
  },
  draws: {},
  c: {
    takers: ['ioctl_raw'],
    taker: () => 'ioctl_raw',
    fields: (step) => [
      ['fd', nameNumber(step.fd)],
      ['request', `DMIRROR_REQUEST(${step.nr})`],
      ['addr', `AT(${nameNumber(step.region)}, 0) + ${bitsOf(step.offset)}UL`],
      ['npages', `${BigInt(step.npages)}ULL`],
    ],
    listed: () => 0,
  },
});

export const dmirror = { ioctl: ioctlStep, ioctl_raw };
