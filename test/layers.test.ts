// SPDX-License-Identifier: GPL-2.0-only
/**
 * The rooms of src/, and what each may import. Imports run down the table only; an allowance that nobody uses fails.
 * No clock and no chance below the command line; no driver's name and no generation's id where they do not belong.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('..', import.meta.url));

/** From the top. Rooms of one line are siblings. */
const ROOMS: Readonly<Record<string, string>> = {
  cli: 'library report paths explain triage fuzz export shell record session scenario selftests watch machine user kernel mm generations uapi sim',
  library:
    'report explain fuzz record session scenario selftests machine user kernel fs mm generations uapi sim',
  report: 'paths explain triage scenario selftests watch user mm generations sim',
  explain: 'session scenario watch machine kernel mm generations uapi sim',
  triage: 'selftests generations uapi sim',
  paths: 'session scenario machine generations sim',
  fuzz: 'session scenario machine user generations sim',
  export: 'session scenario generations uapi sim',
  shell: 'session scenario user uapi sim',
  record: 'scenario selftests machine user kernel mm generations uapi sim',
  session: 'scenario machine user generations uapi sim',
  scenario: 'user generations uapi sim',
  selftests: 'user generations uapi sim',
  watch: 'machine kernel mm generations sim',
  machine: 'checkers user drivers kernel fs mm generations uapi sim',
  checkers: 'drivers kernel mm sim',
  user: 'kernel mm uapi sim',
  drivers: 'kernel fs mm generations uapi sim',
  kernel: 'fs mm generations uapi sim',
  fs: 'mm uapi sim',
  mm: 'generations uapi sim',
  generations: 'uapi sim',
  uapi: 'sim',
  sim: '',
};

/** The library's entry, which is in no room. */
const ENTRY = 'library scenario machine user mm generations uapi sim';

const SIBLINGS: readonly (readonly string[])[] = [
  ['explain', 'triage', 'paths', 'fuzz', 'export', 'shell', 'record'],
];

/** Packages, and the rooms that may use them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  chalk: ['cli'],
  zod: ['cli', 'scenario'],
  yaml: ['report', 'scenario', 'shell'],
};

/** Files that import values from each other in a circle, as their functions call each other in the kernel. */
const CIRCLES: readonly (readonly string[])[] = [
  ['src/mm/huge_split.ts', 'src/mm/migrate.ts', 'src/mm/rmap.ts', 'src/mm/rmap_unmap.ts'],
  // One file in the kernel: lib/test_hmm.c.
  [
    'src/drivers/test_hmm/devmem.ts',
    'src/drivers/test_hmm/migrate.ts',
    'src/drivers/test_hmm/migrate_compound.ts',
    'src/drivers/test_hmm/migrate_skip.ts',
  ],
  // What a range has in VRAM is migrated when it is evicted, and given up when it has been migrated.
  ['src/drivers/amdkfd/kfd_migrate.ts', 'src/drivers/amdkfd/kfd_svm_bo.ts'],
];

/** More files than these in one folder are a room that should be two. mm has one a kernel file, cli one a command. */
const MAX_FILES = 25;
const LARGE = new Set(['src/mm', 'src/cli']);

// --- reading the tree -------------------------------------------------------------------------------------

function filesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Import {
  readonly specifier: string;
  /** Only of types, so that nothing is loaded for it. */
  readonly type: boolean;
}

/** What the file imports or re-exports, statically or not. */
function imports(text: string): Import[] {
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?)\s*from\s+'([^']+)'/gm),
    ...[...text.matchAll(/\bimport\s*\(\s*'([^']+)'/g)].map(([all, at]) => [all, undefined, '', at]),
    ...[...text.matchAll(/^import\s+'([^']+)'/gm)].map(([all, at]) => [all, undefined, '', at]),
  ];
  return found.map(([, type, names = '', specifier]) => {
    const list = /^\{([\s\S]*)\}$/
      .exec(names.trim())?.[1]
      ?.split(',')
      .map((name) => name.trim());
    const each = list?.filter((name) => name !== '').every((name) => name.startsWith('type ')) ?? false;
    return { specifier: specifier!, type: type !== undefined || each };
  });
}

const targetOf = (path: string, specifier: string): string =>
  posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');

/** "mm" for src/mm/gup.ts, "index" for src/index.ts. */
function roomOf(path: string): string {
  const [, room] = path.split('/');
  return room === 'index.ts' ? 'index' : room!;
}

/** "drivers/test_hmm" for what is below such a folder. */
function driverFolder(path: string): string | undefined {
  return /^src\/((?:drivers|checkers)\/[^/]+)\/./.exec(path)?.[1];
}

const sources = filesBelow('src');
const allowed = (room: string): string[] =>
  (room === 'index' ? ENTRY : ROOMS[room]!).split(' ').filter((name) => name !== '');

/** Where drivers are put together, and which of them is meant when none is said. */
const COMPOSING = ['src/machine/registry.ts', 'src/machine/defaults.ts'];

/** Why this import may not be; undefined when it may. */
function complaint(path: string, specifier: string): string | undefined {
  const room = roomOf(path);
  if (specifier.startsWith('node:')) {
    return room === 'cli' || specifier === 'node:module' ? undefined : `${path} imports ${specifier}`;
  }
  if (!specifier.startsWith('.')) {
    return PACKAGES[specifier]?.includes(room) ? undefined : `${path} imports ${specifier}`;
  }
  const target = targetOf(path, specifier);
  const [from, to] = [driverFolder(path), driverFolder(target)];
  if (to !== undefined && from !== to) {
    const [, driver] = to.split('/');
    const own = from === `checkers/${driver}` || COMPOSING.includes(path);
    if (!own) return `${path} imports ${target}, which is ${driver}'s own`;
  }
  if (roomOf(target) === room || allowed(room).includes(roomOf(target))) return undefined;
  return `${path} imports ${target}`;
}

// --- imports ----------------------------------------------------------------------------------------------

t.test('every room is known, and the table runs down', async (t) => {
  const rooms = Object.keys(ROOMS);
  t.same([...new Set(sources.map(roomOf))].filter((room) => room !== 'index').sort(), [...rooms].sort());
  for (const room of rooms) {
    const up = allowed(room).filter((other) => rooms.indexOf(other) <= rooms.indexOf(room));
    t.same(up, [], `${room} imports from below`);
  }
  for (const siblings of SIBLINGS) {
    for (const room of siblings)
      t.same(
        allowed(room).filter((other) => siblings.includes(other)),
        [],
      );
  }
});

t.test('imports are those that the table allows', async (t) => {
  const found = sources.flatMap((path) =>
    imports(read(path)).map(({ specifier }) => complaint(path, specifier)),
  );
  t.same(
    found.filter((text) => text !== undefined),
    [],
  );
});

t.test('every allowance is used', async (t) => {
  const used = new Map<string, Set<string>>();
  const packages = new Map<string, Set<string>>();
  const note = (map: Map<string, Set<string>>, key: string, value: string) =>
    map.set(key, (map.get(key) ?? new Set()).add(value));
  for (const path of sources) {
    for (const { specifier } of imports(read(path))) {
      if (specifier.startsWith('.')) note(used, roomOf(path), roomOf(targetOf(path, specifier)));
      else note(packages, specifier, roomOf(path));
    }
  }
  for (const room of [...Object.keys(ROOMS), 'index']) {
    t.same(
      allowed(room).filter((other) => !used.get(room)?.has(other)),
      [],
      room,
    );
  }
  for (const [name, rooms] of Object.entries(PACKAGES)) {
    t.same(
      rooms.filter((room) => !packages.get(name)?.has(room)),
      [],
      name,
    );
  }
});

t.test('the check notices what is not allowed', async (t) => {
  t.equal(
    complaint('src/mm/gup.ts', '../session/session.js'),
    'src/mm/gup.ts imports src/session/session.ts',
  );
  t.equal(complaint('src/mm/gup.ts', './rmap.js'), undefined);
  t.equal(complaint('src/drivers/test_hmm/ioctl.ts', '../../mm/gup.js'), undefined);
  t.equal(
    complaint('src/drivers/test_hmm/ioctl.ts', '../gup_test/gup_test.js'),
    "src/drivers/test_hmm/ioctl.ts imports src/drivers/gup_test/gup_test.ts, which is gup_test's own",
  );
  t.equal(
    complaint('src/checkers/census.ts', '../drivers/test_hmm/dmirror.js'),
    "src/checkers/census.ts imports src/drivers/test_hmm/dmirror.ts, which is test_hmm's own",
  );
  t.equal(complaint('src/checkers/test_hmm/mirror.ts', '../../drivers/test_hmm/dmirror.js'), undefined);
  t.equal(
    complaint('src/fuzz/goals.ts', '../shell/shell.js'),
    'src/fuzz/goals.ts imports src/shell/shell.ts',
  );
  t.equal(complaint('src/sim/prng.ts', 'node:crypto'), 'src/sim/prng.ts imports node:crypto');
  t.equal(complaint('src/machine/machine.ts', 'chalk'), 'src/machine/machine.ts imports chalk');
  t.same(
    imports(
      [
        "import a, { type B } from './a.js';",
        "import type { C } from './c.js';",
        'import {',
        '  type D,',
        '  type E,',
        "} from './d.js';",
        "export * from '../e.js';",
        "await import('./f.js');",
      ].join('\n'),
    ),
    [
      { specifier: './a.js', type: false },
      { specifier: './c.js', type: true },
      { specifier: './d.js', type: true },
      { specifier: '../e.js', type: false },
      { specifier: './f.js', type: false },
    ],
  );
});

/** Groups of files that import values from each other in a circle (Tarjan's components of more than one file). */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file)).sort();
    if (group.length > 1) found.push(group);
  };
  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return found.sort();
}

t.test('no files import values in a circle but those named', async (t) => {
  t.same(
    circles(
      new Map([
        ['a', ['b']],
        ['b', ['c', 'a']],
        ['c', []],
      ]),
    ),
    [['a', 'b']],
  );
  const graph = new Map(
    sources.map((path) => [
      path,
      imports(read(path))
        .filter(({ specifier, type }) => !type && specifier.startsWith('.'))
        .map(({ specifier }) => targetOf(path, specifier)),
    ]),
  );
  t.same(circles(graph), [...CIRCLES].map((group) => [...group].sort()).sort());
});

t.test('no folder has more files than one can keep in mind', async (t) => {
  const counts = new Map<string, number>();
  for (const path of sources) {
    const folder = posix.dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  t.same(
    [...counts].filter(([folder, count]) => count > MAX_FILES && !LARGE.has(folder)),
    [],
  );
});

// --- names ------------------------------------------------------------------------------------------------

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

/** Paths of `sources` whose code matches, with what matches. */
function withCode(pattern: RegExp, except: (path: string) => boolean): string[] {
  return sources
    .filter((path) => !except(path))
    .flatMap((path) => {
      const match = pattern.exec(withoutComments(read(path)));
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
}

t.test('no clock, chance or process below the command line', async (t) => {
  const forbidden =
    /\bMath\.random\b|\bDate\.now\b|\bnew Date\b|\bperformance\.|(?<![.\w])process\.(?:argv|env|exit|std\w+|hrtime|cwd|on|memoryUsage)\b|\bsetTimeout\b|\bsetImmediate\b/;
  t.same(
    withCode(forbidden, (path) => roomOf(path) === 'cli'),
    [],
  );
});

/** Where a driver is named: what composes the machine, and the driver's own. */
const DRIVERS_OWN = [
  /^src\/(?:drivers|uapi|generations)\//,
  /^src\/checkers\/[^/]+\//,
  ...COMPOSING,
  // Its steps, and what documents and their programs call things.
  /^src\/scenario\/(?:steps\/|actor\.ts|spelling\.ts)/,
  // Its C, its suite, and its ioctls as steps.
  /^src\/(?:export|selftests\/hmm-(?:tests|mirror))\//,
  /^src\/record\/(?:commands|memory)\.ts$/,
  // Logs of its suite.
  /^src\/triage\//,
  // The library hands its interface on; the commands say what they are about.
  'src/index.ts',
  'src/library/selftest.ts',
  'src/cli/main.ts',
];

t.test('no driver is named above the drivers but by the registry and its own', async (t) => {
  const own = (path: string): boolean =>
    DRIVERS_OWN.some((one) => (typeof one === 'string' ? one === path : one.test(path)));
  t.same(withCode(/(?:test_hmm|dmirror|gup_test|DMIRROR)\w*/, own), []);
});

t.test("no generation's id stands outside of generations/", async (t) => {
  const id = /(['"`])(?:rfc-cdm|hmm-v25|v5-generic|v4-coherent|6\.1|6\.12|7\.3)\1/;
  t.same(
    withCode(id, (path) => roomOf(path) === 'generations'),
    [],
  );
});

// --- habits -----------------------------------------------------------------------------------------------

t.test('every source file begins with its licence', async (t) => {
  const licence = '// SPDX-License-Identifier: GPL-2.0-only\n';
  const missing = [...sources, ...filesBelow('test'), ...filesBelow('bench')].filter(
    (path) => !read(path).startsWith(licence),
  );
  t.same(missing, []);
});

t.test('every file that diverges knowingly is listed', async (t) => {
  const listed = read('docs/DIVERGENCES.md');
  const marked = sources.filter((path) => /\bDIVERGES:/.test(read(path)));
  t.same(
    marked.filter((path) => !listed.includes(`\`${path}\``)),
    [],
  );
});

t.test('files are written by src/cli/files alone, which writes them beside and renames them', async (t) => {
  const writing =
    /^import \{[^}]*\b(write\w*Sync|writeFile|append\w+|createWriteStream|rename\w*|mkdir\w*|truncate\w*|copyFile\w*)\b[^}]*\} from 'node:fs/m;
  const found = sources.filter((path) => writing.test(read(path)));
  t.same(
    found.filter((path) => !path.startsWith('src/cli/files/')),
    [],
  );
  t.same(found.sort(), [
    'src/cli/files/directory.ts',
    'src/cli/files/safe-file.ts',
    'src/cli/files/write-all.ts',
  ]);
});
