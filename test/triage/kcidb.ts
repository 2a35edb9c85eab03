// SPDX-License-Identifier: GPL-2.0-only
/** Documents of KCIDB, held against the schema. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(new URL('kcidb-5.3.schema.json', import.meta.url), 'utf8')),
);

/** What is wrong with the document, a line each; each test has an id of its own. */
export function kcidbMistakes(text: string): string[] {
  const document: unknown = JSON.parse(text);
  const { error } = schema.safeParse(document);
  const wrong = (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const ids = ((document as { tests?: { id: string }[] }).tests ?? []).map(({ id }) => id);
  return ids.length === new Set(ids).size ? wrong : [...wrong, 'tests: ids are not unique'];
}
