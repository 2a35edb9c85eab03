// SPDX-License-Identifier: GPL-2.0-only
/** docs/HOW-TO-ADD.md is true: what it names is there, and each name stands in a file that its recipe names. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = readFileSync(at('docs/HOW-TO-ADD.md'), 'utf8');

const recipes = text.split(/^## /m).slice(1);
const isPath = (code: string): boolean => /^(src|test|docs)\/|^README\.md$/.test(code);
/** Options, and what the reader has to choose a name for. */
const isNamed = (code: string): boolean => code.startsWith('--') || code.includes('NAME');

t.test('five lines each', async (t) => {
  const titles = recipes.map((recipe) => recipe.split('\n', 1)[0]);
  t.same(titles, [
    'A step',
    'A driver',
    'A kernel',
    'A behaviour, with its witness',
    'A checker',
    'A command',
    'A suite test',
  ]);
  for (const recipe of recipes) {
    t.same(
      [...recipe.matchAll(/^(\d)\. /gm)].map(([, number]) => number),
      ['1', '2', '3', '4', '5'],
    );
  }
});

t.test('every path is there, every name in one of the files of its recipe', async (t) => {
  const missing: string[] = [];
  let names = 0;
  for (const recipe of [text.split(/^## /m)[0]!, ...recipes]) {
    const codes = [...recipe.matchAll(/`([^`]+)`/g)]
      .map(([, code]) => code!)
      .filter((code) => !isNamed(code));
    const paths = codes.filter(isPath);
    missing.push(...paths.filter((path) => !existsSync(at(path))));
    const files = paths.filter((path) => existsSync(at(path)) && statSync(at(path)).isFile());
    const all = files.map((path) => readFileSync(at(path), 'utf8')).join('\n');
    for (const name of codes.filter((code) => !isPath(code))) {
      names++;
      if (!new RegExp(`\\b${name}\\b`).test(all)) missing.push(name);
    }
  }
  t.same(missing, []);
  t.ok(names > 10);
});
