// SPDX-License-Identifier: GPL-2.0-only
/** Ranges are written one way: what a report prints is what the shell takes. */
import t from 'tap';
import { rangeText } from '../../../src/scenario/place.js';
import { rangeWord } from '../../../src/scenario/steps/words.js';

const context = { as: 'p0', pagesOf: () => 8, migrateHasDirection: false };

t.test('a printed range means the same when it is typed', async (t) => {
  for (const [page, pages, text] of [
    [0, 8, 'r0[0..7]'],
    [3, 1, 'r0[3]'],
    [1, 3, 'r0[1..3]'],
    [5, 0, 'r0[5..)'],
    [65535, 2, 'r0[65535..65536]'],
  ] as const) {
    t.equal(rangeText('r0', page, pages), text);
    t.strictSame(rangeWord(text, context), { region: 'r0', page, pages });
  }
});

t.test('what may be left out', async (t) => {
  t.strictSame(rangeWord('r0', context), { region: 'r0', page: 0, pages: 8 });
  t.strictSame(rangeWord('r0[6..]', context), { region: 'r0', page: 6, pages: 2 });
  t.strictSame(rangeWord('r0[..1]', context), { region: 'r0', page: 0, pages: 2 });
  t.throws(() => rangeWord('r0[2..1]', context), /does not end before its start/);
});
