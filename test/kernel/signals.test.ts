// SPDX-License-Identifier: GPL-2.0-only
/** Signals: who dies of them, when, and what the parent is told. */
import t from 'tap';
import type { Process } from '../../src/machine/machine.js';
import type { Task } from '../../src/sim/task.js';
import { EINVAL, ESRCH } from '../../src/uapi/errno.js';
import { SIGKILL, signalByName, signalName } from '../../src/uapi/signal.js';
import * as nr from '../../src/uapi/syscalls.js';
import type { Sys } from '../../src/user/api.js';
import { join, UserBench } from './bench.js';

function* sleepLong(sys: Sys): Task {
  yield* sys.nanosleep(1e9);
}

const end = ({ alive, mm, signal, exitCode, threads, fds }: Process) => ({
  alive,
  gone: mm === null && threads.length === 0 && fds.size === 0,
  signal,
  exitCode,
});

t.test('signals have the numbers of x86', async (t) => {
  t.same(
    ['SIGHUP', 'SIGABRT', 'SIGBUS', 'SIGKILL', 'SIGSEGV', 'SIGTERM', 'SIGCHLD', 'SIGSYS'].map(signalByName),
    [1, 6, 7, 9, 11, 15, 17, 31],
  );
  t.same([9, 31, 32, 0, -1, 0.5].map(signalName), [
    'SIGKILL',
    'SIGSYS',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  t.same([signalByName('SIGNONE'), signalByName('')], [-1, -1]);
});

t.test('a sleeping child dies at once, and its parent is told of what', async (t) => {
  const bench = new UserBench();
  const status = bench.call(function* (sys) {
    const pid = yield* sys.fork(sleepLong);
    yield* sys.nanosleep(1000);
    yield* sys.kill(pid, 'SIGTERM');
    return yield* sys.waitpid(pid);
  });
  t.same(status, { pid: 2, exitCode: null, signal: 'SIGTERM' });
  t.equal(bench.machine.now < 1e6, true);
  t.same(end(bench.machine.process(2)!), { alive: false, gone: true, signal: 'SIGTERM', exitCode: null });
});

t.test('the first signal counts', async (t) => {
  const bench = new UserBench();
  const status = bench.call(function* (sys) {
    const pid = yield* sys.fork(sleepLong);
    for (const signal of ['SIGUSR1', 'SIGKILL']) yield* sys.kill(pid, signal);
    return yield* sys.waitpid(pid);
  });
  t.same(status, { pid: 2, exitCode: null, signal: 'SIGUSR1' });
});

t.test('a process without a thread dies of a signal, too', async (t) => {
  const bench = new UserBench();
  const pid = bench.call((sys) => sys.fork());
  const idle = bench.machine.process(pid)!;
  bench.call((sys) => sys.memfd_create('f', 0), idle);
  t.equal(
    bench.call((sys) => sys.kill(pid, 'SIGINT')),
    0,
  );
  bench.machine.settle();
  t.same(end(idle), { alive: false, gone: true, signal: 'SIGINT', exitCode: null });
});

t.test('a signal to oneself takes effect before kill() returns', async (t) => {
  const bench = new UserBench();
  let returned = false;
  const death = bench.deathOf(function* (sys) {
    yield* sys.kill(sys.pid, 'SIGABRT');
    returned = true;
  });
  t.same([death, returned], ['SIGABRT', false]);
});

t.test('all threads of a process die, sleeping or spinning', async (t) => {
  const bench = new UserBench();
  const process = bench.machine.start('many', function* (sys) {
    yield* sys.pthread_create(sleepLong);
    yield* sys.pthread_create(function* (own) {
      const never = yield* own.pthread_create(sleepLong);
      yield* join(never);
    });
    for (;;) yield* sys.spin();
  });
  bench.call((sys) => sys.nanosleep(10_000));
  t.equal(process.threads.length, 4);
  bench.call((sys) => sys.kill(process.pid, 'SIGKILL'));
  bench.machine.settle();
  t.same(end(process), { alive: false, gone: true, signal: 'SIGKILL', exitCode: null });
});

t.test('a wait for a child ends with a signal', async (t) => {
  const bench = new UserBench();
  const parent = bench.machine.start('parent', function* (sys) {
    yield* sys.waitpid(yield* sys.fork(sleepLong));
  });
  bench.call((sys) => sys.nanosleep(1000));
  bench.call((sys) => sys.kill(parent.pid, 'SIGHUP'));
  bench.machine.settle();
  t.same(end(parent), { alive: false, gone: true, signal: 'SIGHUP', exitCode: null });
  t.equal(bench.machine.process(3)!.alive, true, 'the child goes on');
});

t.test('a fault is a way back to user space as well', async (t) => {
  const bench = new UserBench();
  const at = bench.map(2);
  let stored = 0;
  const death = bench.deathOf(function* (sys) {
    yield* sys.store32(at, 1);
    bench.process.signal_wake_up('SIGQUIT');
    stored = 1;
    yield* sys.store32(at, 2);
    stored = 2;
    yield* sys.store32(at + 4096, 1);
    stored = 3;
  });
  t.same([death, stored], ['SIGQUIT', 2], 'a store without a fault is none');
});

t.test('kill() of what is no process, no signal, or dead already', async (t) => {
  const bench = new UserBench();
  const kill = (pid: number, signal: number) => bench.call((sys) => sys.syscall(nr.__NR_kill, pid, signal));
  const pid = bench.call((sys) => sys.fork(sleepLong));
  t.equal(kill(pid, 0), 0, 'is it there?');
  t.equal(kill(pid, 99), -EINVAL);
  t.equal(
    bench.call((sys) => sys.kill(pid, 'SIGNONE')),
    -EINVAL,
  );
  t.equal(bench.machine.process(pid)!.pendingSignal, null);
  t.equal(kill(pid, SIGKILL), 0);
  bench.machine.settle();
  t.equal(kill(pid, SIGKILL), 0, 'a zombie');
  bench.call((sys) => sys.waitpid(pid));
  t.equal(kill(pid, SIGKILL), -ESRCH);
  t.equal(kill(pid, 0), -ESRCH);
});
