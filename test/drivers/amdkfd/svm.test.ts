// SPDX-License-Identifier: GPL-2.0-only
/** amdkfd: which attributes memory may have, what is asked of several ranges, and what becomes of ranges that are unmapped. */
import t from 'tap';
import { describeMachine } from '../../../src/machine/description.js';
import { Machine } from '../../../src/machine/machine.js';
import { Hsakmt } from '../../../src/selftests/kfdtest/hsakmt.js';
import type { Task } from '../../../src/sim/task.js';
import { EBADF, EBUSY, EFAULT, EINVAL } from '../../../src/uapi/errno.js';
import * as uapi from '../../../src/uapi/kfd_ioctl.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/uapi/mman.js';
import type { Sys } from '../../../src/user/api.js';

const {
  KFD_IOCTL_SVM_ATTR_ACCESS: ACCESS,
  KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE: IN_PLACE,
  KFD_IOCTL_SVM_ATTR_NO_ACCESS: NO_ACCESS,
  KFD_IOCTL_SVM_ATTR_PREFERRED_LOC: PREFERRED,
  KFD_IOCTL_SVM_ATTR_PREFETCH_LOC: PREFETCH,
  KFD_IOCTL_SVM_ATTR_SET_FLAGS: SET_FLAGS,
  KFD_IOCTL_SVM_ATTR_CLR_FLAGS: CLR_FLAGS,
  KFD_IOCTL_SVM_ATTR_GRANULARITY: GRANULARITY,
  KFD_IOCTL_SVM_LOCATION_UNDEFINED: UNDEFINED,
} = uapi;

const PAGES = 16;

/** Runs `body` in a process that has GPUs and some anonymous memory; nothing may be left of it. */
function onGpu(
  body: (sys: Sys, hsa: Hsakmt, addr: number) => Task,
  params: Record<string, string> = {},
  kernel = '6.12',
): Machine {
  const machine = Machine.bootAs(
    describeMachine({ kernel, module: { name: 'amdgpu', params }, check: true }),
  );
  t.equal(machine.loadModule('amdgpu', params), 0);
  machine.call(machine.spawn('p0'), function* (sys) {
    const hsa = (yield* Hsakmt.open(sys))!;
    const prot = PROT_READ | PROT_WRITE;
    const addr = yield* sys.mmap(0, PAGES * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    yield* body(sys, hsa, addr);
  });
  machine.leakCheck();
  return machine;
}

/** Sets one attribute of `pages` pages. */
const set = (hsa: Hsakmt, addr: number, pages: number, type: number, value: number) =>
  hsa.svmSet(addr, pages * PAGE_SIZE, [{ type, value }]);

function* get(
  hsa: Hsakmt,
  addr: number,
  pages: number,
  type: number,
  value = 0,
): Task<uapi.SvmAttribute | number> {
  const found = yield* hsa.svmGet(addr, pages * PAGE_SIZE, [{ type, value }]);
  return typeof found === 'number' ? found : found[0]!;
}

t.test('what is refused', async (t) => {
  onGpu(function* (sys, hsa, addr) {
    const [gpu] = hsa.gpus as [number];
    t.equal(yield* set(hsa, addr, 1, 8, 0), -EINVAL, 'unknown attribute');
    t.equal(yield* set(hsa, addr, 1, ACCESS, gpu + 1), -EINVAL, 'unknown GPU');
    t.equal(yield* set(hsa, addr, 1, PREFETCH, UNDEFINED), -EINVAL, 'nowhere to prefetch to');
    t.equal(yield* set(hsa, addr, 1, PREFERRED, UNDEFINED), 0, 'but that may be preferred');
    t.equal(yield* set(hsa, addr, 0, PREFETCH, 0), -EINVAL, 'no page');
    t.equal(yield* set(hsa, addr + 8, 1, PREFETCH, 0), -EINVAL, 'in the midst of a page');
    t.equal(yield* set(hsa, 0x10000, 1, PREFETCH, 0), -EFAULT, 'nothing mapped');
    yield* sys.munmap(addr + PAGE_SIZE, PAGE_SIZE);
    t.equal(yield* set(hsa, addr, 3, PREFETCH, 0), -EFAULT, 'a hole');
    t.equal(yield* get(hsa, addr, 1, IN_PLACE, gpu), -EINVAL, 'access is asked by its one name');
  });
});

t.test('what several ranges have in common', async (t) => {
  onGpu(function* (_sys, hsa, addr) {
    const [gpu] = hsa.gpus as [number];
    const value = function* (pages: number, type: number): Task<number> {
      return ((yield* get(hsa, addr, pages, type)) as uapi.SvmAttribute).value;
    };
    const access = function* (pages: number): Task<number> {
      return ((yield* get(hsa, addr, pages, ACCESS, gpu)) as uapi.SvmAttribute).type;
    };
    t.equal(yield* access(4), NO_ACCESS, 'XNACK is off');
    yield* set(hsa, addr, 2, ACCESS, gpu);
    yield* set(hsa, addr + 2 * PAGE_SIZE, 2, IN_PLACE, gpu);
    t.equal(yield* access(2), ACCESS);
    t.equal(yield* access(4), NO_ACCESS, 'neither all of one kind nor of the other');
    yield* set(hsa, addr, 4, GRANULARITY, 12);
    yield* set(hsa, addr, 1, GRANULARITY, 200);
    t.equal(yield* value(1, GRANULARITY), 0x3f, 'no more than that');
    t.equal(yield* value(4, GRANULARITY), 12, 'the least');
    yield* set(hsa, addr, 1, SET_FLAGS, uapi.KFD_IOCTL_SVM_FLAG_GPU_RO);
    t.equal(yield* value(4, SET_FLAGS), 3, 'what all have');
    t.equal(yield* value(4, CLR_FLAGS), ~(3 | uapi.KFD_IOCTL_SVM_FLAG_GPU_RO) >>> 0, 'what none has');
    yield* set(hsa, addr, 4, PREFERRED, gpu);
    t.equal(yield* value(4, PREFERRED), gpu);
    yield* set(hsa, addr + PAGE_SIZE, 1, PREFERRED, 0);
    t.equal(yield* value(4, PREFERRED), UNDEFINED);
  });
});

t.test('a range that is cut has its attributes at both ends', async (t) => {
  onGpu(function* (sys, hsa, addr) {
    const [gpu] = hsa.gpus as [number];
    yield* set(hsa, addr, PAGES, PREFERRED, gpu);
    yield* set(hsa, addr, PAGES, PREFETCH, gpu);
    yield* sys.munmap(addr + 4 * PAGE_SIZE, 4 * PAGE_SIZE);
    for (const page of [0, 3, 8, 15]) {
      const found = (yield* get(hsa, addr + page * PAGE_SIZE, 1, PREFERRED)) as uapi.SvmAttribute;
      t.equal(found.value, gpu, `page ${page}`);
    }
    const again = yield* sys.mmap(
      addr + 4 * PAGE_SIZE,
      PAGE_SIZE,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS,
      -1,
      0,
    );
    t.equal(again, addr + 4 * PAGE_SIZE);
    const found = (yield* get(hsa, again, 1, PREFERRED)) as uapi.SvmAttribute;
    t.equal(found.value, UNDEFINED, 'what is mapped there later has none');
    t.equal(yield* sys.load32(addr + 8 * PAGE_SIZE), 0, 'and the rest comes home');
  });
});

t.test('the mode of XNACK, and queues', async (t) => {
  onGpu(function* (_sys, hsa) {
    const [gpu] = hsa.gpus as [number];
    t.equal(yield* hsa.xnackMode(), 0);
    const queue = yield* hsa.createQueue(gpu);
    t.equal(yield* hsa.setXnackMode(1), -EBUSY);
    t.equal(yield* hsa.destroyQueue(queue), 0);
    t.equal(yield* hsa.destroyQueue(queue), -EINVAL);
    t.equal(yield* hsa.setXnackMode(1), 0);
    t.equal(yield* hsa.xnackMode(), 1);
  });
  onGpu(
    function* (_sys, hsa) {
      t.equal(yield* hsa.xnackMode(), 1, 'by default, where GPUs retry');
    },
    { noretry: '0' },
  );
});

t.test("a child has its parent's file, but no process behind it", async (t) => {
  onGpu(function* (sys, hsa, addr) {
    const pid = yield* sys.fork(function* (child) {
      const request = uapi.AMDKFD_IOC_SVM(0);
      yield* child.storeBytes(addr, uapi.encodeSvm(0, addr, PAGE_SIZE, []));
      // The first descriptor of the parent.
      return (yield* child.ioctl(3, request, addr)) === -EBADF ? 0 : 1;
    });
    const status = yield* sys.waitpid(pid);
    t.match(status, { exitCode: 0 });
    t.equal(yield* set(hsa, addr, 1, PREFETCH, 0), 0);
  });
});

t.test('what profilers read of migrations', async (t) => {
  /** The ends of two migrations, without time and process: of memory that moves, and of memory that only its owner can use. */
  const endsOn = (kernel: string): string[] => {
    const ends: string[] = [];
    onGpu(
      function* (sys, hsa, addr) {
        const [gpu] = hsa.gpus as [number];
        const smi = yield* hsa.openSmi(gpu);
        const buf = addr + 8 * PAGE_SIZE;
        const events = new Uint8Array(8);
        events[0] = Number(uapi.KFD_SMI_EVENT_MASK_FROM_INDEX(uapi.KFD_SMI_EVENT_MIGRATE_END));
        yield* sys.storeBytes(buf, events);
        yield* sys.write(smi, buf, 8);
        const anon = MAP_PRIVATE | MAP_ANONYMOUS;
        const huge = yield* sys.mmap(0, 0x200000, PROT_READ | PROT_WRITE, anon | MAP_HUGETLB, -1, 0);
        t.equal(yield* set(hsa, addr, 2, PREFETCH, gpu), 0);
        t.equal(yield* set(hsa, huge, 1, PREFETCH, gpu), 0);
        const length = yield* sys.read(smi, buf, PAGE_SIZE);
        const text = String.fromCharCode(...(yield* sys.loadBytes(buf, length)));
        const at = (start: number): string => `@${(start / PAGE_SIZE).toString(16)}`;
        const words = text
          .trim()
          .split('\n')
          .map((line) => line.split(' ').toSpliced(1, 2).join(' '));
        ends.push(
          ...words.map((line) =>
            line
              .replace(at(addr), '@addr')
              .replace(at(huge), '@huge')
              .replace(`>${gpu.toString(16)} `, '>gpu '),
          ),
        );
      },
      {},
      kernel,
    );
    return ends;
  };
  t.strictSame(endsOn('6.12'), ['6 @addr(2) 0->gpu 0']);
  t.strictSame(endsOn('7.3'), ['6 @addr(2) 0->gpu 0 0', `6 @huge(1) 0->gpu 0 ${-EINVAL}`]);
});

t.test('parameters that cannot be', async (t) => {
  const wrong: Record<string, string>[] = [{ sim_topology: 'ring' }, { sim_gpus: '5' }, { sim_gpus: '0' }];
  for (const params of wrong) {
    const machine = Machine.bootAs(describeMachine({ kernel: '6.12', module: { name: 'amdgpu', params } }));
    t.equal(machine.loadModule('amdgpu', params), -EINVAL);
  }
});

t.test('GPUs come and go', async (t) => {
  const machine = onGpu(function* () {}, { sim_gpus: '4', sim_topology: 'hive' });
  t.match(machine.dmesg, ['amdgpu: HMM registered 1024MB device memory']);
  machine.unloadModule('amdgpu');
  t.equal(machine.loadModule('amdgpu', {}), 0, 'its memory is free again');
});
