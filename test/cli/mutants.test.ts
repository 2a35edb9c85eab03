// SPDX-License-Identifier: GPL-2.0-only
/** Documents and command lines that were damaged at random are told in few lines, or run, and never end in a bug. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { present } from '../../src/cli/failure.js';
import { type RunOptions, runCommand } from '../../src/cli/run.js';
import { limitsFor } from '../../src/scenario/limits.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { printable } from '../../src/sim/printable.js';

const RUNS = Number(process.env.HMM_SIM_MUTANTS ?? 2000);
const SEED = Number(process.env.HMM_SIM_MUTANT_SEED ?? 14);

const fixtures = new URL('../fixtures/wrong-input/', import.meta.url);
const golden = new URL('../golden/7.3/', import.meta.url);

/** One recording of each category of 7.3: all steps that it has. */
const recorded = readdirSync(golden)
  .filter((name) => name.endsWith('.jsonl.gz'))
  .map(
    (name) =>
      gunzipSync(readFileSync(new URL(name, golden)))
        .toString()
        .split('\n', 1)[0]!,
  );

const originals = [
  ...recorded,
  'name: e\nkernel: "7.3"\nmachine: { swap: 64M }\nsteps:\n  - open d0 0\n  - mmap r0 1024\n  - madvise r0[0..1023] hugepage\n  - store r0 64\n  - migrate_to_dev d0 r0: { ret: 0, cpages: 1024 }\n  - madvise r0[3..4] guard_install\n  - read_unlocked d0 r0[0..1]\n  - uffd\n  - load r0[5]: { pages: [69] }\n  - migrate_to_sys d0 r0[600..601]: { ret: 0, cpages: 2 }\n',
  'name: d\nkernel: "6.12"\nsteps:\n  - { op: close, fd: d0, expect: { ret: EINVAL } }\n  - { op: mmap, region: r0, pages: 40, prot: rw, share: private, backing: anon }\n  - { op: load, region: r0, page: 0, pages: 40, expect: { pages: [ok x40] } }\n',
  'name: a\nkernel: "6.12"\nsteps:\n  - { op: open, fd: d0, device: 0 }\n  - { op: mmap, region: r0, pages: 4, prot: rw, share: private, backing: anon }\n  - { op: store, region: r0, page: 0, pages: 4, word: 64, expect: { pages: [ok x4] } }\n  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 4, expect: { ret: 0, cpages: 4 } }\n  - { op: load, region: r0, page: 0, pages: 4 }\n',
  'name: b\nsteps:\n  - open d0 0\n  - mmap r0 4\n  - store r0 7: { pages: [ok x4] }\n  - fork p1\n  - read d0 r0\n  - &x { op: exit }\n  - *x\n',
  '{"name":"c","kernel":"6.1","machine":{"memory":"2G","seed":3},"steps":[{"op":"open","fd":"d0","device":1},{"op":"mmap","region":"r1","pages":513,"prot":"rw","share":"shared","backing":"anon"},{"op":"load","region":"r1","page":0,"pages":513,"expect":{"pages":["zero"]}}]}',
  ...readdirSync(fixtures)
    .filter((name) => /\.(json|yaml)$/.test(name))
    .map((name) => readFileSync(new URL(name, fixtures), 'utf8')),
];

const tokens = [
  '-1', '0', '1e999', '16777216', '9007199254740993', '0x100000000', 'null', '~', '{}', '[]', '[[', '}}', '*x', '&x ',
  '"', "'", ': ', '- ', '\n', '\t', '\u001b[31m', '\u202e', '\u2028', '\ud800', '__proto__', 'constructor', 'toString',
  '<<: *x', '!!binary ', '? ', '| ', '%', '#', 'steps', 'expect', 'name', 'p9', 'r9', 'd9', 'ok x99999999', 'fork', '---\n',
]; // biome-ignore format: a table

const edit = fc.record({
  kind: fc.constantFrom('insert', 'replace', 'delete', 'repeat', 'swap', 'byte'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 12 }),
  token: fc.oneof(fc.constantFrom(...tokens), fc.string({ unit: 'binary', maxLength: 6 })),
});

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function damage(bytes: Buffer, { kind, at, length, token }: Edit): Buffer {
  const from = Math.floor(at * bytes.length);
  const [head, piece, tail] = [
    bytes.subarray(0, from),
    bytes.subarray(from, from + length),
    bytes.subarray(from + length),
  ];
  const word = Buffer.from(token);
  const middle: Record<Edit['kind'], Buffer[]> = {
    insert: [word, piece],
    replace: [word],
    delete: [],
    repeat: Array(length * 4).fill(piece),
    swap: [Buffer.from(piece).reverse()],
    byte: [Buffer.from([length * 21]), piece],
  };
  return Buffer.concat([head, ...middle[kind], tail]);
}

const options: fc.Arbitrary<RunOptions> = fc.record(
  {
    kernel: fc.constantFrom('7.3', '6.12', '6.1', 'v4-coherent', 'v5-generic'),
    json: fc.boolean(),
    name: fc.oneof(fc.constantFrom('*', '*a*a*a*a*a*a*a*a*b', '?', '\u001b'), fc.string({ maxLength: 5 })),
    list: fc.boolean(),
    bail: fc.boolean(),
    dmesg: fc.boolean(),
    check: fc.boolean(),
    seed: fc.integer({ min: 0, max: 100 }),
  },
  { requiredKeys: [] },
);

const mutant = fc.record({
  original: fc.constantFrom(...originals),
  edits: fc.array(edit, { minLength: 1, maxLength: 4 }),
  extension: fc.constantFrom('yaml', 'yaml', 'yaml', 'json', 'jsonl'),
  options,
});

/** Few pages, so that no mutant takes long, however long a slow host takes for it. */
const maxSize = { ...limitsFor(1 << 20), pages: 4096 };

/** Microseconds of processor time that one document may take. */
const MAX_CPU = 10_000_000;

/** KiB that all of them, one after the other, may take. */
const MAX_RSS = 1.5 * 2 ** 20;

/** C0 but for tabs, C1, marks and overrides of direction, and separators of lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTED = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

t.test('mutants', { timeout: 1_000_000 }, async (t) => {
  const directory = t.testdir({});
  const statuses = new Map<number, number>();
  const source = new MachinePool();
  const one = async ({
    original,
    edits,
    extension,
    options,
  }: typeof mutant extends fc.Arbitrary<infer T> ? T : never) => {
    const file = join(directory, `mutant.${extension}`);
    writeFileSync(file, edits.reduce(damage, Buffer.from(original)));
    const [out, err]: string[][] = [[], []];
    const output = {
      out: (line: string) => void out!.push(printable(line)),
      err: (line: string) => void err!.push(printable(line)),
    };
    const began = process.cpuUsage();
    let status: number;
    try {
      status = await runCommand([file], { ...options, maxSize }, output, source);
    } catch (error) {
      const presented = present(error);
      status = presented.exitCode;
      err!.push(...presented.lines);
    }
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (![0, 1, 64].includes(status)) throw new Error(`status ${status}: ${err!.join('\n')}`);
    const { user, system } = process.cpuUsage(began);
    if (user + system > MAX_CPU) throw new Error(`${(user + system) / 1e6} s of processor time`);
    if (err!.length > 12) throw new Error(`${err!.length} lines on stderr`);
    if ([...out!, ...err!].some((line) => UNPRINTED.test(line)))
      throw new Error('a byte that no terminal should get');
  };
  await fc.assert(fc.asyncProperty(mutant, one), { numRuns: RUNS, seed: SEED, endOnFailure: true });
  // All three come about: the mutants are neither all nonsense nor all well.
  t.strictSame(
    [...statuses.keys()].sort((a, b) => a - b),
    [0, 1, 64],
  );
  t.equal(
    [...statuses.values()].reduce((sum, count) => sum + count, 0),
    RUNS,
  );
  t.ok(process.resourceUsage().maxRSS < MAX_RSS, 'in 1.5 GB');
});
