// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import t from 'tap';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import {
  type FilterOption,
  knownNames,
  selectTests,
  type TestFilter,
  test_harness_help,
  test_harness_list_tests,
} from '../../src/selftests/test_filter.js';

const suite = suiteOf('6.12')!;
const golden = (name: string): string[] =>
  readFileSync(new URL(`../golden/ktap/${name}`, import.meta.url), 'utf8').split('\n');

/** "-t open_close -V x" as filters. */
function filters(line: string): TestFilter[] {
  const words = line.split(' ');
  return words.flatMap((word, i) =>
    i % 2 === 0 ? [{ option: word.slice(1) as FilterOption, name: words[i + 1]! }] : [],
  );
}

const select = (line: string): string[] => selectTests(suite, filters(line)).map(({ name }) => name);
const count = (line: string): number => select(line).length;

t.test('-l and -h print what the real harness prints', async (t) => {
  t.same([...test_harness_list_tests(suite), '@@EXIT 4', ''], golden('6.12-list.txt'));
  t.same([...test_harness_help(suite), '@@EXIT 4', ''], golden('6.12-help.txt'));
});

t.test('7.3: what its program prints before, and the option of its harness', async (t) => {
  const newest = suiteOf('7.3')!;
  const sizes = ['2048', '1048576'].map((size) => `# [INFO] detected hugetlb page size: ${size} KiB`);
  const help = golden('6.12-help.txt').slice(0, -2);
  t.same(test_harness_help(newest), [
    ...sizes,
    'Usage: hmm-tests [-h|-l|-d] [-t|-T|-v|-V|-f|-F|-r name]',
    ...help.slice(1, 3),
    '\t-d       enable debug prints',
    ...help.slice(3),
  ]);
  const list = test_harness_list_tests(newest);
  t.same(list.slice(0, 4), [...sizes, ...golden('6.12-list.txt').slice(0, 2)]);
  t.equal(list.length, 2 + 2 + 1 + 36 + 1 + 3);
});

t.test('the listing without variants', async (t) => {
  const lines = test_harness_list_tests(suiteOf('v5-generic')!);
  t.equal(lines[3], `hmm${' '.repeat(44)}open_close`);
});

t.test('inclusive filters select, exclusive ones leave the rest', async (t) => {
  t.same(select('-t open_close'), [
    'hmm.hmm_device_private.open_close',
    'hmm.hmm_device_coherent.open_close',
  ]);
  t.equal(count('-T open_close'), 56);
  t.equal(count('-v hmm_device_private'), 26);
  t.equal(count('-V hmm_device_private'), 32);
  t.equal(count('-f hmm2'), 6);
  t.equal(count('-F hmm2'), 52);
  t.equal(selectTests(suite, []).length, 58);
});

t.test('the first filter that matches decides', async (t) => {
  t.equal(count('-T migrate -v hmm_device_private'), 25);
  t.equal(count('-v hmm_device_private -T migrate'), 26);
  t.equal(count('-f hmm2 -v hmm2_device_coherent'), 6);
  t.equal(count('-V hmm2_device_private -f hmm2'), 3);
  t.equal(count('-T migrate -t migrate'), 0);
});

t.test('-r names one test in full; any character separates', async (t) => {
  const one = ['hmm.hmm_device_private.migrate'];
  t.same(select('-r hmm.hmm_device_private.migrate'), one);
  t.same(select('-r hmm/hmm_device_private:migrate'), one);
  t.same(select('-r hmm.hmm_device_private.migrat'), []);
  t.same(select('-r hmm.migrate'), []);
  t.same(select('-r xmm.hmm_device_private.migrate'), []);
  const plain = selectTests(suiteOf('v5-generic')!, filters('-r hmm2.snapshot'));
  t.same(
    plain.map(({ name }) => name),
    ['hmm2.snapshot'],
  );
});

t.test('the names that filters know', async (t) => {
  t.same(knownNames(suite, 'F'), ['hmm', 'hmm2']);
  t.same(knownNames(suite, 'v'), [
    'hmm_device_private',
    'hmm_device_coherent',
    'hmm2_device_private',
    'hmm2_device_coherent',
  ]);
  t.equal(knownNames(suite, 't').length, 29);
  t.equal(knownNames(suite, 'r').length, 58);
});
