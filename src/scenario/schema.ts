// SPDX-License-Identifier: GPL-2.0-only
/**
 * The schema of scenario documents: a list of steps that user processes take, with what is expected of each.
 *
 * Everything is strict: a key that no rule names is a mistake of the author. Every message says what was
 * expected, for a reader who sees only `file:line:column: message` (see diagnose.ts).
 */
import { z } from 'zod';
import { generations } from '../generations/index.js';
import { errnoByName } from '../uapi/errno.js';

/** The largest page number or count: 64 GiB. More is a typing error, not an experiment. */
export const MAX_PAGES = 0x1000000;

export const ADVICE = [
  'hugepage',
  'nohugepage',
  'dontneed',
  'free',
  'dontfork',
  'wipeonfork',
  'populate_read',
  'populate_write',
  'collapse',
] as const;

export const GUP_KINDS = ['basic', 'fast', 'pin', 'pin_fast', 'pin_longterm', 'pin_fast_longterm'] as const;

// --- scalars ------------------------------------------------------------------------------------------

/** A string of the form `pattern`; `what` describes it in the message. */
function named(pattern: RegExp, what: string) {
  return z.string({ error: what }).regex(pattern, { error: what });
}

function integer(min: number, max: number, what: string) {
  return z.int({ error: what }).min(min, { error: what }).max(max, { error: what });
}

/** A number, or a string that `accepts` takes. Each option carries the message: zod may report one alone. */
function numberOrText(number: z.ZodType<number>, accepts: (text: string) => boolean, what: string) {
  const text = z.string().refine(accepts, { error: what });
  return z.union([number, text], { error: what });
}

const processName = named(/^p(0|[1-9]\d{0,4})$/, 'a process: p0, p1 ...');
const regionName = named(/^r(0|[1-9]\d{0,3})$/, 'a region: r0, r1 ...');
const fdName = named(/^d(0|[1-9]\d{0,4})$/, 'a device fd: d0, d1 ...');
const page = integer(0, MAX_PAGES, `a page number from 0 to ${MAX_PAGES}`);
const pages = integer(0, MAX_PAGES, `a number of pages from 0 to ${MAX_PAGES}`);
const word = integer(0, 0xffffffff, 'a 32-bit word from 0 to 0xffffffff');
const prot = z.enum(['none', 'r', 'w', 'rw']);
const share = z.enum(['private', 'shared']);

const U64 = 'a 64-bit unsigned number (a string when it is over 2^53)';
const isU64 = (text: string): boolean =>
  /^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text) && BigInt(text) < 1n << 64n;
const u64 = numberOrText(integer(0, Number.MAX_SAFE_INTEGER, U64), isU64, U64);

// --- expectations -------------------------------------------------------------------------------------

const RET = '0 or an errno name (EINVAL ...)';
const isErrno = (name: string): boolean => errnoByName(name) !== undefined || /^[1-9]\d{0,3}$/.test(name);
const ret = z.union([z.literal(0), z.string().refine(isErrno, { error: RET })], { error: RET });
const count = z.int({ error: 'a count' }).min(0, { error: 'a count' });
const fn = z.string({ error: 'a kernel function' }).min(1, { error: 'a kernel function' });

/** Outcomes that any step can have: the kernel died, or never came back. */
const fatal = { oops: fn.optional(), hang: fn.optional() };

const SIGNALS = ['SIGSEGV', 'SIGBUS'] as const;
const storedPage = z.enum(['ok', ...SIGNALS]);
const contents = z.union([word, z.literal('mixed')], { error: 'a 32-bit word or "mixed"' });
const loadedPage = z.union([word, z.enum(['mixed', ...SIGNALS])], {
  error: 'a 32-bit word, "mixed", "SIGSEGV" or "SIGBUS"',
});
const mapping = named(/^(\.|[PS]f?x?)$/, '"." or P or S, then f, then x');
const permission = named(
  /^(ERROR|NONE|0x[0-9a-f]{2}|(?!$|\|)((^|\|)(ZERO|DEV_(PRIVATE|COHERENT)_(LOCAL|REMOTE)|DEV_GENERIC))?((^|\|)READ)?((^|\|)WRITE)?((^|\|)PMD)?((^|\|)PUD)?)$/,
  'a permission as DEV_PRIVATE_LOCAL|WRITE, READ|PMD, NONE ...',
);
const deviceType = z.enum(['PRIVATE', 'GENERIC', 'COHERENT']);

const expectRet = z.strictObject({ ret: ret.optional(), ...fatal });
const expectStore = z.strictObject({ ret: ret.optional(), pages: z.array(storedPage).optional(), ...fatal });
const expectLoad = z.strictObject({ ret: ret.optional(), pages: z.array(loadedPage).optional(), ...fatal });
const expectMap = z.strictObject({ ret: ret.optional(), map: z.array(mapping).optional(), ...fatal });
const expectGup = z.strictObject({ ret: ret.optional(), pinned: count.optional(), ...fatal });

const counts = { ret: ret.optional(), cpages: count.optional(), faults: count.optional() };
const expectIoctl = z.strictObject({ ...counts, ...fatal });
const expectData = z.strictObject({ ...counts, data: z.array(contents).optional(), ...fatal });
const expectPerm = z.strictObject({ ...counts, perm: z.array(permission).optional(), ...fatal });
const expectType = z.strictObject({ ...counts, type: deviceType.optional(), ...fatal });

// --- steps --------------------------------------------------------------------------------------------

const as = processName.optional();
const range = { region: regionName, page, pages };

function step<Op extends string, Shape extends z.core.$ZodLooseShape, Expect extends z.ZodType>(
  op: Op,
  fields: Shape,
  expect: Expect,
) {
  return z.strictObject({ as, op: z.literal(op), ...fields, expect: expect.optional() });
}

function ioctl<Cmd extends string, Shape extends z.core.$ZodLooseShape, Expect extends z.ZodType>(
  cmd: Cmd,
  fields: Shape,
  expect: Expect,
) {
  return step('ioctl', { cmd: z.literal(cmd), fd: fdName, ...fields }, expect);
}

function mmap<Backing extends string, Shape extends z.core.$ZodLooseShape>(backing: Backing, fields: Shape) {
  return step(
    'mmap',
    { region: regionName, pages, prot, share, backing: z.literal(backing), ...fields },
    expectRet,
  );
}

/** For commands whose range the driver checks but does not use. */
const anyRange = { region: regionName.optional(), page: page.optional(), pages: pages.optional() };

const mmapStep = z.discriminatedUnion('backing', [
  mmap('anon', {}),
  mmap('hugetlb', {}),
  mmap('file', {}),
  mmap('device', { fd: fdName }),
]);

const ioctlStep = z.discriminatedUnion('cmd', [
  ioctl('READ', range, expectData),
  ioctl('WRITE', { ...range, word }, expectIoctl),
  ioctl('MIGRATE', { ...range, toDevice: z.boolean() }, expectData),
  ioctl('MIGRATE_TO_DEV', range, expectData),
  ioctl('MIGRATE_TO_SYS', range, expectIoctl),
  ioctl('SNAPSHOT', range, expectPerm),
  ioctl('EXCLUSIVE', range, expectData),
  ioctl('CHECK_EXCLUSIVE', range, expectIoctl),
  ioctl('RELEASE', anyRange, expectIoctl),
  ioctl('GET_MEM_DEV_TYPE', anyRange, expectType),
]);

const stepSchema = z.discriminatedUnion('op', [
  step('open', { fd: fdName, device: integer(0, 255, 'a minor number from 0 to 255') }, expectRet),
  step('close', { fd: fdName }, expectRet),
  mmapStep,
  step('munmap', range, expectRet),
  step('mlock', range, expectRet),
  step('munlock', range, expectRet),
  step('mprotect', { ...range, prot }, expectRet),
  step('madvise', { ...range, advice: z.enum(ADVICE) }, expectRet),
  step('mremap', { ...range, to: z.strictObject({ region: regionName, page }) }, expectRet),
  step('store', { ...range, word }, expectStore),
  step('load', range, expectLoad),
  step('pagemap', range, expectMap),
  ioctlStep,
  step(
    'ioctl_raw',
    {
      fd: fdName,
      nr: integer(0, 255, 'an ioctl number from 0 to 255'),
      region: regionName,
      offset: integer(0, 2 ** 46, 'a byte offset'),
      npages: u64,
    },
    expectRet,
  ),
  step('gup', { ...range, kind: z.enum(GUP_KINDS) }, expectGup),
  step('pin', { ...range, write: z.boolean() }, expectRet),
  step('unpin', {}, expectRet),
  step('fork', { child: processName }, expectRet),
  step('exit', {}, expectRet),
]);

// --- documents ----------------------------------------------------------------------------------------

const ADDRESS = 'an address (a number, or a string as "0x100000000")';
const isAddress = (text: string): boolean => /^(0x[0-9a-fA-F]{1,13}|\d{1,15})$/.test(text);
const address = numberOrText(integer(0, Number.MAX_SAFE_INTEGER, ADDRESS), isAddress, ADDRESS);

const SIZE = 'a size (bytes, or a string as "6G")';
const isSize = (text: string): boolean => /^[1-9]\d{0,14}[KMGT]?$/.test(text);
const size = numberOrText(integer(1, Number.MAX_SAFE_INTEGER, SIZE), isSize, SIZE);

/** Which ids there are is looked up when the machine is built, which can name the nearest. */
const bug = named(/^[a-z0-9-]+$/, 'the id of a bug ("hmm-sim bugs" lists them)');

const machineSchema = z.strictObject({
  spm: z.array(address).max(2, { error: 'at most two addresses' }).optional(),
  memory: size.optional(),
  hugepages: integer(0, 0x100000, 'a number of huge pages').optional(),
  thp: z.enum(['always', 'madvise', 'never']).optional(),
  module: z.boolean().optional(),
  bugs: z.array(bug).optional(),
  fixes: z.array(bug).optional(),
  seed: integer(0, Number.MAX_SAFE_INTEGER, 'a seed: 0, 1 ...').optional(),
});

export const scenarioSchema = z.strictObject({
  version: z.literal(1).optional(),
  name: named(/^[^\p{Cc}]{1,200}$/u, 'a name: one line of 1 to 200 characters'),
  kernel: z.enum(generations.map(({ id }) => id)).optional(),
  source: z.string().optional(),
  machine: machineSchema.optional(),
  /** What modprobe does, before the first step; 0 unless said otherwise. */
  load: z.strictObject({ ret: ret.optional(), oops: fn.optional() }).optional(),
  /** Texts that lines of the kernel log must have. */
  dmesg: z.array(z.string().min(1)).optional(),
  /** The functions that warn, all of them, in order. */
  warnings: z.array(fn).optional(),
  steps: z.array(stepSchema),
});

export type ScenarioDocument = z.infer<typeof scenarioSchema>;
export type MachineBlock = z.infer<typeof machineSchema>;
export type Step = z.infer<typeof stepSchema>;
export type StepOf<Op extends Step['op']> = Extract<Step, { op: Op }>;

/** The JSON Schema of scenario documents, for editors. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return { title: 'hmm-sim scenario', ...z.toJSONSchema(scenarioSchema, { io: 'input' }) };
}
