// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import t from 'tap';
import { captureStack, locate } from '../../src/selftests/source_location.js';

const compiled = `Error
    at captureStack (file:///opt/a%20b/dist/selftests/source_location.js:9:1)
    at TestContext.fail (file:///opt/a%20b/dist/selftests/test_context.js:120:3)
    at mapBuffer (file:///opt/a%20b/dist/selftests/hmm-tests/helpers.js:50:7)
    at mapBuffer.next (<anonymous>)
    at migrate (file:///opt/a%20b/dist/selftests/hmm-tests/migrate.js:2:5)
    at migrate.next (<anonymous>)
    at run (file:///opt/a%20b/dist/selftests/kselftest_harness.js:80:7)`;

t.test('the line of the test, not of the helper that asserts for it', async (t) => {
  t.same(locate(compiled), { file: 'hmm-tests/migrate.js', line: 2 });
});

t.test('a source map leads to the TypeScript line', async (t) => {
  const asked: string[] = [];
  // Line 2 of the compiled file comes from line 41 of the source.
  const map = JSON.stringify({
    version: 3,
    file: 'migrate.js',
    sources: ['../../../src/selftests/hmm-tests/migrate.ts'],
    names: [],
    mappings: ';AAwCA',
  });
  const readText = (path: string) => {
    asked.push(path);
    return map;
  };
  t.same(locate(compiled, readText), { file: 'hmm-tests/migrate.ts', line: 41 });
  t.same(asked, ['/opt/a b/dist/selftests/hmm-tests/migrate.js.map']);
  t.same(
    locate(compiled, () => undefined),
    { file: 'hmm-tests/migrate.js', line: 2 },
  );
});

t.test('code run from its source', async (t) => {
  const { file, line } = locate(captureStack());
  t.equal(file, 'source_location.test.ts');
  const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
  t.match(source[line - 1], /locate\(captureStack/);
  t.same(locate('Error'), { file: 'unknown', line: 0 });
});
