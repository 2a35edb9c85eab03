// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { z } from 'zod';
import { compile } from '../../src/scenario/accepts.js';
import { scenarioSchema } from '../../src/scenario/schema.js';

const accepts = compile(scenarioSchema);

const recorded = ['anon', 'fork', 'multidev', 'hugetlb'].flatMap((category) => {
  const file = new URL(`../golden/6.12/${category}.jsonl.gz`, import.meta.url);
  return gunzipSync(readFileSync(file)).toString().trim().split('\n');
});

/** What stands in a document where something else stood. */
const ODD: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  -1,
  1.5,
  2 ** 32,
  2 ** 60,
  '',
  'p0',
  'r0',
  'd01',
  'ENOENT',
  '17',
  '0x1ffffffffffffffff',
  'PFx',
  'READ|WRITE',
  'mixed',
  'SNAPSHOT',
  'mmap',
  'device',
  true,
  [],
  [0, 'ok', 'SIGBUS'],
  {},
  { ret: 0 },
];

type Keyed = Record<string, unknown>;

/** Change one place of `document`, as the numbers of `path` lead to it. */
function spoil(document: unknown, path: readonly number[], odd: unknown, how: 'set' | 'drop' | 'add'): void {
  let at = document as Keyed;
  for (const [depth, turn] of path.entries()) {
    const keys = Object.keys(at);
    const key = keys[turn % Math.max(1, keys.length)];
    if (key === undefined) return;
    const next = at[key];
    if (depth < path.length - 1 && typeof next === 'object' && next !== null) {
      at = next as Keyed;
      continue;
    }
    if (how === 'drop') delete at[key];
    else if (how === 'set') at[key] = odd;
    else at.extra = odd;
    return;
  }
}

t.test('recordings fit', (t) => {
  t.equal(recorded.filter((line) => accepts(JSON.parse(line))).length, recorded.length);
  t.end();
});

t.test('says the same as zod of documents that something is wrong with', (t) => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...recorded),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...ODD),
      fc.constantFrom('set' as const, 'drop' as const, 'add' as const),
      (line, path, odd, how) => {
        const document: unknown = JSON.parse(line);
        spoil(document, path, odd, how);
        const fits = scenarioSchema.safeParse(document).success;
        if (!fits) refused++;
        return accepts(document) === fits;
      },
    ),
    { seed: 1, numRuns: 5000 },
  );
  t.ok(refused > 1000, `zod refused ${refused}`);
  for (const value of ODD) t.equal(accepts(value), scenarioSchema.safeParse(value).success);
  t.end();
});

t.test('asks zod about kinds of schemas and checks that it does not know', (t) => {
  const schemas = [z.record(z.string(), z.number()), z.looseObject({ a: z.number() }), z.email(), z.bigint()];
  const values = [{ a: 1 }, { a: 'x' }, { a: 1, b: 2 }, 'a@b.org', 'a', 1n, null];
  for (const schema of schemas) {
    const fits = compile(schema);
    for (const value of values) t.equal(fits(value), schema.safeParse(value).success);
  }
  t.end();
});
