// SPDX-License-Identifier: GPL-2.0-only
/** The structs and request numbers of mm/gup_test.h, byte by byte, as x86-64 has them. */
import t from 'tap';
import * as uapi from '../../src/uapi/gup_test.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('struct gup_test', async (t) => {
  t.equal(uapi.GUP_TEST.size, 80);
  const gup: uapi.GupTest = {
    get_delta_usec: 1,
    put_delta_usec: 2,
    addr: 0x7f12_3456_7000,
    size: 2n ** 64n - 4096n,
    nr_pages_per_call: 3,
    gup_flags: 0x8000_0001,
    test_flags: 4,
    which_pages: [1, 2, 0, 0, 0, 0, 0, 0xffff_ffff],
  };
  const bytes = uapi.encodeGupTest(new Uint8Array(80).fill(0xee), gup);
  const members = [
    '0100000000000000',
    '0200000000000000',
    '00705634127f0000',
    '00f0ffffffffffff',
    '03000000',
    '01000080',
    '04000000',
    '0100000002000000',
    '00000000'.repeat(5),
    'ffffffff',
  ];
  t.equal(hex(bytes), `${members.join('')}eeeeeeee`, 'the padding stays as it was');
  t.strictSame(uapi.decodeGupTest(bytes), gup);
});

t.test('members of struct gup_test that are not given are 0', async (t) => {
  const bytes = uapi.encodeGupTest(new Uint8Array(80).fill(0xee), { which_pages: [5] });
  t.equal(hex(bytes), `${'00'.repeat(44)}05000000${'00'.repeat(28)}eeeeeeee`);
});

t.test('struct pin_longterm_test', async (t) => {
  t.equal(uapi.PIN_LONGTERM_TEST.size, 24);
  const pin = { addr: 0x1000, size: 2n ** 63n, flags: 3 };
  const bytes = uapi.encodePinLongtermTest(new Uint8Array(24).fill(0xee), pin);
  t.equal(hex(bytes), '0010000000000000000000000000008003000000eeeeeeee');
  t.strictSame(uapi.decodePinLongtermTest(bytes), pin);
});

t.test('request numbers', async (t) => {
  const requests = [
    uapi.GUP_FAST_BENCHMARK,
    uapi.PIN_FAST_BENCHMARK,
    uapi.PIN_LONGTERM_BENCHMARK,
    uapi.GUP_BASIC_TEST,
    uapi.PIN_BASIC_TEST,
    uapi.DUMP_USER_PAGES_TEST,
    uapi.PIN_LONGTERM_TEST_START,
    uapi.PIN_LONGTERM_TEST_STOP,
    uapi.PIN_LONGTERM_TEST_READ,
  ];
  t.strictSame(
    requests,
    [
      0xc0506701, 0xc0506702, 0xc0506703, 0xc0506704, 0xc0506705, 0xc0506706, 0x40186707, 0x00006708,
      0x40086709,
    ],
  );
});
