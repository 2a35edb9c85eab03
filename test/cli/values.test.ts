// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import {
  parseEfiFakeMem,
  parseKernel,
  parseModuleParam,
  parseNumber,
  parseSize,
} from '../../src/cli/values.js';

const fails = (parse: () => unknown, message: string) => t.throws(parse, { name: 'UsageError', message });

t.test('numbers, as C spells them', async (t) => {
  t.equal(parseNumber('0', 'x'), 0);
  t.equal(parseNumber('64', 'x'), 64);
  t.equal(parseNumber('0x100000000', 'x'), 2 ** 32);
  t.equal(parseNumber('0XfF', 'x'), 255);
  t.equal(parseNumber('0100', 'x'), 64);
  t.equal(parseNumber('9007199254740991', 'x'), Number.MAX_SAFE_INTEGER);
  for (const text of ['', ' 1', '1 ', '+1', '1e3', '1.5', '0x', '08', '1_000', 'NaN', 'Infinity', '0b1']) {
    fails(() => parseNumber(text, 'x'), `x: "${text}" is not a number (expected 64 or 0x40)`);
  }
  fails(() => parseNumber('-0x10', 'x'), 'x: "-0x10" is negative');
  fails(() => parseNumber('9007199254740992', 'x'), 'x: 9007199254740992 is too large');
});

t.test('sizes', async (t) => {
  t.equal(parseSize('4096', 'x'), 4096);
  t.equal(parseSize('4K', 'x'), 4096);
  t.equal(parseSize('512M', 'x'), 2 ** 29);
  t.equal(parseSize('6G', 'x'), 6 * 2 ** 30);
  t.equal(parseSize('1t', 'x'), 2 ** 40);
  t.equal(parseSize('0x10M', 'x'), 2 ** 24);
  for (const text of ['', 'G', '1.5G', '6 G', '6GB', '6GG']) {
    fails(() => parseSize(text, 'x'), `x: "${text}" is not a size (expected 512M or 6G)`);
  }
  fails(() => parseSize('-1G', 'x'), 'x: "-1G" is negative');
  fails(() => parseSize('9000000T', 'x'), 'x: 9000000T is too large');
});

t.test('--efi-fake-mem', async (t) => {
  t.same(parseEfiFakeMem('1G@0x100000000:0x40000,512M@5G:0x40000', 'x'), [
    { size: 2 ** 30, start: 2 ** 32, attribute: 0x40000 },
    { size: 2 ** 29, start: 5 * 2 ** 30, attribute: 0x40000 },
  ]);
  const expected = 'is not SIZE@START:ATTRIBUTE (expected 1G@0x100000000:0x40000)';
  fails(() => parseEfiFakeMem('', 'x'), `x: "" ${expected}`);
  fails(() => parseEfiFakeMem('1G@4G:0x40000,', 'x'), `x: "" ${expected}`);
  fails(() => parseEfiFakeMem('1G@4G', 'x'), `x: "1G@4G" ${expected}`);
});

t.test('module parameters and kernels', async (t) => {
  t.same(parseModuleParam('spm_addr_dev0=0x100000000', 'x'), ['spm_addr_dev0', '0x100000000']);
  fails(
    () => parseModuleParam('spm_addr_dev0=', 'x'),
    'spm_addr_dev0: "" is not a number (expected 64 or 0x40)',
  );
  t.equal(parseKernel('6.12', 'x'), '6.12');
  fails(
    () => parseKernel('v5', 'x'),
    'x: unknown kernel "v5"; there are rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3',
  );
});
