// SPDX-License-Identifier: GPL-2.0-only
/** What a file exports somebody imports: another file of the project, the library's users, or at least a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Exports that nobody imports in a way that this test reads, or not yet. */
const ALLOWED: readonly string[] = [
  // bin/hmm-sim.js imports it by an address that it makes.
  'src/cli/main.ts#run',
];

/** What the package exports. */
const ENTRIES: readonly string[] = ['src/index.ts', 'src/library/driver.ts', 'src/library/selftest.ts'];

interface Export {
  readonly name: string;
  /** A class is one too: its name alone may be wanted. */
  readonly isType: boolean;
}

interface Use {
  /** The file that is imported from. */
  readonly path: string;
  /** '*' for all that it exports. */
  readonly name: string;
}

const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

/** The names in "A, type B, c as D": as the other module knows them, or as this one does. */
function listed(names: string, here: boolean): string[] {
  const parts = names.split(',').map((part) => part.trim().replace(/^type /, ''));
  return parts.filter((part) => part !== '').map((part) => part.split(/ as |: /).at(here ? -1 : 0)!);
}

function exportsOf(text: string): Export[] {
  const declared = /^export (?:abstract |async )?(const|let|function\*?|class|interface|type|enum) (\w+)/gm;
  const lists = /^export (?:type |const )?\{([^}]*)\}/gm;
  return [
    ...[...text.matchAll(declared)].map(([, kind, name]) => ({
      name: name!,
      isType: ['class', 'interface', 'type'].includes(kind!),
    })),
    ...[...text.matchAll(lists)].flatMap(([, names]) =>
      listed(names!, true).map((name) => ({ name, isType: false })),
    ),
  ];
}

/** The source that a specifier names: benchmarks import what is built. */
function resolve(from: string, specifier: string): string {
  const path = posix.join(posix.dirname(from), specifier);
  return path.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts');
}

function usesOf(path: string, text: string): Use[] {
  const uses = (specifier: string, names: readonly string[]): Use[] =>
    names.map((name) => ({ path: resolve(path, specifier), name }));
  const named = /^(?:im|ex)port (?:type )?\{([^}]*)\} from '(\..*)'/gm;
  const whole = /^import (?:type )?\* as (\w+) from '(\..*)'/gm;
  const all = /^export \* (?:as \w+ )?from '(\..*)'/gm;
  // In code or, benchmarks being JavaScript, as a type in a comment.
  const dynamic = /\bimport\('(\.[^']*)'\)(?:\.(\w+))?/g;
  return [
    ...[...text.matchAll(named)].flatMap(([, names, from]) => uses(from!, listed(names!, false))),
    ...[...text.matchAll(whole)].flatMap(([, space, from]) =>
      uses(
        from!,
        [...text.matchAll(new RegExp(`\\b${space}\\.(\\w+)`, 'g'))].map(([, name]) => name!),
      ),
    ),
    ...[...text.matchAll(all)].flatMap(([, from]) => uses(from!, ['*'])),
    ...[...text.matchAll(dynamic)].flatMap(([, from, name]) => uses(from!, [name ?? '*'])),
  ];
}

/** Exports that nobody imports. A type may be there for those who read what a file exports. */
function unused(sources: ReadonlyMap<string, string>, tests: ReadonlyMap<string, string>): string[] {
  const usedBy = (files: ReadonlyMap<string, string>): Set<string> =>
    new Set([...files].flatMap(([path, text]) => usesOf(path, text).map((use) => `${use.path}#${use.name}`)));
  const imported = usedBy(sources);
  const tested = usedBy(tests);
  return [...sources].flatMap(([path, text]) => {
    if (!path.startsWith('src/') || ENTRIES.includes(path) || imported.has(`${path}#*`)) return [];
    const wanted = ({ name, isType }: Export): boolean => {
      if (imported.has(`${path}#${name}`)) return true;
      const usedHere = code(text).match(new RegExp(`\\b${name}\\b`, 'g'))!.length > 1;
      return usedHere && (isType || tested.has(`${path}#${name}`));
    };
    return exportsOf(text)
      .filter((one) => !wanted(one))
      .map(({ name }) => `${path}#${name}`);
  });
}

function read(...directories: string[]): Map<string, string> {
  const paths = directories.flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.[jt]s$/.test(path))
      .map((path) => `${directory}/${path}`),
  );
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

t.test('every export is wanted, and every allowance needed', async (t) => {
  t.same(unused(read('src', 'bench', 'scripts'), read('test')), ALLOWED);
});

t.test('what the check finds', async (t) => {
  const found = (a: string, others: Record<string, string> = {}, tests: Record<string, string> = {}) =>
    unused(new Map([['src/a.ts', a], ...Object.entries(others)]), new Map(Object.entries(tests)));
  const one = 'export const one = 1;\n';
  t.same(found(one), ['src/a.ts#one']);
  t.same(found(`${one}/** one */ one;\n`), ['src/a.ts#one'], 'needs no export');
  t.same(found(one, {}, { 'test/a.ts': "import { one } from '../src/a.js';" }), ['src/a.ts#one']);
  t.same(found(`${one}f(one);`, {}, { 'test/a.ts': "import { one } from '../src/a.js';" }), []);
  t.same(found(one, { 'src/b.ts': "import { type T, one as two } from './a.js';" }), []);
  t.same(found(one, { 'src/b.ts': "import * as a from './a.js';\na.two;" }), ['src/a.ts#one']);
  t.same(found(one, { 'src/b.ts': "import * as a from './a.js';\na.one;" }), []);
  t.same(found(one, { 'src/index.ts': "export { one } from './a.js';" }), []);
  t.same(found(one, { 'src/index.ts': "export * as a from './a.js';" }), []);
  t.same(found(one, { 'bench/b.js': "import {\n  one,\n} from '../dist/a.js';" }), []);
  t.same(found(one, { 'src/b.ts': "await import('./a.js');" }), []);
  t.same(found('export const { one, two: three } = all;\n'), ['src/a.ts#one', 'src/a.ts#three']);
  t.same(found('export async function run() {}\n'), ['src/a.ts#run']);
  t.same(found('export interface I {}\n'), ['src/a.ts#I']);
  t.same(found('export interface I {}\nfunction f(i: I) {}\n'), []);
  t.same(found("export { x as y } from './b.js';\n"), ['src/a.ts#y']);
});
