// SPDX-License-Identifier: GPL-2.0-only
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { diagnose, pathText } from '../../src/scenario/diagnose.js';
import { scenarioJsonSchema, scenarioSchema } from '../../src/scenario/schema.js';

const complaints = (document: unknown): string[] =>
  diagnose(document).map(({ path, message }) => `${pathText(path)}: ${message}`);
const ofDocument = (fields: object): string[] => complaints({ name: 'x', steps: [], ...fields });
const ofStep = (step: unknown): string[] => complaints({ name: 'x', steps: [step] });

const range = { region: 'r0', page: 0, pages: 1 };

t.test('the recordings are valid', (t) => {
  for (const kernel of ['6.1', '6.12', '7.3']) {
    const directory = `test/golden/${kernel}`;
    for (const file of readdirSync(directory)) {
      const text = gunzipSync(readFileSync(`${directory}/${file}`)).toString();
      const bad = text.split('\n').filter((line) => line !== '' && complaints(JSON.parse(line)).length > 0);
      t.strictSame(bad, [], `${kernel}/${file}`);
    }
  }
  t.end();
});

t.test('documents', (t) => {
  t.strictSame(complaints(null), ['document: expected a mapping, got null']);
  t.strictSame(complaints([]), ['document: expected a mapping, got []']);
  t.strictSame(complaints({}), [
    'name: missing key "name", expected a name: one line of 1 to 200 characters',
    'steps: missing key "steps", expected a list',
  ]);
  t.strictSame(ofDocument({ name: 'two\nlines' }), [
    'name: expected a name: one line of 1 to 200 characters, got "two\\nlines"',
  ]);
  t.strictSame(ofDocument({ foo: 1 }), [
    'foo: unknown key "foo", expected one of version, name, kernel, source, machine, load, dmesg, warnings, steps',
  ]);
  t.strictSame(ofDocument({ kernel: 6.12 }), [
    'kernel: expected one of rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3, got 6.12 (quote it)',
  ]);
  t.strictSame(ofDocument({ kernel: '5.8' }), [
    'kernel: expected one of rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3, got "5.8"',
  ]);
  t.strictSame(ofDocument({ version: 2 }), ['version: expected 1, got 2']);
  t.strictSame(ofDocument({ load: { oops: 'f' }, dmesg: ['text'], warnings: [] }), []);
  t.strictSame(ofDocument({ load: { ret: 'EFOO' }, warnings: [''] }), [
    'load.ret: expected 0 or an errno name (EINVAL ...), got "EFOO"',
    'warnings[0]: expected a kernel function, got ""',
  ]);
  t.strictSame(ofDocument({ version: 1, source: 'recorded: Debian 6.12.117' }), []);
  t.end();
});

t.test('the machine block', (t) => {
  const machine = { spm: [], memory: '8G', hugepages: 0, thp: 'never', module: false, bugs: ['a'], seed: 7 };
  t.strictSame(ofDocument({ machine }), []);
  t.strictSame(ofDocument({ machine: { spm: [0x100000000, '0x140000000'] } }), []);
  t.strictSame(ofDocument({ machine: { spm: [null, '0x140000000'], schedule: 'random' } }), []);
  t.strictSame(ofDocument({ machine: { efiFakeMem: ['512M@0x100000000:0x40000'] } }), []);
  t.strictSame(ofDocument({ machine: { efiFakeMem: ['512M'], schedule: 'fair' } }), [
    'machine.efiFakeMem[0]: expected a range as "1G@0x100000000:0x40000", got "512M"',
    'machine.schedule: expected one of run-to-block, random, got "fair"',
  ]);
  t.strictSame(
    ofDocument({ machine: { spm: [1, 2, 3], memory: '6X', hugepages: -1, seed: 1.5, thp: 'on' } }),
    [
      'machine.spm: expected at most two addresses, got [1,2,3]',
      'machine.memory: expected a size (bytes, or a string as "6G"), got "6X"',
      'machine.hugepages: expected a number of huge pages, got -1',
      'machine.thp: expected one of always, madvise, never, got "on"',
      'machine.seed: expected a seed: 0, 1 ..., got 1.5',
    ],
  );
  t.strictSame(ofDocument({ machine: { bugs: ['npages-overflow', 'No'] } }), [
    'machine.bugs[1]: expected the id of a bug ("hmm-sim bugs" lists them), got "No"',
  ]);
  t.strictSame(ofDocument({ machine: { spm: ['4G'] } }), [
    'machine.spm[0]: expected an address (a number, or a string as "0x100000000"), got "4G"',
  ]);
  t.strictSame(ofDocument({ machine: { cpus: 2 } }), [
    'machine.cpus: unknown key "cpus", expected one of profile, spm, spmMemory, efiFakeMem, memory, modprobe, swap, hugepages, thp, physBits, kaslr, nodes, module, bugs, fixes, seed, schedule',
  ]);
  t.end();
});

t.test('steps', (t) => {
  t.strictSame(ofStep(3), ['steps[0]: expected a mapping, got 3']);
  t.strictSame(ofStep({ op: 'opne' }), [
    'steps[0].op: expected one of open, close, mmap, munmap, mlock, munlock, mprotect, mremap, madvise, store, ' +
      'load, pagemap, ioctl, ioctl_raw, driver, ioctl_bytes, gup, pin, unpin, get, put, lock, unlock, make_it_fail, fread, fwrite, truncate, punch, fsync, msync, sync_file_range, mount, umount, unlink, ' +
      'mkcgroup, rmcgroup, cgroup_join, cgroup_limit, cgroup_moves, cgroup_read, ' +
      'read, write, peek, poke, mincore, offline, online, map_vdso, mbind, set_mempolicy, migrate_pages, move_pages, uffd, uffd_register, uffd_unregister, uffd_copy, uffd_zero, uffd_wp, fork, exit, kill, await, mce_kill, got "opne" (did you mean "open"?)',
  ]);
  t.strictSame(ofStep({ op: 'open', fd: '0', device: 256 }), [
    'steps[0].fd: expected a device fd: d0, d1 ..., got "0"',
    "steps[0].device: expected a minor number from 0 to 255, or the name of a driver's device file, got 256",
  ]);
  t.strictSame(ofStep({ op: 'open', fd: 'd0' }), [
    `steps[0].device: missing key "device", expected a minor number from 0 to 255, or the name of a driver's device file`,
  ]);
  t.strictSame(ofStep({ op: 'store', region: 'r01', page: -1, pages: '4', word: 2 ** 32 }), [
    'steps[0].region: expected a region: r0, r1 ..., got "r01"',
    'steps[0].page: expected a page number from 0 to 16777216, got -1',
    'steps[0].pages: expected a number of pages from 0 to 16777216, got "4"',
    'steps[0].word: expected a 32-bit word from 0 to 0xffffffff, got 4294967296',
  ]);
  t.strictSame(ofStep({ op: 'mremap', ...range, to: 'r1' }), ['steps[0].to: expected a mapping, got "r1"']);
  t.strictSame(ofStep({ op: 'mremap', ...range, to: { region: 'r1', page: 0, pages: 1 } }), [
    'steps[0].to.pages: unknown key "pages" (did you mean "page"?), expected one of region, page',
  ]);
  t.strictSame(ofStep({ op: 'pin', ...range }), [
    'steps[0].write: missing key "write", expected true or false',
  ]);
  t.end();
});

t.test('mmap: a device backing has an fd, others have none', (t) => {
  const mmap = { op: 'mmap', region: 'r0', pages: 1, prot: 'rw', share: 'shared' };
  t.strictSame(ofStep({ ...mmap, backing: 'device', fd: 'd0' }), []);
  t.strictSame(ofStep({ ...mmap, backing: 'device' }), [
    'steps[0].fd: missing key "fd", expected a device fd: d0, d1 ...',
  ]);
  t.strictSame(ofStep({ ...mmap, backing: 'anon', fd: 'd0' }), [
    'steps[0].fd: unknown key "fd", expected one of as, op, region, page, pages, prot, share, backing, replace, expect',
  ]);
  t.strictSame(ofStep({ ...mmap, backing: 'zram' }), [
    'steps[0].backing: expected one of anon, hugetlb, file, disk, dax, device, got "zram"',
  ]);
  t.end();
});

t.test('ioctl: each command has its own fields', (t) => {
  const ioctl = { op: 'ioctl', fd: 'd0', ...range };
  t.strictSame(ofStep({ ...ioctl, cmd: 'WRITE' }), [
    'steps[0].word: missing key "word", expected a 32-bit word from 0 to 0xffffffff, or a buffer',
  ]);
  t.strictSame(ofStep({ ...ioctl, cmd: 'MIGRATE' }), [
    'steps[0].toDevice: missing key "toDevice", expected true or false',
  ]);
  t.strictSame(ofStep({ ...ioctl, cmd: 'READ', word: 1 }), [
    'steps[0].word: unknown key "word", expected one of as, op, cmd, fd, region, page, pages, buffer, thread, expect',
  ]);
  t.strictSame(ofStep({ op: 'ioctl', cmd: 'GET_MEM_DEV_TYPE', fd: 'd0' }), []);
  t.strictSame(ofStep({ op: 'ioctl', cmd: 'FLAGS', fd: 'd0' }), [
    'steps[0].value: missing key "value", expected a 64-bit unsigned number (a string when it is over 2^53)',
  ]);
  t.strictSame(ofStep({ ...ioctl, cmd: 'NOTHING' }), [
    'steps[0].cmd: expected one of READ, WRITE, MIGRATE, MIGRATE_TO_DEV, MIGRATE_TO_SYS, SNAPSHOT, EXCLUSIVE, ' +
      'CHECK_EXCLUSIVE, RELEASE, GET_MEM_DEV_TYPE, READ_UNLOCKED, FLAGS, got "NOTHING"',
  ]);
  t.end();
});

t.test('ioctl_raw: npages is any u64', (t) => {
  const raw = { op: 'ioctl_raw', fd: 'd0', nr: 0, region: 'r0', offset: 0 };
  const expected = 'expected a 64-bit unsigned number (a string when it is over 2^53)';
  for (const npages of [0, '0', '0xffffffffffffffff', '18446744073709551615', 2 ** 53 - 1]) {
    t.strictSame(ofStep({ ...raw, npages }), [], String(npages));
  }
  for (const npages of ['18446744073709551616', '0x10000000000000000', '-1', '', 2 ** 60, -1, 0.5]) {
    t.strictSame(ofStep({ ...raw, npages }), [`steps[0].npages: ${expected}, got ${JSON.stringify(npages)}`]);
  }
  t.end();
});

t.test('ioctl_raw: offset is any 64-bit number, with a sign or without', (t) => {
  const raw = { op: 'ioctl_raw', fd: 'd0', nr: 0, region: 'r0', npages: 1 };
  const expected = 'expected a 64-bit number, with or without a sign (a string when it is over 2^53)';
  for (const offset of [0, -4096, '-4096', '-0x8000000000000000', '0xffffffffffffffff', 2 ** 53 - 1]) {
    t.strictSame(ofStep({ ...raw, offset }), [], String(offset));
  }
  for (const offset of ['-0x8000000000000001', '0x10000000000000000', '', '--1', 2 ** 60, 0.5]) {
    t.strictSame(ofStep({ ...raw, offset }), [`steps[0].offset: ${expected}, got ${JSON.stringify(offset)}`]);
  }
  t.end();
});

t.test('expectations have the keys that the step can answer', (t) => {
  t.strictSame(ofStep({ op: 'load', ...range, expect: { pages: [1, 'mixed', 'SIGBUS', 'fine'] } }), [
    'steps[0].expect.pages[3]: expected a 32-bit word, "mixed", "ok", "SIGSEGV" or "SIGBUS", got "fine"',
  ]);
  t.strictSame(ofStep({ op: 'exit', expect: { ret: 'EINVALID' } }), [
    'steps[0].expect.ret: expected 0 or an errno name (EINVAL ...), got "EINVALID"',
  ]);
  t.strictSame(ofStep({ op: 'exit', expect: { ret: 1 } }), [
    'steps[0].expect.ret: expected 0 or an errno name (EINVAL ...), got 1',
  ]);
  t.strictSame(ofStep({ op: 'ioctl', cmd: 'READ', fd: 'd0', ...range, expect: { perm: [] } }), [
    'steps[0].expect.perm: unknown key "perm", expected one of ret, cpages, faults, data, oops, hang',
  ]);
  t.strictSame(ofStep({ op: 'pagemap', ...range, expect: { map: ['Sfx', '.x'] } }), [
    'steps[0].expect.map[1]: expected "." or P or S, then f, then x, got ".x"',
  ]);
  t.strictSame(ofStep({ op: 'exit', expect: { oops: 'do_exit' } }), []);
  t.end();
});

t.test('permissions are spelled in one way', (t) => {
  const perm = (text: string): boolean =>
    ofStep({ op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...range, expect: { perm: [text] } }).length === 0;
  for (const good of [
    'ERROR',
    'NONE',
    'ZERO|READ',
    'WRITE|PMD',
    'DEV_GENERIC|WRITE',
    'DEV_PRIVATE_LOCAL',
    '0x60',
  ]) {
    t.ok(perm(good), good);
  }
  for (const bad of [
    '',
    '|',
    'WRITE|',
    '|WRITE',
    'READ|ZERO',
    'NONE|READ',
    'write',
    'DEV_PRIVATE|READ',
    'READ|READ',
  ]) {
    t.notOk(perm(bad), bad);
  }
  t.end();
});

t.test('the JSON Schema names every step', (t) => {
  const schema = JSON.stringify(scenarioJsonSchema());
  for (const op of ['ioctl_raw', 'pagemap', 'GET_MEM_DEV_TYPE', 'wipeonfork']) t.match(schema, `"${op}"`);
  t.equal(scenarioJsonSchema().$schema, 'https://json-schema.org/draft/2020-12/schema');
  t.ok(scenarioSchema.safeParse({ name: 'x', steps: [] }).success);
  t.end();
});
