// SPDX-License-Identifier: GPL-2.0-only
/** Imports run down the list of rooms only; no clock and no chance below the command line. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('..', import.meta.url));

/** From the top. A room may import from itself and from those after it. */
const rooms = [
  'cli',
  'report',
  'explain',
  'fuzz',
  'export',
  'shell',
  'session',
  'scenario',
  'selftests',
  'watch',
  'machine',
  'checkers',
  'user',
  'drivers',
  'kernel',
  'fs',
  'mm',
  'generations',
  'uapi',
  'sim',
];

/** Packages, and the rooms that may use them. */
const packages: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  chalk: ['cli'],
  zod: ['cli', 'scenario'],
  yaml: ['cli', 'report', 'scenario', 'shell'],
};

function filesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function roomOf(path: string): string {
  return path.split('/')[1]!;
}

/** What the file imports or re-exports, statically or not. */
function imports(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** Only the registry and a driver's own checkers know drivers; no driver knows another. */
function namesDriver(path: string, target: string): boolean {
  const driver = /^src\/drivers\/(\w+)\//.exec(target)?.[1];
  if (driver === undefined || path === 'src/machine/registry.ts') return false;
  return !path.startsWith(`src/drivers/${driver}/`) && !path.startsWith(`src/checkers/${driver}/`);
}

/** Why this import may not be; undefined when it may. */
function complaint(path: string, specifier: string): string | undefined {
  const room = roomOf(path);
  if (specifier.startsWith('node:')) {
    return room === 'cli' || specifier === 'node:module' ? undefined : `${path} imports ${specifier}`;
  }
  if (!specifier.startsWith('.')) {
    return packages[specifier]?.includes(room) ? undefined : `${path} imports ${specifier}`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (namesDriver(path, target)) return `${path} imports ${target}, which is a driver's`;
  const down = rooms.indexOf(roomOf(target)) >= rooms.indexOf(room);
  return down ? undefined : `${path} imports ${target}, which is above it`;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

const sources = filesBelow('src').filter((path) => path !== 'src/index.ts');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

t.test('every room is known', async (t) => {
  const unknown = sources.filter((path) => !rooms.includes(roomOf(path)));
  t.same(unknown, []);
});

t.test('imports run down only', async (t) => {
  const found = sources.flatMap((path) => imports(read(path)).map((specifier) => complaint(path, specifier)));
  t.same(
    found.filter((text) => text !== undefined),
    [],
  );
});

t.test('the check notices what is not allowed', async (t) => {
  t.equal(
    complaint('src/mm/gup.ts', '../drivers/test_hmm/index.js'),
    "src/mm/gup.ts imports src/drivers/test_hmm/index.js, which is a driver's",
  );
  t.equal(
    complaint('src/mm/gup.ts', '../fs/file.js'),
    'src/mm/gup.ts imports src/fs/file.js, which is above it',
  );
  t.equal(
    complaint('src/watch/observe.ts', '../drivers/test_hmm/xarray.js'),
    "src/watch/observe.ts imports src/drivers/test_hmm/xarray.js, which is a driver's",
  );
  t.equal(
    complaint('src/drivers/gup_test/driver.ts', '../test_hmm/xarray.js'),
    "src/drivers/gup_test/driver.ts imports src/drivers/test_hmm/xarray.js, which is a driver's",
  );
  t.equal(complaint('src/checkers/test_hmm/mirror.ts', '../../drivers/test_hmm/xarray.js'), undefined);
  t.equal(complaint('src/machine/registry.ts', '../drivers/test_hmm/driver.js'), undefined);
  t.equal(complaint('src/mm/gup.ts', './rmap.js'), undefined);
  t.equal(complaint('src/drivers/test_hmm/ioctl.ts', '../../mm/gup.js'), undefined);
  t.equal(complaint('src/sim/prng.ts', 'node:crypto'), 'src/sim/prng.ts imports node:crypto');
  t.equal(complaint('src/machine/machine.ts', 'chalk'), 'src/machine/machine.ts imports chalk');
  t.same(imports("import a from './a.js';\nexport * from '../b.js';\nawait import('./c.js');"), [
    './a.js',
    '../b.js',
    './c.js',
  ]);
});

t.test('no clock, chance or process below the command line', async (t) => {
  const forbidden =
    /\bMath\.random\b|\bDate\.now\b|\bnew Date\b|\bperformance\.|(?<![.\w])process\.(?:argv|env|exit|std\w+|hrtime|cwd|on|memoryUsage)\b|\bsetTimeout\b|\bsetImmediate\b/;
  const found = sources
    .filter((path) => roomOf(path) !== 'cli')
    .flatMap((path) => {
      const match = forbidden.exec(withoutComments(read(path)));
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
  t.same(found, []);
});

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
