// SPDX-License-Identifier: GPL-2.0-only
/** struct hmm_dmirror_cmd and its request numbers, byte by byte, as x86-64 has them. */
import t from 'tap';
import { generationById } from '../../src/generations/index.js';
import { type DmirrorOp, type DmirrorUapi, dmirrorRequest, IOWR_H } from '../../src/uapi/test_hmm_uapi.js';

const uapiOf = (id: string): DmirrorUapi => generationById(id)!.uapi;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** Hexadecimal words of eight bytes, one a member or two. */
const bytesOf = (...words: string[]): Uint8Array => Uint8Array.from(Buffer.from(words.join(''), 'hex'));

const REQUEST = { addr: 0x7f12_3456_7000, ptr: 0x7fff_0000_1000, npages: 3 };
const REQUEST_WORDS = ['00705634127f0000', '00100000ff7f0000', '0300000000000000'];
const ZEROS = '0000000000000000';

t.test('the layout of each generation', async (t) => {
  const layout = (id: string) =>
    uapiOf(id).cmd.fields.map((f) => `${f.offset} ${f.size} ${f.type} ${f.name}`);
  const common = [
    '0 8 uint64_t addr',
    '8 8 uint64_t ptr',
    '16 8 uint64_t npages',
    '24 8 uint64_t cpages',
    '32 8 uint64_t faults',
  ];
  t.strictSame(layout('6.12'), common);
  t.strictSame(layout('6.1'), common);
  t.strictSame(layout('v4-coherent'), [...common, '40 8 uint64_t zone_device_type']);
  t.strictSame(layout('v5-generic'), [
    ...common,
    '40 4 uint32_t zone_device_type',
    '44 4 uint32_t alloc_to_devmem',
  ]);
  const sizes = ['6.12', '6.1', 'v4-coherent', 'v5-generic'].map((id) => uapiOf(id).cmd.size);
  t.strictSame(sizes, [40, 40, 48, 48]);
});

t.test('what a caller passes, over whatever the buffer held', async (t) => {
  const encoded = (id: string, request: object) => {
    const { cmd } = uapiOf(id);
    return hex(cmd.encode(new Uint8Array(cmd.size).fill(0xee), { ...REQUEST, ...request }));
  };
  const common = [...REQUEST_WORDS, ZEROS, ZEROS].join('');
  t.equal(encoded('6.12', {}), common);
  t.equal(encoded('6.12', { alloc_to_devmem: true }), common);
  t.equal(encoded('v4-coherent', { alloc_to_devmem: true }), common + ZEROS);
  t.equal(encoded('v5-generic', {}), common + ZEROS);
  t.equal(encoded('v5-generic', { alloc_to_devmem: true }), `${common}0000000001000000`);
});

t.test('64-bit members are exact, as a number below 2^53 and as a bigint above', async (t) => {
  const { cmd } = uapiOf('6.12');
  const bytes = new Uint8Array(cmd.size);
  const npages: [value: number | bigint, bytes: string, read: number | bigint][] = [
    [2 ** 53 - 1, 'ffffffffffff1f00', 2 ** 53 - 1],
    [2 ** 53, '0000000000002000', 2n ** 53n],
    [2n ** 53n + 1n, '0100000000002000', 2n ** 53n + 1n],
    [2n ** 63n + 1n, '0100000000000080', 2n ** 63n + 1n],
    [2n ** 64n - 1n, 'ffffffffffffffff', 2n ** 64n - 1n],
    [7n, '0700000000000000', 7],
  ];
  for (const [value, word, read] of npages) {
    t.equal(hex(cmd.encode(bytes, { ...REQUEST, npages: value })).slice(32, 48), word);
    t.equal(cmd.decode(bytes).npages, read);
  }
  const high = { addr: 2n ** 64n - 4096n, ptr: 2n ** 64n - 1n, npages: 1 };
  t.equal(hex(cmd.encode(bytes, high)).slice(0, 32), '00f0ffffffffffffffffffffffffffff');
  t.match(cmd.decode(bytes), high);
});

t.test('what comes back', async (t) => {
  const words = [...REQUEST_WORDS, '0200000001000000', '0500000000000000'];
  const common = { ...REQUEST, cpages: 2 ** 32 + 2, faults: 5 };
  const decoded = (id: string, ...rest: string[]) => uapiOf(id).cmd.decode(bytesOf(...words, ...rest));
  t.strictSame(decoded('6.12'), { ...common, zone_device_type: 0, alloc_to_devmem: false });
  t.strictSame(decoded('v4-coherent', '0200000001000000'), {
    ...common,
    zone_device_type: 2,
    alloc_to_devmem: false,
  });
  t.strictSame(decoded('v5-generic', '0100000001000000'), {
    ...common,
    zone_device_type: 1,
    alloc_to_devmem: true,
  });
});

t.test('the driver changes its members only, and the type only where it is told', async (t) => {
  const garbage = 'eeeeeeeeeeeeeeee';
  const answered = (id: string, zone_device_type: number) => {
    const { cmd } = uapiOf(id);
    const bytes = new Uint8Array(cmd.size).fill(0xee);
    cmd.putAnswer(bytes, { cpages: 64, faults: 2, zone_device_type });
    return hex(bytes);
  };
  const common = [garbage, garbage, garbage, '4000000000000000', '0200000000000000'].join('');
  t.equal(answered('6.12', 0), common);
  t.equal(answered('6.12', 1), common);
  t.equal(answered('v4-coherent', 0), common + garbage);
  t.equal(answered('v4-coherent', 2), `${common}0200000000000000`);
  t.equal(answered('v5-generic', 0), common + garbage);
  t.equal(answered('v5-generic', 2), `${common}02000000eeeeeeee`);
});

t.test('request numbers: _IOWR(H, nr, the struct)', async (t) => {
  const requests = (id: string) =>
    Object.keys(uapiOf(id).nr).map((op) => [op, dmirrorRequest(uapiOf(id), op as DmirrorOp)]);
  const linux6 = [
    ['READ', 0xc0284800],
    ['WRITE', 0xc0284801],
    ['MIGRATE_TO_DEV', 0xc0284802],
    ['MIGRATE_TO_SYS', 0xc0284803],
    ['SNAPSHOT', 0xc0284804],
    ['EXCLUSIVE', 0xc0284805],
    ['CHECK_EXCLUSIVE', 0xc0284806],
    ['RELEASE', 0xc0284807],
  ];
  t.strictSame(requests('6.12'), linux6);
  t.strictSame(requests('6.1'), linux6);
  t.strictSame(requests('v4-coherent'), [
    ['READ', 0xc0304800],
    ['WRITE', 0xc0304801],
    ['MIGRATE_TO_DEV', 0xc0304802],
    ['MIGRATE_TO_SYS', 0xc0304803],
    ['SNAPSHOT', 0xc0304804],
    ['EXCLUSIVE', 0xc0304805],
    ['CHECK_EXCLUSIVE', 0xc0304806],
    ['GET_MEM_DEV_TYPE', 0xc0304807],
  ]);
  t.strictSame(requests('v5-generic'), [
    ['READ', 0xc0304800],
    ['WRITE', 0xc0304801],
    ['MIGRATE', 0xc0304802],
    ['SNAPSHOT', 0xc0304803],
    ['GET_MEM_DEV_TYPE', 0xc0304804],
  ]);
  t.equal(dmirrorRequest(uapiOf('v5-generic'), 'RELEASE'), undefined);
  t.equal(IOWR_H(0xff, 40), 0xc02848ff);
});
