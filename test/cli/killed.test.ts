// SPDX-License-Identifier: GPL-2.0-only
/**
 * Whatever a command writes, a kill at any of its writes leaves each file as it was before or as it is to be, and an
 * interrupted campaign goes on. HMM_SIM_KILLS says how many; HMM_SIM_KILL_SEED which.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { faulty, hmmSim } from './hmm-sim.js';

const KILLS = Number(process.env.HMM_SIM_KILLS ?? 20);
let state = Number(process.env.HMM_SIM_KILL_SEED ?? 14);

/** From 0 to below `limit`: a linear congruential generator, the same everywhere. */
function random(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

const DOCUMENT = `name: a
kernel: "6.12"
steps:
  - { op: open, fd: d0, device: 0, expect: { ret: ENOENT } }
  - { op: mmap, region: r0, pages: 4, prot: rw, share: private, backing: anon }
  - { op: store, region: r0, page: 0, pages: 4, word: 64 }
  - { op: ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 0, pages: 4 }
`;

const SUITE = ['smoke', '--kernel', '6.12', '--seed', '1', '-t', 'migrate', '-v', 'hmm_device_private'];
const FUZZ = ['fuzz', '--kernel', '6.12', '--no-check', '--count', '70', '--out'];

/** What a campaign leaves, made once. */
const campaign = t.testdir();
const FOUND = 'found';

interface Writer {
  readonly args: (directory: string) => readonly string[];
  /** What it writes that is there before, too. */
  readonly old: readonly string[];
}

/** Every command that writes. */
const writers: Readonly<Record<string, Writer>> = {
  'run --update': {
    args: (d) => ['run', '--update', `${d}/a.yaml`, `${d}/b.yaml`],
    old: ['a.yaml', 'b.yaml'],
  },
  'run --junit': { args: (d) => ['run', '--junit', `${d}/x.xml`, `${d}/a.yaml`], old: ['x.xml'] },
  'run --trace': { args: (d) => ['run', '--trace', `${d}/x.txt`, `${d}/a.yaml`], old: ['x.txt'] },
  'smoke --record': {
    args: (d) => [...SUITE, '--record', `${d}/made`, '--junit', `${d}/x.xml`, '--json', `${d}/x.json`],
    old: ['x.xml'],
  },
  fuzz: { args: (d) => [...FUZZ, `${d}/made`], old: [] },
  'fuzz merge': { args: (d) => ['fuzz', 'merge', `${d}/${FOUND}`, '--out', `${d}/made`], old: [] },
  'shrink --out': {
    args: (d) => ['shrink', 'seed:101', '--kernel', '6.12', '--out', `${d}/x.yaml`],
    old: ['x.yaml'],
  },
  'export --c': { args: (d) => ['export', '--c', `${d}/x.c`, `${d}/a.yaml`], old: ['x.c'] },
  'show --html': { args: (d) => ['show', '--html', `${d}/x.html`, `${d}/a.yaml`], old: [] },
  'run --trace x.dat': {
    args: (d) => ['run', '--trace', `${d}/x.dat`, '--trace-functions', `${d}/f.txt`, `${d}/a.yaml`],
    old: ['x.dat', 'f.txt'],
  },
  'explain --trace': { args: (d) => ['explain', '--trace', `${d}/x.jsonl`, `${d}/a.yaml`], old: ['x.jsonl'] },
};

const JOURNAL = 'made/campaign.journal';

/** Files of a directory and of those below, but not those that a kill leaves beside. */
function filesOf(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below), { withFileTypes: true }).flatMap((entry) => {
    const name = join(below, entry.name);
    if (entry.isDirectory()) return filesOf(directory, name);
    return /\.tmp$|campaign\.lock/.test(name) ? [] : [name];
  });
}

const contents = (directory: string): Map<string, string> =>
  new Map(filesOf(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

function prepare(directory: string, { old }: Writer): Map<string, string> {
  mkdirSync(directory);
  for (const name of ['a.yaml', 'b.yaml']) writeFileSync(join(directory, name), DOCUMENT);
  cpSync(join(campaign, FOUND), join(directory, FOUND), { recursive: true });
  for (const name of old) {
    if (!existsSync(join(directory, name))) writeFileSync(join(directory, name), `old ${name}\n`);
  }
  return contents(directory);
}

/** In the name of the directory that a command was told, which is in what it writes. */
const unnamed = (text: string, directory: string): string => text.replaceAll(directory, 'DIRECTORY');

t.test('a kill at any write loses nothing', { timeout: 3_600_000 }, async (t) => {
  const root = t.testdir();
  const names = Object.keys(writers);
  t.equal(
    hmmSim('fuzz', '--kernel', '6.12', '--no-check', '--count', '12', '--out', join(campaign, FOUND)).status,
    1,
  );
  const known = new Map<string, { calls: number; after: Map<string, string> }>();
  for (const name of names) {
    const directory = join(root, `whole ${name}`);
    prepare(directory, writers[name]!);
    const count = join(root, 'count');
    const { status, stderr } = faulty({ count }, ...writers[name]!.args(directory));
    t.ok(status === 0 || status === 1, `${name}: ${status} ${stderr}`);
    const calls = Number(readFileSync(count, 'utf8'));
    t.ok(calls >= 4, `${name}: opened, written, flushed, renamed (${calls} calls)`);
    known.set(name, { calls, after: contents(directory) });
  }
  for (let n = 0; n < KILLS; n++) {
    const name = names[n % names.length]!;
    const { calls, after } = known.get(name)!;
    const directory = join(root, `kill ${n}`);
    const before = prepare(directory, writers[name]!);
    const at = 1 + random(calls);
    const { status } = faulty({ at, how: 'kill' }, ...writers[name]!.args(directory));
    t.equal(status, null, `${name} was killed at call ${at} of ${calls}`);
    const whole = join(root, `whole ${name}`);
    const left = contents(directory);
    for (const file of before.keys()) t.ok(left.has(file), `${name}, ${at}: ${file} is still there`);
    for (const [file, text] of left) {
      if (file === JOURNAL) continue;
      const may = [before.get(file), after.get(file)].map((one) => one && unnamed(one, whole));
      t.ok(may.includes(unnamed(text, directory)), `${name}, ${at}: ${file} is whole`);
    }
    if (name !== 'fuzz') continue;
    const { status: resumed, stdout } = hmmSim(...FUZZ, join(directory, 'made'));
    t.equal(resumed, 1, 'the campaign goes on');
    t.match(
      stdout,
      /: 70 scenarios, 2 findings\n.*: found 3 times, [^\n]*\n.*: found once, /,
      'as if nothing had been',
    );
    const { [JOURNAL]: _, ...scenarios } = Object.fromEntries(contents(directory));
    const { [JOURNAL]: __, ...expected } = Object.fromEntries(after);
    t.strictSame(scenarios, expected);
  }
});
