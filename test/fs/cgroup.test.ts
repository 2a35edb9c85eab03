// SPDX-License-Identifier: GPL-2.0-only
/** The files of cgroups: what they take, and what they refuse. */
import t from 'tap';
import { Machine, type Process } from '../../src/machine/machine.js';
import type { Task } from '../../src/sim/task.js';
import { errnoName } from '../../src/uapi/errno.js';
import {
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage } from '../drivers/device_page.js';

const V2 = '/sys/fs/cgroup';
const V1 = '/sys/fs/cgroup/memory';

const name = (ret: number): string | number => (ret < 0 ? errnoName(-ret) : ret);

function* write(sys: Sys, path: string, text: string): Task<string | number> {
  const buf = yield* sys.malloc(PAGE_SIZE);
  const fd = yield* sys.open(path, O_RDWR);
  if (fd < 0) return name(fd);
  yield* sys.storeBytes(buf, new TextEncoder().encode(text));
  const ret = yield* sys.write(fd, buf, text.length);
  yield* sys.close(fd);
  yield* sys.free(buf);
  return name(ret);
}

function* read(sys: Sys, path: string): Task<string | number> {
  const buf = yield* sys.malloc(PAGE_SIZE);
  const fd = yield* sys.open(path, O_RDWR);
  if (fd < 0) return name(fd);
  const ret = yield* sys.read(fd, buf, PAGE_SIZE);
  const text = ret < 0 ? name(ret) : new TextDecoder().decode(yield* sys.loadBytes(buf, ret));
  yield* sys.close(fd);
  yield* sys.free(buf);
  return text;
}

function booted(kernel = '6.12'): { machine: Machine; process: Process } {
  const machine = Machine.boot({ kernel, check: true });
  return { machine, process: machine.spawn('p0') };
}

t.test('directories: one level of cgroups, in either hierarchy', (t) => {
  const { machine, process } = booted();
  const made = machine.call(process, function* (sys): Task<(string | number)[]> {
    const answers: (string | number)[] = [];
    for (const path of [`${V2}/a`, `${V2}/a`, `${V2}/a/b`, `${V2}/`, '/tmp/a', `${V2}/${'x'.repeat(256)}`])
      answers.push(name(yield* sys.mkdir(path)));
    for (const path of [`${V2}/a`, `${V2}/a`, V2]) answers.push(name(yield* sys.rmdir(path)));
    return answers;
  });
  t.strictSame(made, [0, 'EEXIST', 'EAGAIN', 'EINVAL', 'ENOENT', 'ENAMETOOLONG', 0, 'ENOENT', 'EPERM']);
  t.end();
});

t.test('the memory controller is in the hierarchy of the first directory alone', (t) => {
  for (const [first, second] of [
    [V2, V1],
    [V1, V2],
  ] as const) {
    const { machine, process } = booted();
    const answers = machine.call(process, function* (sys): Task<unknown[]> {
      const made = [yield* sys.mkdir(`${first}/a`), yield* sys.mkdir(`${second}/b`)];
      const stats = [yield* read(sys, `${first}/a/memory.stat`), yield* read(sys, `${second}/b/memory.stat`)];
      return [...made, stats[1], yield* write(sys, `${second}/b/cgroup.procs`, '0')];
    });
    t.strictSame(answers, [0, 0, 'ENOENT', 1], first);
  }
  t.end();
});

t.test('memory.stat counts what comes back after it was evicted', (t) => {
  for (const [root, lines] of [
    [
      V2,
      [
        'refault_anon 2',
        'refault_file 0',
        'activate_anon 0',
        'activate_file 0',
        'restore_anon 0',
        'restore_file 0',
      ],
    ],
    [V1, ['refault_anon 2', 'refault_file 0']],
  ] as const) {
    const machine = Machine.boot({ kernel: '6.12', swap: 2 ** 26, check: true });
    const stat = machine.call(machine.spawn('p0'), function* (sys): Task<string | number> {
      yield* sys.mkdir(`${root}/a`);
      yield* write(sys, `${root}/a/cgroup.procs`, '0');
      const flags = MAP_PRIVATE | MAP_ANONYMOUS;
      const addr = yield* sys.mmap(0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
      for (let page = 0; page < 4; page++) yield* sys.store32(addr + page * PAGE_SIZE, 1);
      yield* sys.madvise(addr, 4 * PAGE_SIZE, MADV_PAGEOUT);
      for (let page = 0; page < 2; page++) yield* sys.load32(addr + page * PAGE_SIZE);
      return yield* read(sys, `${root}/a/memory.stat`);
    });
    const told = `${stat}`.split('\n').filter((line) => line.startsWith('workingset_'));
    t.strictSame(
      told,
      lines.map((line) => `workingset_${line}`),
      root,
    );
  }
  t.end();
});

t.test('limits are bytes with a unit, or none', (t) => {
  const { machine, process } = booted();
  const answers = machine.call(process, function* (sys): Task<unknown[]> {
    yield* sys.mkdir(`${V2}/a`);
    const file = `${V2}/a/memory.max`;
    const shown: unknown[] = [yield* read(sys, file)];
    for (const text of ['5000', '64K\n', '0x2000', '1g', 'max', '1t', '-1', '']) {
      shown.push(yield* write(sys, file, text), yield* read(sys, file));
    }
    return [...shown, yield* write(sys, `${V2}/a/memory.current`, '0')];
  });
  const max = 'max\n';
  t.strictSame(answers, [
    max,
    ...[4, '4096\n', 4, '65536\n', 6, '8192\n', 2, '1073741824\n', 3, max],
    ...['EINVAL', max, 'EINVAL', max, 'EINVAL', max],
    'EINVAL',
  ]);
  t.end();
});

t.test('cgroup.procs moves whoever is named, and says who is there', (t) => {
  const { machine, process } = booted();
  const other = machine.spawn('p1');
  const answers = machine.call(process, function* (sys): Task<unknown[]> {
    yield* sys.mkdir(`${V2}/a`);
    const procs = `${V2}/a/cgroup.procs`;
    const moved = [yield* write(sys, procs, `${other.pid}`), yield* write(sys, procs, '0')];
    const inside = yield* read(sys, procs);
    const wrong = [yield* write(sys, procs, '99'), yield* write(sys, procs, 'p1')];
    const back = yield* write(sys, `${V2}/cgroup.procs`, '0');
    return [...moved, inside, ...wrong, back, yield* read(sys, procs), yield* sys.rmdir(`${V2}/a`)];
  });
  t.strictSame(answers, [1, 1, '1\n2\n', 'ESRCH', 'EINVAL', 1, '2\n', -16]);
  t.end();
});

t.test('the limit of the first hierarchy is not set below what cannot be reclaimed', (t) => {
  const { machine, process } = booted();
  const answers = machine.call(process, function* (sys): Task<unknown[]> {
    yield* sys.mkdir(`${V1}/a`);
    yield* write(sys, `${V1}/a/cgroup.procs`, '0');
    yield* filledPage(sys);
    const file = `${V1}/a/memory.limit_in_bytes`;
    return [
      yield* read(sys, file),
      yield* write(sys, file, '0'),
      yield* write(sys, file, '1M'),
      yield* read(sys, file),
    ];
  });
  t.strictSame(answers, ['9223372036854771712\n', 'EBUSY', 2, '1048576\n']);
  t.end();
});

t.test('charges move up to 6.12; 7.3 takes nothing but 0 for it', (t) => {
  for (const [kernel, expected] of [
    ['6.12', [1, 1, 'EINVAL', '3\n']],
    ['7.3', [1, 'EINVAL', 'EINVAL', '0\n']],
  ] as const) {
    const { machine, process } = booted(kernel);
    const answers = machine.call(process, function* (sys): Task<unknown[]> {
      yield* sys.mkdir(`${V1}/a`);
      const file = `${V1}/a/memory.move_charge_at_immigrate`;
      const written: unknown[] = [];
      for (const text of ['0', '3', '4']) written.push(yield* write(sys, file, text));
      return [...written, yield* read(sys, file)];
    });
    t.strictSame(answers, expected, kernel);
  }
  t.end();
});
