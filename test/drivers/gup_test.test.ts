// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { GupTest } from '../../src/drivers/gup_test/gup_test.js';
import type { Behaviours } from '../../src/generations/behaviours/index.js';
import { VM_READ } from '../../src/mm/types.js';
import { copy_from_user, copy_to_user } from '../../src/mm/uaccess.js';
import { EFAULT, EINVAL, ENOMEM } from '../../src/uapi/errno.js';
import * as uapi from '../../src/uapi/gup_test.js';
import { BASE, behaviours61, boot, mapAnon, mapCoherent, pageAt, run, touch } from '../mm/gup_kernel.js';

const LONGTERM = 0x100;
/** Where the structs lie: page 100 of the region. */
const ARG = BASE + 100 * 4096;

function setup(overrides: Partial<Behaviours> = {}) {
  const k = boot(overrides);
  const mm = k.mm_alloc();
  mapAnon(mm, 100, 2);
  const driver = new GupTest(k);
  const ioctl = (cmd: number, arg = ARG) => run(k, driver.ioctl(mm, cmd, arg));
  const put = (bytes: Uint8Array) => t.equal(run(k, copy_to_user(mm, ARG, bytes)), true);

  const gup = (
    cmd: number,
    at: number,
    pages: number,
    options: { flags?: number; perCall?: number; which?: number } = {},
  ) => {
    const struct = uapi.encodeGupTest(new Uint8Array(uapi.GUP_TEST.size), {
      addr: BASE + at * 4096,
      size: BigInt(pages) * 4096n,
      nr_pages_per_call: options.perCall ?? pages,
      gup_flags: options.flags ?? uapi.FOLL_WRITE,
      which_pages: [options.which ?? 0],
    });
    put(struct);
    const ret = ioctl(cmd);
    if (ret !== 0) return ret;
    const answer = uapi.decodeGupTest(run(k, copy_from_user(mm, ARG, uapi.GUP_TEST.size))!);
    return { pinned: Number(answer.size) / 4096 };
  };
  const start = (at: number, pages: number, flags = uapi.PIN_LONGTERM_TEST_FLAG_USE_WRITE) => {
    const pin = { addr: BASE + Math.round(at * 4096), size: BigInt(pages) * 4096n, flags };
    put(uapi.encodePinLongtermTest(new Uint8Array(uapi.PIN_LONGTERM_TEST.size), pin));
    return ioctl(uapi.PIN_LONGTERM_TEST_START);
  };
  return { k, mm, driver, ioctl, put, gup, start };
}

const KINDS = {
  GUP_BASIC_TEST: uapi.GUP_BASIC_TEST,
  GUP_FAST_BENCHMARK: uapi.GUP_FAST_BENCHMARK,
  PIN_BASIC_TEST: uapi.PIN_BASIC_TEST,
  PIN_FAST_BENCHMARK: uapi.PIN_FAST_BENCHMARK,
  PIN_LONGTERM_BENCHMARK: uapi.PIN_LONGTERM_BENCHMARK,
  DUMP_USER_PAGES_TEST: uapi.DUMP_USER_PAGES_TEST,
};

for (const [name, cmd] of Object.entries(KINDS)) {
  t.test(`${name}: what size says, and that nothing is kept`, async (t) => {
    const { k, mm, gup } = setup();
    mapAnon(mm, 0, 4);
    t.same(gup(cmd, 0, 4), { pinned: 4 });
    t.same(gup(cmd, 0, 4, { perCall: 1 }), { pinned: 4 }, 'page by page');
    t.same(gup(cmd, 2, 4), { pinned: 4 }, 'a short pin tells the whole chunk');
    t.same(gup(cmd, 2, 6, { perCall: 3 }), { pinned: 3 }, 'and ends the loop');
    t.same(gup(cmd, 2, 6, { perCall: 2 }), { pinned: 2 }, 'a failing chunk is not told');
    t.same(gup(cmd, 4, 1), { pinned: 0 }, 'failure is success with nothing');
    t.same(gup(cmd, 0, 0), { pinned: 0 });
    t.same(gup(cmd, 0, 4, { perCall: 0 }), { pinned: 0 });
    t.same(
      [0, 1, 2, 3].map((at) => k.mem.refcount[pageAt(mm, at)]),
      [1, 1, 1, 1],
    );
    t.equal(k.warnings, 0);
    t.equal(mm.mmap_lock.isLocked, false);
  });
}

t.test('errors', async (t) => {
  const { ioctl, gup, k } = setup();
  t.equal(ioctl(0x1234), -EINVAL);
  t.equal(ioctl(uapi.GUP_BASIC_TEST, BASE), -EFAULT, 'no struct there');
  t.equal(gup(uapi.GUP_BASIC_TEST, 0, 2 ** 28), -ENOMEM, 'array beyond INT_MAX bytes');
  t.equal(gup(uapi.GUP_BASIC_TEST, 0, 2 ** 23), -ENOMEM, 'array beyond free memory');
  t.equal(k.warnings, 0);
});

t.test('a struct that cannot be written back', async (t) => {
  const { k, mm, driver } = setup();
  mapAnon(mm, 200, 1, VM_READ);
  t.equal(run(k, driver.ioctl(mm, uapi.GUP_BASIC_TEST, BASE + 200 * 4096)), -EFAULT);
});

t.test('pins of the zero page draw the WARN', async (t) => {
  const { k, mm, gup } = setup();
  mapAnon(mm, 0, 1);
  t.same(gup(uapi.PIN_BASIC_TEST, 0, 1, { flags: 0 }), { pinned: 1 });
  t.same(k.dmesg, ['WARNING: verify_dma_pinned: pages[0] is NOT dma-pinned']);
});

t.test('DUMP_USER_PAGES_TEST prints the pages asked for', async (t) => {
  const { k, mm, gup } = setup();
  mapAnon(mm, 0, 2);
  t.same(gup(uapi.DUMP_USER_PAGES_TEST, 0, 2, { which: 2 }), { pinned: 2 });
  t.equal(k.dmesg[0], '---- page #1, starting from user virt addr: 0x200000000000');
  t.same(gup(uapi.DUMP_USER_PAGES_TEST, 0, 2, { which: 3 }), { pinned: 2 });
  t.equal(k.dmesg.at(-1), 'ZEROING due to out of range: .which_pages[0]: 3');
});

t.test('0x101 is a longterm pin in 6.12, an invalid one in 6.1', async (t) => {
  for (const [overrides, pinned] of [
    [{}, 1],
    [behaviours61, 0],
  ] as const) {
    const { mm, gup } = setup(overrides);
    const vma = mapAnon(mm, 0, 1);
    const coherent = mapCoherent(vma, 0, 5);
    t.same(gup(uapi.PIN_FAST_BENCHMARK, 0, 1, { flags: uapi.FOLL_WRITE | LONGTERM }), { pinned });
    t.equal(pageAt(mm, 0) !== coherent, pinned === 1);
  }
});

t.test('the long pin: one for all, until it is stopped', async (t) => {
  const { k, mm, ioctl, put, start } = setup();
  mapAnon(mm, 0, 4);
  t.equal(start(0, 2), 0);
  const [first, second] = [pageAt(mm, 0), pageAt(mm, 1)];
  t.same(
    [first, second].map((page) => k.mem.refcount[page]),
    [1025, 1025],
  );
  t.equal(start(2, 1), -EINVAL, 'one at a time');

  k.contents.fill_page(first, 0x01020304);
  k.contents.fill_page(second, 7);
  const target = new DataView(new ArrayBuffer(8));
  target.setBigUint64(0, BigInt(BASE + 2 * 4096), true);
  put(new Uint8Array(target.buffer));
  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_READ), 0);
  t.same(
    [2, 3].map((at) => k.contents.pageWord(pageAt(mm, at))),
    [0x01020304, 7],
  );
  target.setBigUint64(0, BigInt(BASE + 3 * 4096), true);
  put(new Uint8Array(target.buffer));
  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_READ), -EFAULT, 'runs over the end');

  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_STOP), 0);
  t.same(
    [first, second].map((page) => k.mem.refcount[page]),
    [1, 1],
  );
  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_STOP), 0, 'nothing to stop is no error');
  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_READ), -EINVAL);
});

t.test('the long pin: what it refuses', async (t) => {
  const { k, mm, start } = setup();
  const vma = mapAnon(mm, 0, 2);
  t.equal(start(0, 0), -EINVAL, 'nothing');
  t.equal(start(0.5, 1), -EINVAL, 'unaligned');
  t.equal(start(0, 1, 4), -EINVAL, 'unknown flag');
  t.equal(start(0, 2 ** 28), -ENOMEM);
  t.equal(start(1, 2), -EFAULT, 'runs over the end');
  t.equal(k.mem.refcount[pageAt(mm, 1)], 1, 'what was pinned is not');
  touch(vma, 0);
  t.equal(start(0, 1, uapi.PIN_LONGTERM_TEST_FLAG_USE_FAST), 0, 'and the next may start');
});

t.test('the release of a file ends the long pin', async (t) => {
  const { k, mm, driver, start } = setup();
  mapAnon(mm, 0, 1);
  t.equal(start(0, 1), 0);
  driver.release();
  t.equal(k.mem.refcount[pageAt(mm, 0)], 1);
});

t.test('6.1 has no long pin', async (t) => {
  const { ioctl, start } = setup(behaviours61);
  t.equal(start(0, 1), -EINVAL);
  t.equal(ioctl(uapi.PIN_LONGTERM_TEST_STOP), -EINVAL);
});
