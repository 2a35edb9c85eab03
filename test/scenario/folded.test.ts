// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import t from 'tap';
import { fold, foldedAnswer, runOf, unfold, writtenAnswer } from '../../src/scenario/folded.js';

t.test('what repeats itself, and what counts up, is told once', async (t) => {
  t.same(fold([7, 7, 7, 7, 'ok', 'ok', 'ok', 'ok', 'ok']), ['7 x4', 'ok x5']);
  t.same(fold([7, 8, 9, 10, 0, 'mixed']), ['7..10', 0, 'mixed']);
  t.same(fold([1, 2, 3]), [1, 2, 3], 'fewer than four stand as they are');
  t.same(fold([5, 5, 6, 7, 8, 9]), [5, 5, '6..9']);
  t.same(fold(['ok', 'ok', 1, 2], 2), ['ok x2', 1, 2], 'words that count up are not told of two');
});

t.test('what is no run stands for itself', async (t) => {
  for (const element of ['9..7', '7..7', 'ok', 3, 'WRITE|PMD']) t.same(runOf(element).times, 1, `${element}`);
});

t.test('a folded list says the same', async (t) => {
  const element = fc.oneof(fc.nat({ max: 5 }), fc.constantFrom('ok', 'mixed'));
  fc.assert(
    fc.property(fc.array(element, { maxLength: 40 }), (list) => {
      t.same(unfold(fold(list), 1000), list, { diagnostic: false });
    }),
  );
  t.same(unfold(['0..4000000000'], 3), [0, 1, 2], 'as far as is asked for');
});

t.test('a document has short lists as they are', async (t) => {
  t.same(writtenAnswer({ ret: 0, data: [1, 2, 3, 4] }), { ret: 0, data: [1, 2, 3, 4] });
  t.same(writtenAnswer({ data: Array.from({ length: 9 }, (_, i) => i) }), { data: ['0..8'] });
});

t.test('a consumer of JSON gets what is short as it is, whatever stood before it', async (t) => {
  const answers = Array.from({ length: 4 }, () => ({ pages: ['ok', 'ok', 'ok', 'ok'] }));
  t.same(answers.map(foldedAnswer), answers);
  t.same(foldedAnswer({ pages: Array(1025).fill('ok') }), { pages: ['ok x1025'] });
});
