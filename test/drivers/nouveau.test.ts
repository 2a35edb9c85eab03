// SPDX-License-Identifier: GPL-2.0-only
/** nouveau on every kernel, and what its mistakes come to. Scenarios of it are in test/derived. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { generations } from '../../src/generations/index.js';
import { Machine } from '../../src/machine/machine.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import type { Task } from '../../src/sim/task.js';
import { encodeDriverRange } from '../../src/uapi/driver_range.js';
import { O_RDWR } from '../../src/uapi/mman.js';
import { NOUVEAU_FILE, nouveauRequests } from '../../src/uapi/nouveau.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage } from './device_page.js';

function outcomeOf(kernel: string, text: string, check = true) {
  const place = load(text, 'nouveau.yaml', 'yaml').documents[0]!;
  const setup = new Setups({ kernel, check }).of(place.document);
  return failureOf(place, runOn(new MachinePool(), setup, place.document));
}

// EXCLUSIVE came with 5.14.
for (const { id } of generations.filter(({ uapi }) => uapi.nr.EXCLUSIVE !== undefined)) {
  t.test(`the example, on ${id}`, async (t) => {
    t.equal(outcomeOf(id, readFileSync('examples/drivers/nouveau.yaml', 'utf8')), undefined);
  });
}

const BOUND = `
name: bound
machine: { module: false, modprobe: [nouveau] }
steps:
  - open d0 dri/renderD128
`;

t.test('a copy that fails on the way back leaves the migration entry for ever', async (t) => {
  // __migrate_device_finalize() looks for it in the reverse mapping of the new page, which has none.
  const steps = `${BOUND}
  - mmap r0 1
  - store r0 64
  - driver d0 SVM_INIT r0
  - driver d0 SVM_BIND r0
  - driver d0 FAIL_COPY r0
  - load r0: { pages: [SIGBUS] }
  - load r0: { hang: exc_page_fault }
`;
  for (const kernel of ['6.1', '6.12', '7.3']) t.equal(outcomeOf(kernel, steps, false), undefined, kernel);
});

t.test('the GPU gets what did not migrate in the end: its writes are lost', async (t) => {
  const steps = `${BOUND}
  - mmap r0 1 rw shared file
  - store r0 64: { pages: [ok] }
  - driver d0 SVM_INIT r0
  - driver d0 SVM_BIND r0: { ret: 0 }
  - driver d0 GPU_WRITE r0 7: { ret: 0, cpages: 1, faults: 0 }
  - load r0: { pages: [64] }
`;
  t.equal(outcomeOf('6.12', steps, false), undefined);
  t.match(outcomeOf('6.12', steps)?.differs, /^violation: expected nothing, got "device table: /);
});

function* request(sys: Sys, fd: number, name: keyof typeof nouveauRequests, addr: number): Task<number> {
  const arg = yield* sys.malloc(64);
  yield* sys.storeBytes(arg, encodeDriverRange({ addr, npages: 1, ptr: 0 }));
  return yield* sys.ioctl(fd, nouveauRequests[name], arg);
}

/** A page that is on the GPU. */
function* pageOnGpu(sys: Sys): Task<{ fd: number; addr: number }> {
  const addr = yield* filledPage(sys);
  const fd = yield* sys.open(NOUVEAU_FILE, O_RDWR);
  for (const name of ['SVM_INIT', 'SVM_BIND'] as const) t.equal(yield* request(sys, fd, name, addr), 0);
  return { fd, addr };
}

function machine(): Machine {
  const m = Machine.boot({ kernel: '6.12', check: true });
  t.equal(m.loadModule('nouveau', {}), 0);
  return m;
}

t.test('a page that outlives its file leads to freed memory', async (t) => {
  const m = machine();
  const p = m.spawn('p');
  const { fd, addr } = m.call(p, pageOnGpu);
  m.call(p, (sys) => sys.close(fd));
  t.throws(() => m.call(p, (sys) => sys.load32(addr)), {
    name: 'KernelBug',
    fn: 'nouveau_dmem_migrate_to_ram',
  });
});

t.test('rmmod brings pages home', async (t) => {
  const m = machine();
  const p = m.spawn('p');
  const { fd, addr } = m.call(p, pageOnGpu);
  m.call(p, (sys) => sys.close(fd));
  m.unloadModule('nouveau');
  t.equal(
    m.call(p, (sys) => sys.load32(addr)),
    42,
  );
  m.kill(p);
  m.leakCheck();
});

t.test('at exit the pages go, and nothing is left', async (t) => {
  const m = machine();
  const p = m.spawn('p');
  m.call(p, pageOnGpu);
  m.kill(p);
  m.unloadModule('nouveau');
  m.leakCheck();
  t.strictSame(m.dmesg, ['nouveau: DMEM: registered 2MB of device memory']);
});
