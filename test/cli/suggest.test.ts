// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { didYouMean, editDistance, nearest } from '../../src/cli/suggest.js';

t.test('editDistance', async (t) => {
  t.equal(editDistance('migrate', 'migrate'), 0);
  t.equal(editDistance('migrat', 'migrate'), 1);
  t.equal(editDistance('anon_raed', 'anon_read'), 1);
  t.equal(editDistance('opne', 'open'), 1);
  t.equal(editDistance('', 'abc'), 3);
  t.equal(editDistance('kitten', 'sitting'), 3);
});

t.test('nearest', async (t) => {
  t.equal(nearest('smok', ['modinfo', 'smoke']), 'smoke');
  t.equal(nearest('SMOKE', ['modinfo', 'smoke']), 'smoke');
  t.equal(nearest('xyzzy', ['modinfo', 'smoke']), undefined);
  t.equal(nearest('6.2', ['6.12', '6.1']), '6.12', 'the first of equals');
  t.equal(nearest('x', []), undefined);
  t.equal(didYouMean('smok', ['smoke']), ' (did you mean "smoke"?)');
  t.equal(didYouMean('xyzzy', ['smoke']), '');
});
