// SPDX-License-Identifier: GPL-2.0-only
/** --insmod: a driver from outside of the tree, what it does wrong, and what cannot be loaded. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bin, execute, hmmSim, type Ran, root } from './hmm-sim.js';

const MIRROR = 'examples/drivers/mirror.js';
const SCENARIO = `${root}examples/drivers/mirror.scenario`;
const text = readFileSync(`${root}${MIRROR}`, 'utf8');
const directory = t.testdir();
const file = join(directory, 'mirror.js');

/** The example with `from` changed to `to`, and the line where that is. */
function changed(from: string, to: string): { readonly line: number } {
  if (!text.includes(from)) throw new Error(`the example has no ${from}`);
  writeFileSync(file, text.replace(from, to));
  return { line: text.slice(0, text.indexOf(from)).split('\n').length };
}

const run = (...args: readonly string[]): Ran =>
  hmmSim('run', '--check', '--insmod', file, SCENARIO, ...args);

t.test('the example does what its scenario says', async (t) => {
  writeFileSync(file, text);
  t.same(run(), {
    status: 0,
    stdout:
      'TAP version 13\n1..1\nok 1 pages go to the mirror and come home\n# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n',
    stderr: '',
  });
});

/** What is changed in the example; what is told; how many lines behind the change it is told of. */
const MISTAKES: readonly [name: string, from: string, to: string, told: RegExp, behind?: number][] = [
  [
    'a lock that is held',
    '      yield* hmm.mutex_lock(mutex);\n      if',
    '      yield* hmm.mutex_lock(mutex);\n      if (true) return 0; if',
    /^# BUG: syscall_exit_to_user_mode: lock held when returning to user space \(mirror mutex was taken at FILE:LINE\)$/m,
  ],
  [
    'sleeping with a spinlock held',
    '    const vma = hmm.vma_lookup(mm, start);',
    "    hmm.spin_lock(new hmm.SpinLock(this.k, 'mirror lock')); yield* hmm.copy_from_user(mm, start, 8); yield { where: 'here' };",
    /^# BUG: here: scheduling while atomic \(.*mirror lock was taken at FILE:LINE.*\)$/m,
  ],
  [
    'a forgotten yield*',
    '    yield* hmm.migrate_vma_pages(args);',
    '    hmm.migrate_vma_pages(args);',
    /^# BUG: migrate_vma_pages: migrate_vma_pages\(\) was called without "yield\*", so that it never ran \(FILE:LINE\)$/m,
  ],
  [
    'a forgotten yield* before what is returned',
    'return (yield* hmm.copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;',
    'return driver.evict();',
    /^# BUG: unlocked_ioctl: unlocked_ioctl answered \[object Generator\], expected a number: "yield\*" is missing/m,
  ],
  [
    'a page that is leaked',
    '    const data = new Uint8Array(pages',
    '    hmm.alloc_page(this.k); const data = new Uint8Array(pages',
    /violation: "refcount: page with pfn 0x\w+: refcount 1, but 0 references are held \(pfn 0x\w+ was taken at FILE:LINE\)"/,
  ],
  [
    'a reference that is leaked',
    '      const from = hmm.migrate_pfn_to_page(mpfn);',
    '      hmm.get_page(this.k, to); const from = hmm.migrate_pfn_to_page(mpfn);',
    /violation: "refcount: MEMORY_DEVICE_PRIVATE page with pfn 0x\w+: refcount 2, but 1 references are held \(PTE 1\) \(pfn 0x\w+ was taken at FILE:LINE\)"/,
  ],
  [
    'a notifier that is not heeded',
    '      if (addr >= range.start && addr < range.end) this.table.delete(addr);',
    '',
    /violation: "device table: mirror0, mm 1, 0x200000001000: the device has page with pfn 0x\w+, but MEMORY_DEVICE_PRIVATE page with pfn 0x\w+ is mapped \(its notifier was inserted at FILE:\d+\)"/,
  ],
  [
    'an exception',
    '    const vma = hmm.vma_lookup(mm, start);',
    '    const vma = hmm.vma_lookup(undefined, start);',
    /^# BUG: migrate: TypeError: Cannot read properties of undefined \(reading 'vmas'\) \(at FILE:LINE\)$/m,
  ],
  [
    'what is thrown and is no Error',
    '    const vma = hmm.vma_lookup(mm, start);',
    "    throw 'x';",
    /^# BUG: unlocked_ioctl: unlocked_ioctl threw x \(mmap_lock was taken at FILE:\d+\)$/m,
  ],
  [
    'an exception while it is loaded',
    '    const driver = new MirrorDriver',
    '    null.x; const driver = new MirrorDriver',
    /the kernel oopsed while it loaded the module: TypeError: Cannot read properties of null \(reading 'x'\) \(at FILE:LINE\)/,
  ],
  [
    'a fault handler that answers nothing',
    '    return ret < 0 ? hmm.VM_FAULT_SIGBUS : 0;',
    '',
    /^# BUG: migrate_to_ram: migrate_to_ram answered undefined, expected a number( \(at FILE:\d+\))?$/m,
  ],
  [
    'what begins again for ever',
    '      if (ret === -EBUSY) continue;',
    '      continue;',
    /hang: "?mmu_interval_read_begin|hang: .*got "\w+"/,
  ],
];

for (const [name, from, to, told] of MISTAKES) {
  t.test(`${name} is told as the driver's`, async (t) => {
    const { line } = changed(from, to);
    const { status, stdout, stderr } = run();
    const shown = stdout.replaceAll(file, 'FILE').replaceAll(new RegExp(`FILE:${line}\\b`, 'g'), 'FILE:LINE');
    t.same([status, stderr], [1, '']);
    t.match(shown, told);
  });
}

t.test('a WARN is told with its line', async (t) => {
  const { line } = changed(
    '    const vma = hmm.vma_lookup(mm, start);',
    "    hmm.memremap_pages(this.k, new hmm.DevPagemap('MEMORY_DEVICE_PRIVATE', { start: 0, end: 1 }, {}, this)); const vma = hmm.vma_lookup(mm, start);",
  );
  const { status, stdout } = run('--dmesg');
  t.equal(status, 0);
  t.match(stdout, `# dmesg: WARNING: memremap_pages: Missing migrate_to_ram method (at ${file}:${line})`);
});

t.test('what cannot be loaded is one line', async (t) => {
  const refused = (content: string, name = 'mirror.js', params = '') => {
    const path = join(directory, name);
    writeFileSync(path, content);
    const { status, stdout, stderr } = hmmSim('run', '--insmod', `${path}${params}`, SCENARIO);
    t.same([status, stdout], [64, '']);
    return stderr.replaceAll(directory, 'DIR');
  };
  const none = hmmSim('smoke', '--insmod', `${directory}/none.js`);
  t.same([none.status, none.stderr], [64, `hmm-sim: --insmod: there is no file ${directory}/none.js\n`]);
  t.match(
    refused('export default {\n'),
    /^hmm-sim: --insmod: DIR\/mirror\.js(:\d+)? does not load: Unexpected end of input\n$/,
  );
  const contract =
    'hmm-sim: --insmod: DIR/mirror.js: expected a driver, as defineDriver() of hmm-sim/driver makes one\n';
  t.equal(refused('export default 3;\n'), contract);
  t.equal(refused('export const driver = 3;\n'), contract);
  t.equal(
    refused(text.replace('interface: 1', 'interface: 2')),
    'hmm-sim: --insmod: DIR/mirror.js: mirror is written for version 2 of hmm-sim/driver, and this is version 1\n',
  );
  t.equal(
    refused(text, 'mirror.js', ',chunk=3'),
    'hmm-sim: --insmod: DIR/mirror.js: mirror has no parameter "chunk"\n',
  );
  t.equal(refused(text, 'mirror.js', ',chunk_mb=x'), 'hmm-sim: chunk_mb: "x" is not a number\n');
  const { typescript } = process.features as { typescript?: unknown };
  const typed = 'export default 3 as number;\n';
  if (typescript) t.equal(refused(typed, 'mirror.ts'), contract.replace('.js', '.ts'));
  else
    t.match(
      refused(typed, 'mirror.ts'),
      /mirror\.ts: Node [\d.]+ runs no TypeScript; compile it \(npx tsc\), and name the \.js file\n$/,
    );
});

t.test('explain, show, --trace and smoke know it', async (t) => {
  const explained = hmmSim('explain', '--insmod', MIRROR, SCENARIO).stdout;
  t.match(
    explained,
    /^ {2}r0\[1\] {2}migrated {2}migrate_vma_pages {2}system pfn 0x\w+ -> private on mirror0 pfn 0x\w+$/m,
  );
  t.match(
    explained,
    /^ {2}r0\[1\] {2}loaded {2}mirror_fault {2}brought back from mirror0: system pfn 0x\w+$/m,
  );
  t.match(hmmSim('show', '--insmod', MIRROR, SCENARIO).stdout, /^p0 r0\[2\.\.3\] .* P0 - /m);
  const trace = join(directory, 'trace.txt');
  t.equal(hmmSim('run', '--insmod', MIRROR, '--trace', trace, SCENARIO).status, 0);
  t.match(readFileSync(trace, 'utf8'), /driver_command: .*cmd=MIGRATE.*device=mirror0/);
  const smoke = hmmSim('smoke', '--insmod', MIRROR, '-t', 'anon_read', '--seed', '7');
  t.same([smoke.status, smoke.stderr], [0, '']);
});

t.test('the shell takes its commands, and ioctls as bytes', async (t) => {
  const input = [
    'open d0 mirror0',
    'mmap r0 2',
    'store r0 1',
    'driver d0 MIGRATE r0',
    'ioctl_bytes d0 0xc0204d00 r0[1] 0100000000000000 r0[0] 0000000000000000',
    'load r0',
    'driver d0 NOTHING r0',
  ].join('\n');
  const ran = execute(process.execPath, [bin, 'shell', '--insmod', `${root}${MIRROR},chunk_mb=4`], { input });
  t.same(ran.stdout.trimEnd().split('\n'), [
    '{ ret: 0 }',
    '{ ret: 0 }',
    '{ pages: [ ok, ok ] }',
    '{ ret: 0, cpages: 2 }',
    '{ ret: 0, struct: "0010000000200000010000000000000000000000002000000100000000000000" }',
    '{ pages: [ 2, 2 ] }',
    '{ ret: ENOTTY }',
  ]);
});

t.test('fuzz finds what it does wrong, and shrink makes that small', async (t) => {
  changed('    hmm.mutex_unlock(mutex);\n    return (yield*', '    return (yield*');
  const fuzz = hmmSim('fuzz', '--kernel', '6.12', '--insmod', file, '--count', '6');
  t.equal(fuzz.status, 1);
  t.match(fuzz.stdout, /^oops in syscall_exit_to_user_mode: found/m);
  const [, seed] = /first by seed (\d+)/.exec(fuzz.stdout)!;
  const small = hmmSim('shrink', '--kernel', '6.12', '--insmod', file, `seed:${seed}`, '--while', 'oops');
  t.equal(small.status, 0);
  t.match(
    small.stdout,
    /- \{ op: driver, fd: d0, command: mirror\.READ, .*expect: \{ oops: syscall_exit_to_user_mode \} \}/,
  );
});
