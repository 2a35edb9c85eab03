// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import type { Body } from './run.js';
import { atOnce, runOne } from './run.js';

/** What a failing assertion of the body prints, without the place. */
function textOf(body: (c: Parameters<Body>[0]) => void): string {
  const [line] = runOne(atOnce(body));
  const prefix = '# assertions.test.ts:N:one:';
  t.equal(line!.slice(0, prefix.length), prefix);
  return line!.slice(prefix.length);
}

t.test('a failed assertion shows both expressions and values, as the C macros do', async (t) => {
  const ret = -16;
  t.equal(
    textOf((c) => c.ASSERT_EQ({ ret }, 0)),
    'Expected ret (-16) == 0 (0)',
  );
  t.equal(
    textOf((c) => c.ASSERT_EQ({ ret: 0 }, { '-EINVAL': -22 })),
    'Expected ret (0) == -EINVAL (-22)',
  );
  t.equal(
    textOf((c) => c.ASSERT_NE({ buffer: 0 }, { NULL: 0 })),
    'Expected buffer (0) != NULL (0)',
  );
  t.equal(
    textOf((c) => c.ASSERT_LT(2, { two: 2 })),
    'Expected 2 (2) < two (2)',
  );
  t.equal(
    textOf((c) => c.ASSERT_LE(3, { two: 2 })),
    'Expected 3 (3) <= two (2)',
  );
  t.equal(
    textOf((c) => c.ASSERT_GT(2, { two: 2 })),
    'Expected 2 (2) > two (2)',
  );
  t.equal(
    textOf((c) => c.ASSERT_GE({ 'self->fd': -1 }, 0)),
    'Expected self->fd (-1) >= 0 (0)',
  );
  t.equal(
    textOf((c) => c.ASSERT_TRUE({ 'WIFEXITED(status)': 0 })),
    'Expected 0 (0) != WIFEXITED(status) (0)',
  );
  t.equal(
    textOf((c) => c.ASSERT_FALSE({ wrong: 5 })),
    'Expected 0 (0) == wrong (5)',
  );
  t.equal(
    textOf((c) => c.ASSERT_STREQ('a', 'b')),
    "Expected 'a' == 'b'.",
  );
  t.equal(
    textOf((c) => c.ASSERT_NE({ p: 0xffff_ffff_ffff_ffffn }, { MAP_FAILED: 0xffff_ffff_ffff_ffffn })),
    'Expected p (18446744073709551615) != MAP_FAILED (18446744073709551615)',
  );
});

t.test('assertions that hold say nothing', async (t) => {
  const lines = runOne(
    atOnce((c) => {
      c.ASSERT_EQ({ ret: 0 }, 0);
      c.ASSERT_EQ({ big: 3n }, 3);
      c.ASSERT_NE({ p: 1 }, { NULL: 0 });
      c.ASSERT_LT(1, 2);
      c.ASSERT_LE(2, 2);
      c.ASSERT_GT(3, 2);
      c.ASSERT_GE(2, 2);
      c.ASSERT_TRUE(7);
      c.ASSERT_FALSE(0);
      c.ASSERT_STREQ('a', 'a');
      c.ASSERT_EQ_EACH(0, 1, 2);
      c.EXPECT_EQ(1, 1);
      c.EXPECT_NE(1, 2);
      c.EXPECT_LT(1, 2);
      c.EXPECT_LE(2, 2);
      c.EXPECT_GT(3, 2);
      c.EXPECT_GE(2, 2);
      c.EXPECT_TRUE(1);
      c.EXPECT_FALSE(0);
      c.EXPECT_STREQ('', '');
    }),
  );
  t.same(lines, ['#            OK  fix.one', 'ok 1 fix.one']);
});

t.test('ASSERT ends the test, EXPECT does not', async (t) => {
  const lines = runOne(
    atOnce((c) => {
      c.EXPECT_EQ(1, 2);
      c.EXPECT_NE(1, 1);
      c.EXPECT_LT(1, 1);
      c.EXPECT_LE(2, 1);
      c.EXPECT_GT(1, 1);
      c.EXPECT_GE(0, 1);
      c.EXPECT_TRUE(0);
      c.EXPECT_FALSE(1);
      c.EXPECT_STREQ('x', 'y');
      c.ASSERT_EQ({ last: 1 }, 0);
      c.EXPECT_EQ({ never: 1 }, 0);
    }),
  );
  const at = '# assertions.test.ts:N:one:Expected';
  t.same(lines, [
    `${at} 1 (1) == 2 (2)`,
    `${at} 1 (1) != 1 (1)`,
    `${at} 1 (1) < 1 (1)`,
    `${at} 2 (2) <= 1 (1)`,
    `${at} 1 (1) > 1 (1)`,
    `${at} 0 (0) >= 1 (1)`,
    `${at} 0 (0) != 0 (0)`,
    `${at} 0 (0) == 1 (1)`,
    `${at} 'x' == 'y'.`,
    `${at} last (1) == 0 (0)`,
    '# one: Test terminated by assertion',
    '#          FAIL  fix.one',
    'not ok 1 fix.one',
  ]);
});

t.test('a loop of assertions shows the first mismatch and counts the others', async (t) => {
  const run = (mismatches: number) =>
    runOne(
      atOnce((c) => {
        c.ASSERT_EQ_EACH(mismatches, { 'ptr[i]': -1 }, { '-i': 5n });
      }),
    ).slice(0, -3);
  const first = '# assertions.test.ts:N:one:Expected ptr[i] (-1) == -i (5)';
  t.same(run(1), [first]);
  t.same(run(4), [first, '# assertions.test.ts:N:one:3 more like this followed']);
});
