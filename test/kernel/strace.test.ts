// SPDX-License-Identifier: GPL-2.0-only
/** What the trace tells of system calls, byte for byte. */
import t from 'tap';
import type { TraceEvent } from '../../src/mm/trace.js';
import { MREMAP_MAYMOVE, O_RDWR, SEEK_SET } from '../../src/uapi/mman.js';
import { ANON, join, PAGE, RW, UserBench } from './bench.js';

class Traced extends UserBench {
  readonly lines: string[] = [];

  constructor() {
    super();
    this.machine.trace = {
      emit: (event) => {
        if (event.event.startsWith('sys_')) this.lines.push(this.#line(event));
      },
    };
  }

  /** In the order of the event's own keys, with the address space by number. */
  #line(event: TraceEvent): string {
    return JSON.stringify(event, (key, value) => (key === 'mm' ? value.id : value));
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

t.test('a call is told when it begins and when it ends', async (t) => {
  const bench = new Traced();
  const at = bench.map(1);
  const hex = `0x${at.toString(16)}`;
  t.same(bench.take(), [
    '{"fn":"__x64_sys_mmap","mm":1,"event":"sys_enter_mmap","args":{"addr":0,"len":"0x1000","prot":3,"flags":34,"fd":-1,"off":0}}',
    `{"fn":"__x64_sys_mmap","mm":1,"event":"sys_exit_mmap","args":{"ret":"${hex}"}}`,
  ]);
  bench.call((sys) => sys.mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  t.equal(
    bench.take()[0],
    `{"fn":"__x64_sys_mremap","mm":1,"event":"sys_enter_mremap","args":{"addr":"${hex}","old_len":"0x1000","new_len":"0x2000","flags":1}}`,
    'only arguments that were given',
  );
});

t.test('small numbers are decimal, strings and objects are not told', async (t) => {
  const bench = new Traced();
  bench.call(function* (sys) {
    const fd = yield* sys.memfd_create('name', 0);
    yield* sys.lseek(fd, 4095, SEEK_SET);
    yield* sys.lseek(fd, 4096, SEEK_SET);
    yield* sys.open('/nowhere', O_RDWR);
    yield* sys.waitpid(
      yield* sys.fork(function* (own) {
        yield* own.spin();
      }),
    );
    yield* sys.kill(99, 'SIGKILL');
  });
  t.same(
    bench.take().map((line) => line.replace(/^.*"event":/, '')),
    [
      '"sys_enter_memfd_create","args":{}}',
      '"sys_exit_memfd_create","args":{"ret":3}}',
      '"sys_enter_lseek","args":{"fd":3,"offset":4095,"whence":0}}',
      '"sys_exit_lseek","args":{"ret":4095}}',
      '"sys_enter_lseek","args":{"fd":3,"offset":"0x1000","whence":0}}',
      '"sys_exit_lseek","args":{"ret":"0x1000"}}',
      '"sys_enter_openat","args":{}}',
      '"sys_exit_openat","args":{"ret":-2}}',
      '"sys_enter_clone","args":{}}',
      '"sys_exit_clone","args":{"ret":2}}',
      '"sys_enter_wait4","args":{"pid":2}}',
      '"sys_exit_wait4","args":{}}',
      '"sys_enter_kill","args":{"pid":99}}',
      '"sys_exit_kill","args":{"ret":-3}}',
    ],
  );
});

t.test('what does not come back has no end; exit() and the start of a thread are not told', async (t) => {
  const bench = new Traced();
  bench.call(function* (sys) {
    const thread = yield* sys.pthread_create(function* (own) {
      yield* own.close(9);
    });
    yield* join(thread);
  });
  t.same(bench.take(), [
    '{"fn":"__x64_sys_close","mm":1,"event":"sys_enter_close","args":{"fd":9}}',
    '{"fn":"__x64_sys_close","mm":1,"event":"sys_exit_close","args":{"ret":-9}}',
  ]);
  bench.deathOf((sys) => sys.kill(sys.pid, 'SIGKILL'));
  t.same(bench.take(), ['{"fn":"__x64_sys_kill","mm":1,"event":"sys_enter_kill","args":{"pid":1}}']);
  const other = new Traced();
  other.deathOf((sys) => sys.exit(0));
  other.machine.settle();
  t.same(other.take(), []);
});

t.test('libc calls by number, and so do its blocks of memory; an unknown number is not told', async (t) => {
  const bench = new Traced();
  bench.call(function* (sys) {
    yield* sys.malloc(1);
    yield* sys.malloc(1);
    yield* sys.free(yield* sys.malloc(2 ** 20));
    yield* sys.syscall(9999);
    yield* sys.syscall(9, 0, PAGE, RW, ANON, -1, 0);
  });
  const events = bench.take().map((line) => /"event":"(\w+)"/.exec(line)![1]);
  t.same(
    events.filter((event) => event!.startsWith('sys_enter')),
    ['sys_enter_mmap', 'sys_enter_mmap', 'sys_enter_munmap', 'sys_enter_mmap'],
  );
  t.equal(events.length, 8);
});

t.test('a listener that comes late hears of the next call, in the same thread', async (t) => {
  const bench = new UserBench();
  const heard: string[] = [];
  bench.call(function* (sys) {
    yield* sys.close(9);
    bench.machine.trace = { emit: ({ event }) => heard.push(event) };
    yield* sys.close(9);
    bench.machine.trace = null;
    yield* sys.close(9);
  });
  // The fd is not open, which is told, too.
  t.same(heard, ['sys_enter_close', 'skip', 'sys_exit_close']);
});
