// SPDX-License-Identifier: GPL-2.0-only
/** docs/SEEDS.md is true: the files of each row are there, and what it names stands in them. */
import { readFileSync } from 'node:fs';
import t from 'tap';

const ROW = /^\| (?!Patch|Statement|---).*\|$/gm;
const CODE = /`([^`]+)`/g;
const TITLE = /"([^"]+)"/g;

const document = readFileSync('docs/SEEDS.md', 'utf8');
const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1]!);
const isPath = (name: string): boolean => /^(src|test|bench|docs)\/|^test_hmm\.sh$/.test(name);

t.test('code and test of each statement', async (t) => {
  const rows = document.match(ROW) ?? [];
  t.ok(rows.length > 40);
  for (const row of rows) {
    const [code, test] = row.split('|').slice(-3, -1) as [string, string];
    const names = all(code, CODE);
    const text = names.filter(isPath).map((path) => readFileSync(path, 'utf8'));
    t.ok(text.length > 0, row);
    for (const name of names.filter((name) => !isPath(name)))
      t.ok(
        text.some((file) => file.includes(name)),
        `${name}: ${row}`,
      );
    const [path] = all(test, CODE);
    t.match(path, /^test\//, row);
    const held = readFileSync(path!, 'utf8');
    for (const title of all(test, TITLE)) t.ok(held.includes(title), `${title}: ${row}`);
  }
});

t.test('each document says what is not built', async (t) => {
  const sections = document.split(/^## /m).slice(1);
  t.equal(sections.length, 5);
  for (const section of sections) t.match(section, /^Not built:/m, section.split('\n', 1)[0]);
});
