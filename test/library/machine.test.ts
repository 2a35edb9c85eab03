// SPDX-License-Identifier: GPL-2.0-only
/** The library's machine: options in its own words, and mistakes of programs in a sentence. */
import t from 'tap';
import { generations } from '../../src/generations/index.js';
import { type BootOptions, KERNELS, Machine, mman, type Sys, type Task } from '../../src/index.js';

const RW = mman.PROT_READ | mman.PROT_WRITE;
const ANON = mman.MAP_PRIVATE | mman.MAP_ANONYMOUS;

t.test('the kernels are the generations', async (t) => {
  t.strictSame(
    [...KERNELS],
    generations.map(({ id }) => id),
  );
});

t.test('spm reserves memory, and is what the module is loaded with', async (t) => {
  const machine = Machine.boot({ kernel: '6.12', spm: [0x100000000, 0x140000000] });
  t.strictSame(machine.description.physical.softReserved, [
    { start: 0x100000000, size: 2 ** 30 },
    { start: 0x140000000, size: 2 ** 30 },
  ]);
  t.equal(machine.loadModule('test_hmm'), 0);
  const fd = machine.call(machine.spawn('x'), (sys) => sys.open('/dev/hmm_dmirror3', mman.O_RDWR));
  t.equal(fd, 3);
});

t.test('parameters may be numbers; none are loaded without spm', async (t) => {
  const given = Machine.boot({ kernel: '6.12', spm: [0x100000000, 0x140000000] });
  t.equal(given.loadModule('test_hmm', { spm_addr_dev0: 0x100000000, spm_addr_dev1: '0x140000000' }), 0);
  t.equal(given.drivers.deviceNamed('hmm_dmirror3')?.minor, 3);
  const plain = Machine.boot({ kernel: '6.12' });
  t.equal(plain.loadModule('test_hmm'), 0);
  t.equal(plain.drivers.deviceNamed('hmm_dmirror3'), null);
});

t.test('what is wrong with options is said in their words', async (t) => {
  const boot = (options: object) => (): unknown => Machine.boot(options as BootOptions);
  t.throws(boot({ spmm: [] }), { message: 'boot: unknown option "spmm" (did you mean "spm"?)' });
  t.throws(boot({ spm: [1] }), { message: 'spm: expected the addresses of both devices, [dev0, dev1]' });
  t.throws(boot({ spm: [1, 2] }), { message: 'spm[0]: 0x1 is in the first megabyte' });
  t.throws(boot({ memory: 3 }), { message: 'memory: 3 bytes is not a positive multiple of 2 MiB' });
  t.throws(boot({ kernel: '6.2' }), { message: /^kernel: unknown kernel '6.2'/ });
  t.throws(boot({ bugs: ['x'] }), { message: 'bugs: unknown bug "x"; "hmm-sim bugs" lists them' });
  const machine = Machine.boot();
  const load = (name: string, params?: Record<string, string>) => (): unknown =>
    machine.loadModule(name, params);
  t.throws(load('test_hm'), { message: 'loadModule: unknown module "test_hm" (did you mean "test_hmm"?)' });
  t.throws(load('test_hmm', { spm: '1' }), { message: /^loadModule: test_hmm has no parameter "spm"/ });
  t.throws(load('test_hmm', { spm_addr_dev0: 'x' }), { message: 'spm_addr_dev0: "x" is not a number' });
});

t.test('a forgotten star or yield*', async (t) => {
  const machine = Machine.boot({ kernel: '6.12' });
  const process = machine.spawn('x');
  const fails = (program: unknown, message: string): void => {
    t.throws(() => machine.call(process, program as (sys: Sys) => Task), { message });
  };
  fails((_: Sys) => 3, 'a program is a generator: function* (sys) { ... }');
  fails(undefined, 'a program is a generator: function* (sys) { ... }');
  fails(function* (sys: Sys) {
    sys.munlock(4096, 1);
    yield* sys.malloc(8);
  }, 'sys.munlock(4096, 1) was called without "yield*", so that it never ran');
  fails(function* (sys: Sys) {
    yield* sys.store32(sys.malloc(8) as unknown as number, 1);
  }, 'sys.store32: "yield*" is missing before sys.malloc(8), which store32() is given');
  fails(function* (sys: Sys) {
    yield* sys.fork((() => 0) as never);
    yield* sys.nanosleep(1);
  }, 'a program is a generator: function* (sys) { ... }');
  const sum = machine.call(process, function* (sys) {
    const addr = yield* sys.malloc(8);
    yield* sys.store32(addr, 40);
    return 2 + (yield* sys.load32(addr));
  });
  t.equal(sum, 42, 'the same process goes on');
});

t.test('unaligned loads and stores, across a page boundary too', async (t) => {
  const machine = Machine.boot({ kernel: '6.12' });
  const process = machine.spawn('x');
  const words = machine.call(process, function* (sys) {
    const addr = yield* sys.mmap(0, 8192, RW, ANON, -1, 0);
    yield* sys.store32(addr + 4094, 0x11223344);
    yield* sys.store32(addr + 1, 0xaabbccdd);
    const found: number[] = [];
    for (const at of [4092, 4094, 4096, 0, 1, 4]) found.push(yield* sys.load32(addr + at));
    return found;
  });
  t.strictSame(words, [0x33440000, 0x11223344, 0x1122, 0xbbccdd00, 0xaabbccdd, 0xaa]);
});

t.test('a store that faults in its second page writes nothing to the first', async (t) => {
  const machine = Machine.boot({ kernel: '6.12' });
  const process = machine.spawn('x');
  const first = machine.call(process, function* (sys) {
    const addr = yield* sys.mmap(0, 8192, RW, ANON, -1, 0);
    yield* sys.store32(addr + 4092, 5);
    yield* sys.mprotect(addr + 4096, 4096, mman.PROT_READ);
    const pid = yield* sys.fork(function* (child) {
      yield* child.store32(addr + 4094, 0xffffffff);
    });
    const status = yield* sys.waitpid(pid);
    return { status, word: yield* sys.load32(addr + 4092) };
  });
  t.match(first, { status: { signal: 'SIGSEGV' }, word: 5 });
});
