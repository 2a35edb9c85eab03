// SPDX-License-Identifier: GPL-2.0-only
/**
 * The schema of scenario documents: a list of steps that user processes take, with what is expected of each. The
 * steps themselves are defined in steps/.
 *
 * Everything is strict: a key that no rule names is a mistake of the author.
 */
import { z } from 'zod';
import { generations } from '../generations/index.js';
import { authoredSchema } from './authored-schema.js';
import { fn, integer, named, numberOrText, ret } from './steps/fields.js';
import { type Step, steps } from './steps/index.js';

export { MAX_PAGES } from './steps/fields.js';
export type { Step, StepOf } from './steps/index.js';

type StepSchema = z.core.$ZodTypeDiscriminable & z.ZodType<Step>;

const stepSchemas = Object.values(steps).map(({ schema }) => schema) as unknown as [StepSchema];
const stepSchema: z.ZodType<Step> = z.discriminatedUnion('op', stepSchemas);

// --- documents ----------------------------------------------------------------------------------------

const ADDRESS = 'an address (a number, or a string as "0x100000000")';
const isAddress = (text: string): boolean => /^(0x[0-9a-fA-F]{1,13}|\d{1,15})$/.test(text);
const address = numberOrText(integer(0, Number.MAX_SAFE_INTEGER, ADDRESS), isAddress, ADDRESS);

const SIZE = 'a size (bytes, or a string as "6G")';
const isSize = (text: string): boolean => /^[1-9]\d{0,14}[KMGT]?$/.test(text);
const size = numberOrText(integer(1, Number.MAX_SAFE_INTEGER, SIZE), isSize, SIZE);

const RANGE = 'a range as "1G@0x100000000:0x40000"';
const fakeMem = named(/^[1-9]\d{0,14}[KMGT]?@0x[0-9a-fA-F]{1,13}:0x[0-9a-fA-F]{1,13}$/, RANGE);

/** Which ids there are is looked up when the machine is built, which can name the nearest. */
const bug = named(/^[a-z0-9-]+$/, 'the id of a bug ("hmm-sim bugs" lists them)');

const modprobe = named(/^[a-z]\w*(?:,\w+=\w+)*$/, 'a module, as "kvm_hv" or "kvm_hv,sim_secmem=4194304"');

const machineSchema = z.strictObject({
  /** What it is where the other keys do not say. */
  profile: z.enum(['mm-ci']).optional(),
  /** By device; null where its parameter is not given. */
  spm: z
    .array(z.union([address, z.literal(null)], { error: ADDRESS }))
    .max(2, { error: 'at most two addresses' })
    .optional(),
  /** Whether memory is reserved at these addresses, default true. */
  spmMemory: z.boolean().optional(),
  /** Soft-reserved ranges instead of those at the addresses, as efi_fake_mem= has them. */
  efiFakeMem: z.array(fakeMem).max(64, { error: 'at most 64 ranges' }).optional(),
  memory: size.optional(),
  /** Modules of other drivers, with their parameters. */
  modprobe: z.array(modprobe).max(8, { error: 'at most 8 modules' }).optional(),
  /** Bytes of a swap device, none by default. */
  swap: size.optional(),
  hugepages: integer(0, 0x100000, 'a number of huge pages').optional(),
  thp: z.enum(['always', 'madvise', 'never']).optional(),
  /** Of physical addresses. */
  physBits: integer(36, 52, 'a number of bits from 36 to 52').optional(),
  kaslr: z.boolean().optional(),
  /** NUMA nodes that share the RAM. */
  nodes: integer(1, 8, 'a number of nodes from 1 to 8').optional(),
  module: z.boolean().optional(),
  bugs: z.array(bug).optional(),
  fixes: z.array(bug).optional(),
  seed: integer(0, Number.MAX_SAFE_INTEGER, 'a seed: 0, 1 ...').optional(),
  schedule: z.enum(['run-to-block', 'random']).optional(),
});

export const scenarioSchema = z.strictObject({
  version: z.literal(1).optional(),
  name: named(/^[^\p{Cc}]{1,200}$/u, 'a name: one line of 1 to 200 characters'),
  kernel: z.enum(generations.map(({ id }) => id)).optional(),
  source: z.string().optional(),
  machine: machineSchema.optional(),
  /** What modprobe does, before the first step; 0 unless said otherwise. */
  load: z.strictObject({ ret: ret.optional(), oops: fn.optional() }).optional(),
  /** Texts that lines of the kernel log must have, in this order. */
  dmesg: z.array(z.string().min(1)).optional(),
  /** The functions that warn, all of them, in order. */
  warnings: z.array(fn).optional(),
  steps: z.array(stepSchema),
});

export type ScenarioDocument = z.infer<typeof scenarioSchema>;
export type MachineBlock = z.infer<typeof machineSchema>;

/** The JSON Schema of scenario documents, for editors. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return { title: 'hmm-sim scenario', ...authoredSchema(z.toJSONSchema(scenarioSchema, { io: 'input' })) };
}
