// SPDX-License-Identifier: GPL-2.0-only
/** /proc/self/maps: the kernel's columns, and the names of files. */
import t from 'tap';
import {
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDONLY,
  O_RDWR,
  PROT_READ,
} from '../../src/uapi/mman.js';
import { ANON, PAGE, RW, UserBench } from '../kernel/bench.js';

const BASE = 0x200000000000;

t.test('a line a mapping', async (t) => {
  const bench = new UserBench();
  bench.machine.loadModule('test_hmm', {});
  const text = bench.call(function* (sys) {
    const at = (n: number) => BASE + n * 2 ** 24;
    const shared = (ANON & ~MAP_PRIVATE) | MAP_SHARED | MAP_FIXED;
    const buf = yield* sys.malloc(PAGE);
    const memfd = yield* sys.memfd_create('data', 0);
    yield* sys.ftruncate(memfd, 4 * PAGE);
    const device = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
    yield* sys.mmap(at(0), 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    yield* sys.mmap(at(1), PAGE, PROT_READ, shared, -1, 0);
    yield* sys.mmap(at(2), PAGE, RW, MAP_SHARED | MAP_FIXED, memfd, 2 * PAGE);
    yield* sys.mmap(at(3), 2 ** 21, RW, ANON | MAP_FIXED | MAP_HUGETLB, -1, 0);
    yield* sys.mmap(at(4), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, device, 0);
    const fd = yield* sys.open('/proc/self/maps', O_RDONLY);
    const length = yield* sys.read(fd, buf, PAGE);
    return new TextDecoder().decode(yield* sys.loadBytes(buf, length));
  });
  t.strictSame(text.split('\n').slice(0, 5), [
    '200000000000-200000002000 rw-p 00000000 00:00 0 ',
    '200001000000-200001001000 r--s 00000000 00:01 2                          /dev/zero (deleted)',
    '200002000000-200002001000 rw-s 00002000 00:01 1                          /memfd:data (deleted)',
    '200003000000-200003200000 rw-p 00000000 00:0f 3                          /anon_hugepage (deleted)',
    '200004000000-200004001000 r--p 00000000 00:06 1                          /dev/hmm_dmirror0',
  ]);
});
