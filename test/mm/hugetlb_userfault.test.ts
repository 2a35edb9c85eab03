// SPDX-License-Identifier: GPL-2.0-only
/** A userfaultfd that has huge pages: who waits for it, what it fills them with, protects and refuses. */
import t, { type Test } from 'tap';
import { load } from '../../src/scenario/load.js';
import { judge } from '../../src/scenario/verdict.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { EEXIST, EINVAL } from '../../src/uapi/errno.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import {
  UFFD_API,
  UFFDIO_API,
  UFFDIO_COPY,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_WRITEPROTECT,
} from '../../src/uapi/userfaultfd.js';
import { explained } from '../explain/lines.js';
import { join, request, UserBench } from '../kernel/bench.js';

const HUGE = 0x200000;

const STEPS = [
  'open d0 0: { ret: 0 }',
  'mmap r0 1024 rw private hugetlb: { ret: 0 }',
  'store r0[512] 5: { pages: [ok] }',
  'uffd: { ret: 0 }',
  'uffd_register r0[0..511] missing: { ret: 0 }',
  'uffd_register r0[0..100] missing: { ret: EINVAL }',
  'uffd_register r0[100..511] missing: { ret: EINVAL }',
  'load r0[0]: { pages: [SIGBUS] }',
  'READ d0 r0[0..1]: { ret: EFAULT }',
  'load r0[512]: { pages: [5] }',
  'uffd_zero r0[0..511]: { ret: EINVAL, bytes: 0 }',
  'uffd_copy r0[0..3] 7: { ret: EINVAL, bytes: 0 }',
  'uffd_unregister r0[0..511]: { ret: 0 }',
  'load r0[0]: { pages: [0] }',
];

const setups = new Setups({ check: true });

/** These steps on every kernel that has them; what `explain` says of one. */
function everywhere(t: Test, steps: readonly string[], explains: number, line: RegExp): void {
  for (const kernel of ['6.1', '6.12', '7.3']) {
    const text = `name: x\nkernel: "${kernel}"\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
    const { document } = load(text, 'x', 'yaml').documents[0]!;
    t.equal(judge(document, runOn(new MachinePool(), setups.of(document), document)), undefined, kernel);
    if (kernel === '6.12') t.match(explained(document, explains)[1], line, 'explain says why');
  }
}

t.test('what is missing is for it to decide, in whole huge pages', async (t) =>
  everywhere(t, STEPS, 7, /r0\[0\] {2}SIGBUS {2}handle_userfault {2}/),
);

const PROTECTED = [
  'open d0 0: { ret: 0 }',
  'mmap r0 2048 rw private hugetlb: { ret: 0 }',
  'mmap r1 512 rw private hugetlb: { ret: 0 }',
  'mmap r2 512 rw shared hugetlb: { ret: 0 }',
  'store r0[0] 5: { pages: [ok] }',
  'store r2[0] 8: { pages: [ok] }',
  'uffd: { ret: 0 }',
  'uffd_register r0 wp: { ret: 0 }',
  'uffd_register r2 missing wp: { ret: 0 }',
  // In whole huge pages, what is there and what is not.
  'uffd_wp r0[0..100] on: { ret: EINVAL }',
  'uffd_wp r1[0..511] on: { ret: ENOENT }',
  'uffd_wp r0[0..1535] on: { ret: 0 }',
  'load r0[0]: { pages: [5] }',
  'store r0[0] 6: { pages: [SIGBUS] }',
  'READ d0 r0[0..1]: { ret: 0 }',
  'WRITE d0 r0[0..1] 7: { ret: EFAULT }',
  'load r0[512]: { pages: [0] }',
  'store r0[512] 6: { pages: [SIGBUS] }',
  'store r0[1024] 6: { pages: [SIGBUS] }',
  'load r0[1024]: { pages: [0] }',
  'store r0[1536] 6: { pages: [ok] }',
  'uffd_wp r0[0..511] off: { ret: 0 }',
  'store r0[0] 6: { pages: [ok] }',
  // A page that goes leaves its protection behind, but for mappings that go with it.
  'madvise r0[512..1023] dontneed: { ret: 0 }',
  'store r0[512] 9: { pages: [SIGBUS] }',
  'uffd_wp r2 on: { ret: 0 }',
  'store r2[0] 9: { pages: [SIGBUS] }',
  'madvise r2 remove: { ret: 0 }',
  'uffd_unregister r2: { ret: 0 }',
  'load r2[0]: { pages: [0] }',
  'store r2[0] 9: { pages: [ok] }',
  // Nor has a child any of it, or another place.
  'fork p1: { ret: 0 }',
  '{ as: p1, op: store, region: r0, page: 1024, pages: 1, word: 3, expect: { pages: [ok] } }',
  'mremap r0[512..1023] r1[0]: { ret: 0 }',
  'store r1[0] 4: { pages: [ok] }',
  'munmap r0[1024..1535]: { ret: 0 }',
];

t.test('it write-protects whole huge pages, and what is not there yet', async (t) =>
  everywhere(t, PROTECTED, 13, /r0\[0\] {2}SIGBUS {2}handle_userfault {2}/),
);

t.test('it fills huge pages that are write-protected at once', (t) => {
  const bench = new UserBench();
  const words = bench.call(function* (sys) {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    const at = yield* sys.mmap(0, HUGE, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    const source = yield* sys.mmap(0, HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    yield* sys.storeSeq(source, HUGE / 4, 100, 1);
    const fd = yield* sys.userfaultfd(O_CLOEXEC);
    yield* request(sys, fd, UFFDIO_API, UFFD_API, 0);
    t.equal(yield* request(sys, fd, UFFDIO_REGISTER, at, HUGE, UFFDIO_REGISTER_MODE_MISSING), 0);
    t.equal(yield* request(sys, fd, UFFDIO_COPY, at, source, HUGE, UFFDIO_COPY_MODE_WP), -EINVAL);
    const both = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP;
    t.equal(yield* request(sys, fd, UFFDIO_REGISTER, at, HUGE, both), 0);
    t.equal(yield* request(sys, fd, UFFDIO_COPY, at, source, HUGE, UFFDIO_COPY_MODE_WP), 0);
    const thread = yield* sys.pthread_create(function* (other) {
      const before = yield* other.load32(at + 4);
      t.equal(yield* request(other, fd, UFFDIO_WRITEPROTECT, at, HUGE, 0), 0);
      return before;
    });
    yield* sys.store32(at + 4, 7);
    yield* join(thread);
    return [yield* sys.load32(at), yield* sys.load32(at + 4), yield* sys.load32(at + HUGE - 4)];
  });
  t.strictSame(words, [100, 7, 100 + HUGE / 4 - 1]);
  bench.machine.check();
  t.end();
});

for (const share of [MAP_PRIVATE, MAP_SHARED]) {
  t.test(
    `a store waits until another thread has copied the huge page (${share === MAP_SHARED ? 'shared' : 'private'})`,
    (t) => {
      const bench = new UserBench();
      const words = bench.call(function* (sys) {
        const flags = share | MAP_ANONYMOUS | MAP_HUGETLB;
        const at = yield* sys.mmap(0, 2 * HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        const source = yield* sys.mmap(0, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        yield* sys.storeSeq(source, HUGE / 4, 100, 1);
        const fd = yield* sys.userfaultfd(O_CLOEXEC);
        yield* request(sys, fd, UFFDIO_API, UFFD_API, 0);
        t.equal(yield* request(sys, fd, UFFDIO_REGISTER, at, 2 * HUGE, UFFDIO_REGISTER_MODE_MISSING), 0);
        const thread = yield* sys.pthread_create(function* (other) {
          t.equal(yield* request(other, fd, UFFDIO_COPY, at + 4096, source, HUGE, 0), -EINVAL);
          t.equal(yield* request(other, fd, UFFDIO_COPY, at, source, HUGE, 0), 0);
          t.equal(yield* request(other, fd, UFFDIO_COPY, at, source, HUGE, 0), -EEXIST);
        });
        yield* sys.store32(at + 8, 7);
        yield* join(thread);
        return [yield* sys.load32(at), yield* sys.load32(at + 8), yield* sys.load32(at + HUGE - 4)];
      });
      t.strictSame(words, [100, 7, 100 + HUGE / 4 - 1]);
      bench.machine.check();
      t.end();
    },
  );
}
