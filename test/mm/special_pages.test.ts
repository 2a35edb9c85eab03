// SPDX-License-Identifier: GPL-2.0-only
/**
 * Special pages never go to a device: those of the vdso, which is mapped with VM_DONTEXPAND, and what is no page of memory
 * at all (VM_IO, VM_PFNMAP). Programs here have no vdso: an ordinary mapping is given its flags.
 */
import t from 'tap';
import { VM_DONTEXPAND, VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../src/mm/types.js';
import { Bench } from '../checkers/bench.js';

const KERNELS = ['v5-generic', 'v4-coherent', '6.1', '6.12', '7.3'] as const;

const toDevice = (kernel: string): string =>
  kernel === 'v5-generic' ? 'migrate d0 r0 to_dev' : 'MIGRATE_TO_DEV d0 r0';

/** Two written pages whose mapping has these flags, too. */
function mappedAs(kernel: string, flags: number): Bench {
  const bench = new Bench(['open d0', 'mmap r0 2', 'store r0 64'], { kernel });
  bench.vma(0).vm_flags |= flags;
  return bench;
}

const isSystem = (bench: Bench): boolean =>
  [0, 1].every((page) => !bench.k.is_zone_device_page(bench.entry(0, page).page));

t.test('the vdso, and mappings of what is no memory, do not migrate', (t) => {
  const special = {
    vdso: VM_DONTEXPAND,
    'memory of a device': VM_IO | VM_PFNMAP,
    'pages of a driver': VM_MIXEDMAP,
  };
  for (const kernel of KERNELS) {
    for (const [name, flags] of Object.entries(special)) {
      const bench = mappedAs(kernel, flags);
      t.throws(() => bench.run(toDevice(kernel)), /EINVAL/, `${name} on ${kernel}`);
      t.ok(isSystem(bench), `${name} on ${kernel}`);
    }
  }
  t.end();
});

t.test('the same mapping without those flags does', (t) => {
  for (const kernel of KERNELS) {
    const bench = mappedAs(kernel, 0);
    bench.run(toDevice(kernel));
    t.notOk(isSystem(bench), kernel);
  }
  t.end();
});

t.test('a device reads the vdso like other memory, and what is no memory never', (t) => {
  for (const kernel of KERNELS) {
    mappedAs(kernel, VM_DONTEXPAND).run('READ d0 r0');
    for (const flags of [VM_IO, VM_PFNMAP]) {
      const bench = mappedAs(kernel, flags);
      t.throws(() => bench.run('READ d0 r0'), /EFAULT/, kernel);
      t.throws(() => bench.run('WRITE d0 r0 7'), /EFAULT/, kernel);
      // Who only looks is told so.
      bench.run('SNAPSHOT d0 r0');
    }
  }
  t.end();
});

t.test('pages of a driver are read where walks look at them, since 6.1', (t) => {
  mappedAs('6.1', VM_MIXEDMAP).run('READ d0 r0');
  t.throws(() => mappedAs('v5-generic', VM_MIXEDMAP).run('READ d0 r0'), /EFAULT/);
  t.end();
});
