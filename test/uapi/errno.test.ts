// SPDX-License-Identifier: GPL-2.0-only
/** The names of errno values, both ways. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import * as all from '../../src/uapi/errno.js';
import { errnoByName, errnoName } from '../../src/uapi/errno.js';
import { noCompiler } from '../host.js';

const VALUES = Array.from({ length: 133 }, (_, i) => i + 1);
const NAMED = VALUES.filter((errno) => errno !== 41 && errno !== 58);

t.test('values that people know', async (t) => {
  const known: [value: number, name: string][] = [
    [1, 'EPERM'],
    [12, 'ENOMEM'],
    [14, 'EFAULT'],
    [18, 'EXDEV'],
    [22, 'EINVAL'],
    [40, 'ELOOP'],
    [75, 'EOVERFLOW'],
    [95, 'EOPNOTSUPP'],
    [110, 'ETIMEDOUT'],
    [133, 'EHWPOISON'],
  ];
  for (const [value, name] of known) {
    t.equal(errnoName(value), name);
    t.equal(errnoByName(name), value);
  }
});

t.test('the constants that users of the library have', async (t) => {
  const constants = Object.entries(all).filter(([, value]) => typeof value === 'number');
  t.same(
    constants.filter(([name, value]) => errnoByName(name) !== value),
    [],
  );
  t.match(Object.fromEntries(constants), { EPERM: 1, EIO: 5, EFBIG: 27, ENAMETOOLONG: 36, EOPNOTSUPP: 95 });
});

t.test('every value has one name, but for 41 and 58, which Linux does not use', async (t) => {
  t.same(
    VALUES.filter((errno) => !/^E[A-Z0-9]+$/.test(errnoName(errno))),
    [41, 58],
  );
  t.same(
    NAMED.map((errno) => errnoByName(errnoName(errno))),
    NAMED,
  );
  t.equal(errnoName(41), '41');
  t.equal(errnoName(0), '0');
  t.equal(errnoName(134), '134');
  t.equal(errnoByName('EWOULDBLOCK'), undefined, 'a second name is none: answers have the first');
  t.equal(errnoByName('toString'), undefined);
});

t.test('the names are those of the C library', { skip: noCompiler() }, async (t) => {
  const names = NAMED.map(errnoName);
  const input = `#include <errno.h>\n>\n${names.join('\n')}\n`;
  const [, values] = execFileSync('cc', ['-E', '-P', '-'], { input, encoding: 'utf8' }).split('>');
  t.same(values?.trim().split(/\s+/), NAMED.map(String));
});

t.test('a scenario may expect any of them', async (t) => {
  const mistakes = (ret: string) =>
    load(`{ name: x, steps: [{ op: exit, expect: { ret: ${ret} } }] }`, 'test', 'yaml').mistakes.map(
      ({ message }) => message,
    );
  t.same(
    NAMED.flatMap((errno) => mistakes(errnoName(errno))),
    [],
  );
  t.same(mistakes('ENOSUCH'), [
    'steps[0].expect.ret: expected 0 or an errno name (EINVAL ...), got "ENOSUCH"',
  ]);
});
