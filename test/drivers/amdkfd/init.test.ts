// SPDX-License-Identifier: GPL-2.0-only
/** amdkfd: which GPUs have shared virtual memory, where their VRAM is for the processor, and what becomes of it when the driver goes. */
import t from 'tap';
import { describeMachine } from '../../../src/machine/description.js';
import { Machine } from '../../../src/machine/machine.js';
import { children } from '../../../src/mm/resource.js';
import { Hsakmt } from '../../../src/selftests/kfdtest/hsakmt.js';
import { KernelBug } from '../../../src/sim/errors.js';
import type { Task } from '../../../src/sim/task.js';
import { EINVAL } from '../../../src/uapi/errno.js';
import * as uapi from '../../../src/uapi/kfd_ioctl.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../../src/uapi/mman.js';

const MIB = 2 ** 20;
const APERTURE = 2 ** 44;

function booted(kernel: string, params: Record<string, string>): Machine {
  return Machine.bootAs(describeMachine({ kernel, module: { name: 'amdgpu', params }, check: true }));
}

/** Ranges at or above 4 GiB that the tree has. */
const highRanges = ({ kernel }: Machine): string[] =>
  children(kernel.iomem)
    .filter(({ start, name }) => start >= 2 ** 32 && name !== 'System RAM')
    .map(({ name, start, end }) => `${name} ${(end - start + 1) / MIB}M`);

const types = ({ kernel }: Machine): (string | undefined)[] =>
  kernel.pgmaps.flatMap((one) => one?.type ?? []);

t.test('the kind of memory and its place', async (t) => {
  for (const [kernel, kind] of [
    ['v5-generic', 'MEMORY_DEVICE_GENERIC'],
    ['v4-coherent', 'MEMORY_DEVICE_COHERENT'],
    ['6.12', 'MEMORY_DEVICE_COHERENT'],
    ['7.3', 'MEMORY_DEVICE_COHERENT'],
  ] as const) {
    const machine = booted(kernel, {});
    t.equal(machine.loadModule('amdgpu', { sim_topology: 'cpu' }), 0);
    t.strictSame(types(machine), [kind]);
    t.equal(machine.kernel.pgmaps.find((one) => one !== null)!.range.start, APERTURE);
    t.strictSame(highRanges(machine), ['Soft Reserved 1024M'], 'the resource of the firmware');
    machine.unloadModule('amdgpu');
    t.strictSame(types(machine), []);
    t.strictSame(highRanges(machine), ['Soft Reserved 1024M'], "is not the driver's to release");
    t.equal(machine.loadModule('amdgpu', { sim_topology: 'pcie' }), 0);
    t.strictSame(types(machine), ['MEMORY_DEVICE_PRIVATE']);
    t.strictSame(highRanges(machine), ['Soft Reserved 1024M', 'amdgpu 1024M'], 'a free region');
    machine.unloadModule('amdgpu');
    t.strictSame(highRanges(machine), ['Soft Reserved 1024M'], 'which is given back');
  }
});

t.test('an aperture that is no resource', async (t) => {
  const params = { sim_topology: 'cpu', sim_aperture: 'unlisted' };
  const posted = booted('v5-generic', params);
  const why = 'lookup_resource() found no resource that starts at 0x100000000000';
  const reason = `NULL pointer dereference of the resource: ${why}`;
  const oops = new KernelBug('svm_migrate_init', reason);
  t.throws(() => posted.loadModule('amdgpu', params), oops);
  for (const kernel of ['v4-coherent', '6.12']) {
    const machine = booted(kernel, params);
    t.equal(machine.loadModule('amdgpu', params), 0, 'nobody looks it up');
    t.strictSame(types(machine), ['MEMORY_DEVICE_COHERENT']);
    t.strictSame(highRanges(machine), []);
  }
});

t.test('sizes are whole pages of 2 MiB', async (t) => {
  const machine = booted('6.12', {});
  t.equal(machine.loadModule('amdgpu', { vramlimit: '3', sim_topology: 'cpu' }), 0);
  t.equal(machine.kernel.pgmaps.find((one) => one !== null)!.nr_pages, 1024);
  t.match(machine.dmesg, ['amdgpu: HMM registered 4MB device memory']);
});

t.test('before Vega10 there is no shared virtual memory', async (t) => {
  for (const [asic, answer] of [
    ['polaris', -EINVAL],
    ['vega10', 0],
  ] as const) {
    const machine = booted('6.12', {});
    t.equal(machine.loadModule('amdgpu', { sim_asic: asic }), 0, 'the driver is there all the same');
    t.equal(types(machine).length, asic === 'polaris' ? 0 : 1);
    machine.call(machine.spawn('p0'), function* (sys): Task {
      const hsa = (yield* Hsakmt.open(sys))!;
      const [gpu] = hsa.gpus as [number];
      const anon = MAP_PRIVATE | MAP_ANONYMOUS;
      const addr = yield* sys.mmap(0, PAGE_SIZE, PROT_READ | PROT_WRITE, anon, -1, 0);
      const attr = { type: uapi.KFD_IOCTL_SVM_ATTR_PREFETCH_LOC, value: gpu };
      t.equal(yield* hsa.svmSet(addr, PAGE_SIZE, [attr]), answer, asic);
    });
    machine.leakCheck();
  }
});

t.test('parameters that cannot be', async (t) => {
  const wrong: Record<string, string>[] = [{ sim_asic: 'riva' }, { sim_aperture: 'wide' }, { sim_vram: '1' }];
  for (const params of wrong) t.equal(booted('6.12', {}).loadModule('amdgpu', params), -EINVAL);
});
