// SPDX-License-Identifier: GPL-2.0-only
/** Secure guests of POWER: on every kernel, and what outlives the guest. Scenarios of it are in test/derived. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { generations } from '../../src/generations/index.js';
import { Machine } from '../../src/machine/machine.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { Hang } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { encodeDriverRange } from '../../src/uapi/driver_range.js';
import { KVM_FILE, kvmAnswer, kvmRequests } from '../../src/uapi/kvm_hv.js';
import { O_RDWR } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage } from './device_page.js';

const EXAMPLE = 'examples/drivers/secure-guest.yaml';

for (const { id } of generations) {
  t.test(`the example, on ${id}`, async (t) => {
    const place = load(readFileSync(EXAMPLE, 'utf8'), EXAMPLE, 'yaml').documents[0]!;
    const setup = new Setups({ kernel: id, check: true }).of(place.document);
    t.equal(failureOf(place, runOn(new MachinePool(), setup, place.document)), undefined);
  });
}

/** A request on one page. Return: the name of what the hypervisor call answered. */
function* request(sys: Sys, fd: number, name: keyof typeof kvmRequests, addr: number): Task<string> {
  const arg = yield* sys.malloc(64);
  const struct = encodeDriverRange({ addr, npages: 1, ptr: 0 });
  yield* sys.storeBytes(arg, struct);
  const ret = yield* sys.ioctl(fd, kvmRequests[name], arg);
  return ret < 0 ? String(ret) : kvmAnswer(yield* sys.loadBytes(arg, struct.length)).answer;
}

/** A guest whose one page is secure. */
function* secureGuest(sys: Sys): Task<{ fd: number; addr: number }> {
  const addr = yield* filledPage(sys);
  const fd = yield* sys.open(KVM_FILE, O_RDWR);
  for (const name of ['SET_MEMORY', 'ENABLE_SECURE_GUEST', 'H_SVM_INIT_START', 'H_SVM_PAGE_IN'] as const) {
    t.equal(yield* request(sys, fd, name, addr), 'H_SUCCESS', name);
  }
  return { fd, addr };
}

function machine(params: Readonly<Record<string, string>> = {}): Machine {
  const m = Machine.boot({ kernel: '6.12', check: true });
  t.equal(m.loadModule('kvm_hv', params), 0);
  return m;
}

t.test('a page that outlives its guest leads to freed memory', async (t) => {
  const m = machine();
  const touched = m.spawn('touched');
  const { fd, addr } = m.call(touched, secureGuest);
  m.call(touched, (sys) => sys.close(fd));
  t.throws(() => m.call(touched, (sys) => sys.load32(addr)), {
    name: 'KernelBug',
    fn: 'kvmppc_uvmem_migrate_to_ram',
  });
});

t.test('at exit the pages go before the guest', async (t) => {
  const m = machine();
  const p = m.spawn('p');
  m.call(p, secureGuest);
  m.kill(p);
  m.unloadModule('kvm_hv');
  m.leakCheck();
  t.strictSame(m.dmesg, ['KVMPPC-UVMEM: Secure Memory size 0x8000000']);
});

t.test('rmmod waits for a guest’s pages', async (t) => {
  const m = machine();
  m.call(m.spawn('p'), secureGuest);
  t.throws(() => m.unloadModule('kvm_hv'), new Hang('memunmap_pages', 'waits for ever'));
});

t.test('without an Ultravisor', async (t) => {
  const m = machine({ sim_secmem: '0' });
  t.strictSame(m.dmesg, ['KVMPPC-UVMEM: No support for secure guests']);
  const p = m.spawn('p');
  const fd = m.call(p, (sys) => sys.open(KVM_FILE, O_RDWR));
  const addr = m.call(p, filledPage);
  for (const name of ['ENABLE_SECURE_GUEST', 'H_SVM_INIT_START', 'H_SVM_PAGE_IN'] as const) {
    t.equal(
      m.call(p, (sys) => request(sys, fd, name, addr)),
      'H_UNSUPPORTED',
      name,
    );
  }
});

t.test('documents that name what there is not', async (t) => {
  const of = (modprobe: string) => () => new Setups().of({ machine: { modprobe: [modprobe] } });
  t.throws(of('kvm_hw'), { message: 'modprobe: unknown module "kvm_hw" (did you mean "kvm_hv"?)' });
  const message = 'modprobe: kvm_hv has no parameter "sim_secmen" (did you mean "sim_secmem"?)';
  t.throws(of('kvm_hv,sim_secmen=1'), { message });
});
