// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { formOf } from '../../src/scenario/diagnose.js';
import { exampleStep, exampleWords } from '../../src/scenario/reference.js';
import { STEP_COMMANDS } from '../../src/scenario/step-commands.js';
import { steps } from '../../src/scenario/steps/index.js';
import type { CommandContext } from '../../src/scenario/steps/words.js';
import { helpLines, parseCommand, usageOf } from '../../src/shell/commands.js';
import { complete } from '../../src/shell/complete.js';

const context: CommandContext = {
  as: 'p1',
  pagesOf: (region) => (region === 'r0' ? 4 : undefined),
  migrateHasDirection: false,
};

const step = (line: string, more: Partial<CommandContext> = {}) => {
  const command = parseCommand(line, { ...context, ...more });
  return command.kind === 'step' ? command.step : command;
};

t.test('every step has its line', (t) => {
  const r0 = { region: 'r0', page: 0, pages: 4 };
  const r13 = { region: 'r0', page: 1, pages: 2 };
  const lines: Record<string, object> = {
    'open d0 0x2': { op: 'open', fd: 'd0', device: 2 },
    'open d1': { op: 'open', fd: 'd1', device: 1 },
    'close d0': { op: 'close', fd: 'd0' },
    'munmap r0': { op: 'munmap', ...r0 },
    'mlock r0[1..2]': { op: 'mlock', ...r13 },
    'munlock r0[2]': { op: 'munlock', region: 'r0', page: 2, pages: 1 },
    'mprotect r0[1..2] r': { op: 'mprotect', ...r13, prot: 'r' },
    'madvise r0 hugepage': { op: 'madvise', ...r0, advice: 'hugepage' },
    'mremap r0[1..2] r1[5]': { op: 'mremap', ...r13, to: { region: 'r1', page: 5 } },
    'mremap r0[1..2] r1': { op: 'mremap', ...r13, to: { region: 'r1', page: 0 } },
    'store r0[0..3] 64': { op: 'store', ...r0, word: 64 },
    'load r0[..1]': { op: 'load', region: 'r0', page: 0, pages: 2 },
    'load r0[2..)': { op: 'load', region: 'r0', page: 2, pages: 0 },
    'pagemap r0[3..]': { op: 'pagemap', region: 'r0', page: 3, pages: 1 },
    'read d0 r0': { op: 'ioctl', cmd: 'READ', fd: 'd0', ...r0 },
    'write d0 r0 0xff': { op: 'ioctl', cmd: 'WRITE', fd: 'd0', ...r0, word: 255 },
    'migrate_to_dev d0 r0[1..2]': { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...r13 },
    'migrate_to_sys d0 r0': { op: 'ioctl', cmd: 'MIGRATE_TO_SYS', fd: 'd0', ...r0 },
    'snapshot d0 r0': { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...r0 },
    'exclusive d0 r0': { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...r0 },
    'check_exclusive d0 r0': { op: 'ioctl', cmd: 'CHECK_EXCLUSIVE', fd: 'd0', ...r0 },
    'release d0': { op: 'ioctl', cmd: 'RELEASE', fd: 'd0' },
    'get_mem_dev_type d0': { op: 'ioctl', cmd: 'GET_MEM_DEV_TYPE', fd: 'd0' },
    'ioctl_raw d0 99 r0 1 0xffffffffffffffff': {
      op: 'ioctl_raw',
      fd: 'd0',
      nr: 99,
      region: 'r0',
      offset: 1,
      npages: '0xffffffffffffffff',
    },
    'ioctl_raw d0 99 r0 -0x1000 1': {
      op: 'ioctl_raw',
      fd: 'd0',
      nr: 99,
      region: 'r0',
      offset: '-0x1000',
      npages: '1',
    },
    'mremap r0[1..2] 3': { op: 'mremap', ...r13, toPages: 3 },
    'mremap r0[1..2] r1 dontunmap': { op: 'mremap', ...r13, to: { region: 'r1', page: 0 }, dontunmap: true },
    'truncate r0 2': { op: 'truncate', region: 'r0', pages: 2 },
    'punch r0[1..2]': { op: 'punch', ...r13 },
    'fread r0[1..2]': { op: 'fread', ...r13 },
    'fwrite r0[1..2] r1[1]': { op: 'fwrite', ...r13, buffer: { region: 'r1', page: 1 } },
    'fwrite r0[1..2] 64': { op: 'fwrite', ...r13, word: 64 },
    'pread r0 64': { op: 'read', ...r0, word: 64 },
    'pwrite r0': { op: 'write', ...r0 },
    'peek p2 r0': { op: 'peek', of: 'p2', ...r0 },
    'poke p2 r0[1..2] 64 force': { op: 'poke', of: 'p2', ...r13, word: 64, force: true },
    'mincore r0': { op: 'mincore', ...r0 },
    'map_vdso r0': { op: 'map_vdso', region: 'r0' },
    'mce_kill early': { op: 'mce_kill', policy: 'early' },
    'mce_kill late everybody': { op: 'mce_kill', policy: 'late', everybody: true },
    uffd: { op: 'uffd' },
    'uffd_register r0 missing wp': { op: 'uffd_register', ...r0, mode: ['missing', 'wp'] },
    'uffd_unregister r0[1..2]': { op: 'uffd_unregister', ...r13 },
    'uffd_copy r0 64 wp': { op: 'uffd_copy', ...r0, word: 64, wp: true },
    'uffd_zero r0': { op: 'uffd_zero', ...r0 },
    'uffd_wp r0 off': { op: 'uffd_wp', ...r0, wp: false },
    'gup r0[0] pin_fast': { op: 'gup', region: 'r0', page: 0, pages: 1, kind: 'pin_fast' },
    'pin r0[1..2]': { op: 'pin', ...r13, write: false },
    'pin r0[1..2] write': { op: 'pin', ...r13, write: true },
    unpin: { op: 'unpin' },
    'get r0[1..2]': { op: 'get', ...r13 },
    put: { op: 'put' },
    'lock r0': { op: 'lock', ...r0 },
    'unlock r0[1..2]': { op: 'unlock', ...r13 },
    'fork p2': { op: 'fork', child: 'p2' },
    exit: { op: 'exit' },
    'kill SIGABRT core': { op: 'kill', signal: 'SIGABRT', core: true },
  };
  for (const [line, fields] of Object.entries(lines)) t.strictSame(step(line), { as: 'p1', ...fields }, line);
  t.end();
});

t.test('mmap takes its words in any order', (t) => {
  const mmap = {
    as: 'p1',
    op: 'mmap',
    region: 'r2',
    pages: 8,
    prot: 'rw',
    share: 'private',
    backing: 'anon',
  };
  t.strictSame(step('mmap r2 8'), mmap);
  t.strictSame(step('mmap r2 8 rw'), mmap);
  t.strictSame(step('mmap r2 8 file shared none'), {
    ...mmap,
    prot: 'none',
    share: 'shared',
    backing: 'file',
  });
  t.strictSame(step('mmap r2 8 device d1 shared'), { ...mmap, share: 'shared', backing: 'device', fd: 'd1' });
  t.end();
});

t.test('where MIGRATE has its direction in the struct', (t) => {
  const migrate = { as: 'p1', op: 'ioctl', cmd: 'MIGRATE', fd: 'd0', region: 'r0', page: 0, pages: 4 };
  const v5 = { migrateHasDirection: true };
  t.strictSame(step('migrate_to_dev d0 r0', v5), { ...migrate, toDevice: true });
  t.strictSame(step('migrate_to_sys d0 r0', v5), { ...migrate, toDevice: false });
  t.end();
});

t.test('requests of the session, comments, and one command as another process', (t) => {
  t.strictSame(step('  as p2  '), { kind: 'as', process: 'p2' });
  t.strictSame(step('as p2 unpin'), { as: 'p2', op: 'unpin' });
  t.strictSame(step('save /tmp/a.yaml # here'), { kind: 'save', file: '/tmp/a.yaml' });
  t.strictSame(step('help load'), { kind: 'help', topic: 'load' });
  t.strictSame(step('help'), { kind: 'help', topic: undefined });
  for (const kind of ['maps', 'dmesg', 'lsmod', 'reset', 'quit']) t.strictSame(step(kind), { kind });
  for (const line of ['', '   ', '# a comment']) t.strictSame(step(line), { kind: 'nothing' });
  t.end();
});

t.test('mistakes say what was expected', (t) => {
  const mistakes: Record<string, string> = {
    opne: 'unknown command "opne" (did you mean "open"?) (help lists them)',
    constructor: 'unknown command "constructor" (help lists them)',
    open: 'expected open FD [DEVICE]',
    'open x': 'open: fd: expected a device fd: d0, d1 ..., got "x"',
    'open d256':
      "open: device: expected a minor number from 0 to 255, or the name of a driver's device file, got 256",
    'MADV_DONTNEED r0[1..2]': `"MADV_DONTNEED" is no command; expected madvise ${usageOf('madvise')}`,
    'prot_read|prot_write r0': '"prot_read|prot_write" is no command; expected mprotect RANGE none|r|w|rw',
    'unpin now': 'expected unpin',
    'open 0 0': 'open: fd: expected a device fd: d0, d1 ..., got "0"',
    'open d0 a/b/c': 'expected a minor number, or a device, got "a/b/c"',
    'load r9': 'r9 is not mapped: say which pages, as r9[0..3]',
    'load r0[3..1]': 'expected a range that does not end before its start, got "r0[3..1]"',
    'load r0[a]': 'expected a page number, got "a"',
    'munmap 0': 'expected a range as r0, r0[2] or r0[1..3], got "0"',
    'mremap r0 p1': 'expected a place as r1 or r1[2], got "p1"',
    'mremap r0 1x': 'expected a number of pages, got "1x"',
    'mremap r0 r1 move': 'mremap: dontunmap: expected true, got "move"',
    'uffd_wp r0 yes': 'uffd_wp: wp: expected true or false, got "yes"',
    'uffd_register r0 dirty': 'uffd_register: mode.0: expected one of missing, wp, got "dirty"',
    // The shell's read is the device's, with or without one.
    'read r0 64': 'expected a range as r0, r0[2] or r0[1..3], got "64"',
    'read r0': 'expected read FD RANGE',
    'peek r0': 'expected peek PROCESS RANGE [force]',
    'ioctl_raw d0 0 r0 -0x8000000000000001 1':
      'ioctl_raw: offset: expected a 64-bit number, with or without a sign (a string when it is over 2^53), got "-0x8000000000000001"',
    'store r0 -1': 'expected a word, got "-1"',
    'store r0 0x100000000': 'store: word: expected a 32-bit word from 0 to 0xffffffff, got 4294967296',
    'mprotect r0 rx': 'mprotect: prot: expected one of none, r, w, rw, got "rx" (did you mean "r"?)',
    'mmap r0 4 zram': 'mmap: backing: expected one of anon, hugetlb, file, disk, dax, device, got "zram"',
    'mmap r0 4 device': 'mmap: fd: missing key "fd", expected a device fd: d0, d1 ...',
    'pin r0 read': 'expected "write", got "read"',
    'as q1': 'as: expected a process as p0, got "q1"',
    'fork child': 'fork: child: expected a process: p0, p1 ..., got "child"',
    'help opne': 'unknown command "opne" (did you mean "open"?) (help lists them)',
    'madvise r0 MADV_DONTNED':
      'madvise: advice: expected one of hugepage, nohugepage, dontneed, free, dontfork, wipeonfork, populate_read, populate_write, collapse, cold, pageout, remove, willneed, dontneed_locked, guard_install, guard_remove, hwpoison, soft_offline, got "MADV_DONTNED" (did you mean "MADV_DONTNEED"?)',
    'migrate d0 r0 sideways': 'expected to_dev or to_sys, got "sideways"',
    '{ op: load': 'expected a step as YAML: Flow map must end with a }',
    '{ op: lod, region: r0 }':
      'step: op: expected one of open, close, mmap, munmap, mlock, munlock, mprotect, mremap, madvise, store, load, pagemap, ioctl, ioctl_raw, driver, ioctl_bytes, gup, pin, unpin, get, put, lock, unlock, make_it_fail, fread, fwrite, truncate, punch, fsync, msync, sync_file_range, mount, umount, unlink, mkcgroup, rmcgroup, cgroup_join, cgroup_limit, cgroup_moves, cgroup_read, read, write, peek, poke, mincore, offline, online, map_vdso, mbind, set_mempolicy, migrate_pages, move_pages, uffd, uffd_register, uffd_unregister, uffd_copy, uffd_zero, uffd_wp, fork, exit, kill, await, mce_kill, got "lod" (did you mean "load"?)',
  };
  for (const [line, message] of Object.entries(mistakes)) {
    t.throws(
      () => (line.startsWith('help ') ? helpLines('opne') : step(line)),
      { name: 'UsageError', message },
      line,
    );
  }
  t.end();
});

t.test('names of the kernel, in any case', (t) => {
  const r0 = { region: 'r0', page: 0, pages: 4 };
  const lines: Record<string, object> = {
    'SNAPSHOT d0 r0': { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...r0 },
    'HMM_DMIRROR_EXCLUSIVE d0 r0': { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', ...r0 },
    'GET_MEM_DEV_TYPE d0': { op: 'ioctl', cmd: 'GET_MEM_DEV_TYPE', fd: 'd0' },
    'READ d0 r0': { op: 'ioctl', cmd: 'READ', fd: 'd0', ...r0 },
    'WRITE d0 r0 7': { op: 'ioctl', cmd: 'WRITE', fd: 'd0', ...r0, word: 7 },
    'MIGRATE d0 r0': { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', ...r0 },
    'migrate d0 r0 TO_SYS': { op: 'ioctl', cmd: 'MIGRATE_TO_SYS', fd: 'd0', ...r0 },
    'madvise r0 MADV_DONTNEED': { op: 'madvise', ...r0, advice: 'dontneed' },
    'Madvise r0 DontNeed': { op: 'madvise', ...r0, advice: 'dontneed' },
    'mprotect r0 PROT_READ | PROT_WRITE': { op: 'mprotect', ...r0, prot: 'rw' },
    'open d0 /dev/hmm_dmirror1': { op: 'open', fd: 'd0', device: 1 },
    'gup r0 PIN_LONGTERM_BENCHMARK': { op: 'gup', ...r0, kind: 'pin_longterm' },
    PIN_LONGTERM_TEST_STOP: { op: 'unpin' },
    'mmap r2 8 PROT_READ MAP_SHARED|MAP_ANONYMOUS|MAP_FIXED': {
      op: 'mmap',
      region: 'r2',
      pages: 8,
      prot: 'r',
      share: 'shared',
      backing: 'anon',
      replace: true,
    },
  };
  for (const [line, fields] of Object.entries(lines)) t.strictSame(step(line), { as: 'p1', ...fields }, line);
  const v5 = step('MIGRATE d0 r0', { migrateHasDirection: true });
  t.strictSame(v5, { as: 'p1', op: 'ioctl', cmd: 'MIGRATE', fd: 'd0', ...r0, toDevice: true });
  t.end();
});

t.test('steps as documents have them', (t) => {
  const load = { as: 'p1', op: 'load', region: 'r0', page: 0, pages: 4 };
  t.strictSame(step('{ op: load, region: r0 }'), load);
  t.strictSame(step('  - { op: load, region: r0, page: 0, pages: 4 }'), load);
  t.strictSame(step('- load r0: { pages: [ 1 ] }'), { ...load, expect: { pages: [1] } });
  t.strictSame(step('{ as: p0, op: LOAD, region: r0 }'), { ...load, as: 'p0' });
  t.end();
});

t.test('what a step would be in a document', (t) => {
  const written = (line: string) => {
    const command = parseCommand(line, context);
    return command.kind === 'step' ? command.written : undefined;
  };
  t.equal(written('READ d0   r0 # all'), 'as p1 READ d0 r0');
  t.equal(written('as p0 unpin'), 'unpin');
  t.strictSame(written('{ op: unpin }'), { as: 'p1', op: 'unpin' });
  t.end();
});

t.test('load takes regions and files; looking back has its words', (t) => {
  t.strictSame(step('load r0[1]'), { as: 'p1', op: 'load', region: 'r0', page: 1, pages: 1 });
  t.strictSame(step('load a.yaml'), { kind: 'load', file: 'a.yaml', name: undefined });
  t.strictSame(step('load a.jsonl nightly 4711'), { kind: 'load', file: 'a.jsonl', name: 'nightly 4711' });
  t.strictSame(step('page r0[0]'), { kind: 'page', page: 'r0[0]' });
  t.strictSame(step('why'), { kind: 'why', locks: false });
  t.strictSame(step('why --locks'), { kind: 'why', locks: true });
  for (const kind of ['show', 'undo']) t.strictSame(step(kind), { kind });
  t.end();
});

t.test('help has every command', (t) => {
  const text = helpLines().join('\n');
  const names = Object.values(steps).flatMap(({ shell }) => Object.keys(shell));
  t.equal(names.length, 74);
  const requests = [
    'as',
    'why',
    'page',
    'show',
    'undo',
    'maps',
    'dmesg',
    'lsmod',
    'save',
    'reset',
    'help',
    'quit',
  ];
  for (const name of [...names, ...requests]) t.match(text, new RegExp(`^${name}\\b`, 'm'));
  t.match(text, /^load RANGE/m);
  t.match(text, /^load FILE/m);
  t.equal(Math.max(...helpLines().map((line) => line.length)) <= 120, true, 'fits a terminal');
  t.end();
});

t.test('help of a step is its reference', (t) => {
  t.strictSame(helpLines('CLOSE'), [
    'close FD                  close it',
    '  fd        a device fd: d0, d1 ...',
    '  answers   ret, oops, hang',
    '  from      dmirror_fops_release, which may say EBADF',
    '  example   close d0',
    '  as YAML   { op: close, fd: d0 }',
  ]);
  const mmap = helpLines('mmap');
  t.ok(mmap.includes('  prot      one of none, r, w, rw; rw unless told'));
  t.ok(mmap.includes('  page      a page number from 0 to 16777216 (may be left out)'));
  t.match(helpLines('load').join('\n'), /load RANGE[\s\S]*load FILE/);
  for (const [name, command] of Object.entries(STEP_COMMANDS)) {
    for (const way of [true, false])
      t.strictSame(formOf({ name, steps: [exampleStep(command, way)] }), [], name);
    const line = [name, ...exampleWords(command.usage)].join(' ');
    t.equal(parseCommand(line, context).kind, 'step', line);
    t.notMatch(helpLines(name).join('\n'), 'anything', name);
  }
  t.end();
});

t.test('completion', (t) => {
  const known = { processes: ['p0', 'p1'], regions: ['r0'], fds: ['d0', 'd7'] };
  const completed = (line: string) => complete(line, known);
  t.strictSame(completed('mig'), [['migrate', 'migrate_to_dev', 'migrate_to_sys', 'migrate_pages'], 'mig']);
  t.strictSame(completed('MIG'), [['MIGRATE', 'MIGRATE_TO_DEV', 'MIGRATE_TO_SYS', 'MIGRATE_PAGES'], 'MIG']);
  t.strictSame(completed('load r'), [['r0'], 'r']);
  t.strictSame(completed('read '), [['d0', 'd7'], '']);
  t.strictSame(completed('READ d7 '), [['r0'], '']);
  t.strictSame(completed('madvise r0 pop'), [['populate_read', 'populate_write'], 'pop']);
  t.strictSame(completed('peek p1 r'), [['r0'], 'r']);
  t.strictSame(completed('mremap r0 '), [['r0'], '']);
  t.strictSame(completed('uffd_register r0 missing w'), [['wp'], 'w']);
  t.strictSame(completed('uffd_c'), [['uffd_copy'], 'uffd_c']);
  t.strictSame(completed('mmap r0 4 sh'), [['shared'], 'sh']);
  t.strictSame(completed('mmap r0 4 shared rw dev'), [['device'], 'dev']);
  t.strictSame(completed('mmap r0 4 device d'), [['disk', 'dax', 'device', 'd0', 'd7'], 'd']);
  t.strictSame(completed('help lsm'), [['lsmod'], 'lsm']);
  t.strictSame(completed('as p'), [['p0', 'p1'], 'p']);
  t.strictSame(completed('as p1 clo'), [['close'], 'clo']);
  t.strictSame(completed('as p1 close '), [['d0', 'd7'], '']);
  t.strictSame(completed('page '), [['r0['], '']);
  t.strictSame(completed('nonsense x'), [[], 'x']);
  t.end();
});
