// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { compareVersions, holds, NEVER } from '../../src/generations/version.js';

t.test('versions are compared number by number', async (t) => {
  const signs = (pairs: [string, string][]) => pairs.map(([a, b]) => Math.sign(compareVersions(a, b)));
  t.strictSame(
    signs([
      ['6.1', '6.12'],
      ['6.9', '6.12'],
      ['6.12', '6.12.0'],
      ['6.12.117', '6.12.17'],
      ['5.19.17', '6.0'],
      ['7.0', '6.12.117'],
    ]),
    [-1, -1, 0, 1, -1, 1],
  );
});

t.test('a release of the main line, and backports to series below it', async (t) => {
  const since = ['6.15', '6.12.117', '6.1.192'];
  const versions = ['6.15', '6.15.2', '7.3.4', '6.12.117', '6.12.118', '6.1.192', '6.1.200'];
  const before = ['6.14.11', '6.13', '6.12.116', '6.12', '6.11.200', '6.6.150', '6.1.191', '5.10.250'];
  t.strictSame(
    [...versions, ...before].filter((version) => holds(version, since)),
    versions,
  );
  t.equal(holds('6.13.9', ['6.12']), true);
  t.equal(holds('9.9', NEVER), false);
});

t.test('what is no version', async (t) => {
  for (const text of ['6', '6.12-rc1', 'v6.1', '6.1.2.3', '']) {
    t.throws(() => compareVersions(text, '6.1'), { message: `"${text}" is no version of Linux` });
  }
});
