// SPDX-License-Identifier: GPL-2.0-only
/** Programs that the suites do not have, recorded: what they do becomes these steps, which answer the same. */
import t from 'tap';
import { moduleAt } from '../../src/machine/defaults.js';
import { describeMachine, type MachineOptions } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { recordedDocument } from '../../src/record/document.js';
import { machineBlock } from '../../src/record/machine-block.js';
import { Recorder } from '../../src/record/recorder.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { writeYaml } from '../../src/scenario/update.js';
import { judge } from '../../src/scenario/verdict.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { Hang } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import * as gup from '../../src/uapi/gup_test.js';
import * as mman from '../../src/uapi/mman.js';
import { dmirrorRequest } from '../../src/uapi/test_hmm_uapi.js';
import type { Sys } from '../../src/user/api.js';

const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, PAGE_SIZE } = mman;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

const description = describeMachine({ kernel: '6.12', module: moduleAt([]) });
const LIMIT_NS = 30e9;

/** The document of a program, which it may not survive. */
function recorded(program: (sys: Sys) => Task<void>, options: MachineOptions = {}): ScenarioDocument {
  const description = describeMachine({ kernel: '6.12', module: moduleAt([]), ...options });
  const machine = Machine.bootAs(description);
  machine.loadModule('test_hmm', {});
  const recorder = new Recorder(description.generation);
  machine.newProgram = recorder.program;
  try {
    machine.call(machine.spawn('test'), program, LIMIT_NS);
  } catch (error) {
    if (error instanceof Hang) recorder.hung(error);
    else if (!['KernelBug', 'ProcessDied'].includes((error as Error).name)) throw error;
  }
  const machineSaid = machineBlock(description);
  return recordedDocument(recorder, { name: 'x', machine: machineSaid, load: 0, thpAlways: false });
}

/** Its steps, as YAML has them; they must answer as they say. */
function stepsOf(document: ScenarioDocument): string[] {
  const run = runOn(new MachinePool(), new Setups().of(document), document);
  t.strictSame(judge(document, run) ?? null, null);
  return writeYaml({ name: 'x', steps: document.steps })
    .split('\n')
    .slice(3, -1)
    .map((line) => line.slice('  - { op: '.length, -2));
}

function* map(sys: Sys, pages: number): Task<number> {
  return yield* sys.mmap(0, pages * PAGE_SIZE, RW, ANON, -1, 0);
}

t.test('loops of single words become ranges of words', async (t) => {
  const document = recorded(function* (sys) {
    const p = yield* map(sys, 2);
    for (let i = 0; i < 1500; i++) yield* sys.store32(p + i * 4, 7 + 3 * i);
    for (let i = 1000; i < 1100; i++) yield* sys.load32(p + i * 4);
    yield* sys.storeSeq(p, 1024, 4, 0);
    for (let i = 0; i < 8; i++) yield* sys.store32(p + i * 4, (yield* sys.load32(p + i * 4)) + 2);
  });
  t.strictSame(stepsOf(document), [
    'mmap, region: r0, pages: 2, prot: rw, share: private, backing: anon, expect: { ret: 0 }',
    'store, region: r0, page: 0, pages: 2, word: 7, step: 3, words: 1500, expect: { pages: [ ok, ok ] }',
    'load, region: r0, page: 0, pages: 2, word: 3007, step: 3, offset: 1000, words: 100, expect: { pages: [ ok, ok ] }',
    'store, region: r0, page: 0, pages: 1, word: 4, expect: { pages: [ ok ] }',
    'load, region: r0, page: 0, pages: 1, words: 8, add: 2, expect: { pages: [ 4 ] }',
  ]);
});

t.test('system calls on memory, pins, and signals that are caught', async (t) => {
  const document = recorded(function* (sys) {
    const p = yield* map(sys, 4);
    yield* sys.mlock(p, PAGE_SIZE);
    yield* sys.munlock(p, PAGE_SIZE);
    yield* sys.madvise(p + PAGE_SIZE, PAGE_SIZE, mman.MADV_DONTFORK);
    const q = yield* map(sys, 4);
    yield* sys.mremap(p, PAGE_SIZE, PAGE_SIZE, mman.MREMAP_MAYMOVE | mman.MREMAP_FIXED, q);
    yield* sys.tryStorePage(p, 1);
    yield* sys.tryLoadPage(q);
    yield* sys.mprotect(q, PAGE_SIZE, 9);
    const arg = yield* sys.malloc(64);
    const pin = { addr: q, size: PAGE_SIZE, flags: 1 };
    yield* sys.storeBytes(arg, gup.encodePinLongtermTest(new Uint8Array(gup.PIN_LONGTERM_TEST.size), pin));
    const fd = yield* sys.open('/sys/kernel/debug/gup_test', mman.O_RDWR);
    yield* sys.ioctl(fd, gup.PIN_LONGTERM_TEST_START, arg);
    yield* sys.ioctl(fd, gup.PIN_LONGTERM_TEST_STOP, 0);
  });
  t.strictSame(stepsOf(document), [
    'mmap, region: r0, pages: 4, prot: rw, share: private, backing: anon, expect: { ret: 0 }',
    'mlock, region: r0, page: 0, pages: 1, expect: { ret: 0 }',
    'munlock, region: r0, page: 0, pages: 1, expect: { ret: 0 }',
    'madvise, region: r0, page: 1, pages: 1, advice: dontfork, expect: { ret: 0 }',
    'mmap, region: r1, pages: 4, prot: rw, share: private, backing: anon, expect: { ret: 0 }',
    'mremap, region: r0, page: 0, pages: 1, to: { region: r2, page: 0 }, expect: { ret: 0 }',
    'store, region: r0, page: 0, pages: 1, word: 1, expect: { pages: [ SIGSEGV ] }',
    'load, region: r2, page: 0, pages: 1, expect: { pages: [ 0 ] }',
    'pin, region: r2, page: 0, pages: 1, write: true, expect: { ret: 0 }',
    'unpin, expect: { ret: 0 }',
  ]);
  t.match(document.source, /without a system call on memory$/);
});

const { uapi } = description.generation;

/** A command on d0 of whoever opened it as `fd`. */
function* command(
  sys: Sys,
  op: 'MIGRATE_TO_DEV' | 'READ',
  fd: number,
  addr: number,
  npages: number,
): Task<void> {
  const arg = yield* sys.malloc(64);
  const ptr = yield* map(sys, npages);
  yield* sys.storeBytes(arg, uapi.cmd.encode(new Uint8Array(uapi.cmd.size), { addr, ptr, npages }));
  yield* sys.ioctl(fd, dmirrorRequest(uapi, op)!, arg);
}

t.test('what the program calls its memory', async (t) => {
  const { source } = recorded(function* (sys) {
    for (let i = 0; i < 3; i++) {
      const addr = yield* sys.mmap(0, (i + 1) * PAGE_SIZE, RW, ANON, -1, 0);
      yield* sys.store32(addr, 1);
      sys.named(addr, 'buffer->ptr');
    }
    const addr = yield* sys.mmap(0, 9 * PAGE_SIZE, RW, ANON, -1, 0);
    sys.named(addr, 'map');
    sys.named(addr + PAGE_SIZE, 'hole');
    sys.named(0x1000, 'nothing there');
  });
  t.equal(source, 'recorded: smoke -r x on simulated 6.12; r0..r2 are buffer->ptr; r3 is map, has hole');
});

t.test('an oops is the last step, and what is expected', async (t) => {
  const { uapi } = description.generation;
  const document = recorded(function* (sys) {
    const p = yield* map(sys, 2);
    const arg = yield* sys.malloc(64);
    const fd = yield* sys.open('/dev/hmm_dmirror0', mman.O_RDWR);
    const command = function* (op: 'MIGRATE_TO_DEV' | 'READ', addr: number, npages: number): Task<void> {
      const struct = uapi.cmd.encode(new Uint8Array(uapi.cmd.size), { addr, ptr: p, npages });
      yield* sys.storeBytes(arg, struct);
      yield* sys.ioctl(fd, dmirrorRequest(uapi, op)!, arg);
    };
    const q = yield* map(sys, 2);
    yield* sys.storeSeq(q, 2048, 0, 1);
    yield* command('MIGRATE_TO_DEV', q + PAGE_SIZE, 1);
    yield* command('READ', q, 2);
  });
  t.strictSame(stepsOf(document).slice(-2), [
    'ioctl, cmd: MIGRATE_TO_DEV, fd: d0, region: r0, page: 1, pages: 1, buffer: { region: r1, page: 0 }, expect: { ret: 0 }',
    'ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: 2, buffer: { region: r1, page: 0 }, expect: { oops: dmirror_do_read }',
  ]);
});

/** A grandchild, or more, that reads through a file that its dead parent opened. */
const deadMirror = (readers: number) =>
  function* (sys: Sys): Task<void> {
    yield* sys.fork(function* (child) {
      const fd = yield* child.open('/dev/hmm_dmirror0', mman.O_RDWR);
      const p = yield* map(child, 2);
      yield* child.storeSeq(p, 2048, 64, 0);
      for (let i = 0; i < readers; i++) yield* child.fork((reader) => command(reader, 'READ', fd, p, 2));
      yield* child.exit(0);
    });
    yield* sys.nanosleep(60e9);
  };

t.test('a call that hangs is the last step, whoever takes it', async (t) => {
  const document = recorded(deadMirror(1), { bugs: ['dead-mirror-loop'] });
  t.strictSame(stepsOf(document).slice(-1), [
    'p2, op: ioctl, cmd: READ, fd: d0, region: r0, page: 0, pages: 2, buffer: { region: r1, page: 0 }, expect: { hang: dmirror_do_read }',
  ]);
  t.match(document.source, /on simulated 6.12$/);
});

t.test('who is killed for its memory exits', async (t) => {
  const memory = { memory: 64 * 2 ** 20, hugepages: 0 };
  const document = recorded(function* (sys) {
    const fd = yield* sys.open('/dev/hmm_dmirror0', mman.O_RDWR);
    const [p, q] = [yield* map(sys, 12000), yield* map(sys, 12000)];
    yield* command(sys, 'MIGRATE_TO_DEV', fd, p, 12000);
    yield* command(sys, 'MIGRATE_TO_DEV', fd, q, 12000);
    yield* sys.load32(p);
  }, memory);
  t.strictSame(stepsOf(document).slice(-1), ['exit, expect: { ret: 0 }']);
});

t.test('what hangs outside of steps, or with others, is said', async (t) => {
  const asleep = recorded(function* (sys) {
    yield* map(sys, 1);
    yield* sys.nanosleep(60e9);
  });
  t.match(asleep.source, /, without the hang in do_nanosleep$/);
  const two = recorded(deadMirror(2), { bugs: ['dead-mirror-loop'] });
  stepsOf(two);
  t.match(two.source, /, without the hang of 2 calls at once$/);
});
