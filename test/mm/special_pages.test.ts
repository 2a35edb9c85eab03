// SPDX-License-Identifier: GPL-2.0-only
/**
 * Special pages never go to a device: those of the vdso, which is mapped with VM_DONTEXPAND, and what is no page of memory
 * at all (VM_IO, VM_PFNMAP), as its data were. The flags alone are tried on ordinary mappings, too.
 */
import t from 'tap';
import { get_user_pages } from '../../src/mm/gup.js';
import { put_page } from '../../src/mm/page_alloc.js';
import { PTE_PRESENT, PTE_SPECIAL } from '../../src/mm/pgtable.js';
import { VM_DONTEXPAND, VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../src/mm/types.js';
import { EFAULT } from '../../src/uapi/errno.js';
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

// --- the vdso -----------------------------------------------------------------------------------------------

/** Pages of r0, by what lies there. */
const PLACES: Readonly<Record<(typeof KERNELS)[number], { readonly clocks: string; readonly code: string }>> =
  {
    'v5-generic': { clocks: 'r0[1]', code: 'r0[4..5]' },
    'v4-coherent': { clocks: 'r0[1]', code: 'r0[4..5]' },
    '6.1': { clocks: 'r0[1]', code: 'r0[4..5]' },
    '6.12': { clocks: 'r0[1]', code: 'r0[4..5]' },
    '7.3': { clocks: 'r0[4..5]', code: 'r0[6..7]' },
  };

const mapped = (kernel: string): Bench => new Bench(['open d0', 'map_vdso r0'], { kernel, check: true });

t.test('the vdso is there once, and goes as a whole', (t) => {
  for (const kernel of KERNELS) {
    const { code } = PLACES[kernel];
    const bench = mapped(kernel);
    t.throws(() => bench.run('map_vdso r1'), /EEXIST/, kernel);
    const [first] = code.split('..');
    t.throws(() => bench.run(`munmap ${first}]`), /EINVAL/, kernel);
    t.throws(() => bench.run(`mprotect ${first}] rw`), /EINVAL/, kernel);
    // mlock() passes over it.
    bench.run(`mlock ${code}`);
    t.equal(bench.mm().locked_vm, 0, kernel);
    bench.run(`munmap ${code}`);
    // Its data are there still.
    t.throws(() => bench.run('map_vdso r1'), /EEXIST/, kernel);
    bench.run('munmap r0[0..3]');
    if (kernel === '7.3') bench.run('munmap r0[4..5]');
    bench.run('map_vdso r1');
  }
  t.end();
});

t.test('neither its code nor its data migrate, and explanations say so', (t) => {
  for (const kernel of KERNELS) {
    for (const where of [PLACES[kernel].code, 'r0[0..3]']) {
      const bench = mapped(kernel);
      bench.run('load r0[0]');
      const to = kernel === 'v5-generic' ? `migrate d0 ${where} to_dev` : `MIGRATE_TO_DEV d0 ${where}`;
      t.throws(() => bench.run(to), /EINVAL/, `${kernel} ${where}`);
    }
  }
  t.end();
});

t.test('a device reads the code, and data that have struct pages; never what has none', (t) => {
  for (const kernel of KERNELS) {
    const { code, clocks } = PLACES[kernel];
    const bench = mapped(kernel);
    bench.run(`READ d0 ${code}`);
    if (kernel === '7.3') bench.run('READ d0 r0[0]');
    else t.throws(() => bench.run('READ d0 r0[0]'), /EFAULT/, kernel);
    t.throws(() => bench.run(`READ d0 ${clocks}`), /EFAULT/, kernel);
    // Nobody may write to the data, and the code is read-only.
    t.throws(() => bench.run(`WRITE d0 ${code} 7`), /EPERM/, kernel);
  }
  t.end();
});

/** What get_user_pages() answers for a page that is to be read. */
function getPage(bench: Bench, page: number): number {
  const process = bench.machine.process(1)!;
  const pages = new Uint32Array(1);
  return bench.machine.call(process, function* () {
    yield* process.ownMm.mmap_lock.down_read('get_user_pages');
    const got = yield* get_user_pages(process.ownMm, bench.address(0, page), 1, 0, pages);
    process.ownMm.mmap_lock.up_read();
    if (got > 0) put_page(bench.k, pages[0]!);
    return got;
  });
}

t.test('get_user_pages() gets what has a struct page, and nothing else', (t) => {
  for (const kernel of KERNELS) {
    const bench = mapped(kernel);
    const first = (range: string): number => Number(/\d+(?=\.|\])/.exec(range.slice(2))![0]);
    const { code, clocks } = PLACES[kernel];
    t.equal(getPage(bench, first(code)), 1, kernel);
    t.equal(getPage(bench, 0), kernel === '7.3' ? 1 : -EFAULT, kernel);
    t.equal(getPage(bench, first(clocks)), -EFAULT, kernel);
  }
  t.end();
});

t.test('the processor reads the clock; the clocks of hypervisors are not there', (t) => {
  for (const kernel of KERNELS) {
    const bench = mapped(kernel);
    t.equal(bench.ask('load r0[0]'), '{ pages: [ 0 ] }', kernel);
    const clock = PLACES[kernel].clocks.replace('..5', '');
    t.equal(bench.ask(`load ${clock}`), '{ pages: [ SIGBUS ] }', kernel);
  }
  t.end();
});

t.test('a child has the entries of what has no struct page, and finds the code by faults', (t) => {
  for (const kernel of KERNELS) {
    const bench = mapped(kernel);
    bench.run('load r0[0]');
    bench.run(`load ${PLACES[kernel].code}`);
    bench.run('fork p1');
    const pmd = bench.mm(2).pt.pmdTable(bench.address(0, 0));
    const copied = pmd !== null && (bench.entry(0, 0, 2).flags & PTE_PRESENT) !== 0;
    t.equal(copied, true, kernel);
    t.equal((bench.entry(0, 0, 2).flags & PTE_SPECIAL) !== 0, kernel !== '7.3', kernel);
    t.equal(bench.ask(`p1 load ${PLACES[kernel].code}`), '{ pages: [ 0, 0 ] }', kernel);
    bench.run('p1 exit');
  }
  t.end();
});

t.test('code that a debugger writes to is a copy of one’s own, and stays where it is', (t) => {
  for (const kernel of KERNELS) {
    const { code } = PLACES[kernel];
    const bench = mapped(kernel);
    bench.run(`mprotect ${code} rw`);
    bench.run(`store ${code} 64`);
    t.equal(bench.ask(`load ${code}`), '{ pages: [ 64, 65 ] }', kernel);
    const to = kernel === 'v5-generic' ? `migrate d0 ${code} to_dev` : `MIGRATE_TO_DEV d0 ${code}`;
    t.throws(() => bench.run(to), /EINVAL/, kernel);
    t.throws(() => bench.run('mprotect r0[0..3] rw'), /EACCES/, kernel);
  }
  t.end();
});
