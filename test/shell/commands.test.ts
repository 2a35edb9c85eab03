// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { steps } from '../../src/scenario/steps/index.js';
import type { CommandContext } from '../../src/scenario/steps/words.js';
import { complete, helpLines, parseCommand } from '../../src/shell/commands.js';

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
    'gup r0[0] pin_fast': { op: 'gup', region: 'r0', page: 0, pages: 1, kind: 'pin_fast' },
    'pin r0[1..2]': { op: 'pin', ...r13, write: false },
    'pin r0[1..2] write': { op: 'pin', ...r13, write: true },
    unpin: { op: 'unpin' },
    'fork p2': { op: 'fork', child: 'p2' },
    exit: { op: 'exit' },
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
    opne: 'unknown command "opne" (help lists them)',
    constructor: 'unknown command "constructor" (help lists them)',
    'open d0': 'expected open FD MINOR',
    'unpin now': 'expected unpin',
    'open 0 0': 'open: fd: expected a device fd: d0, d1 ..., got "0"',
    'open d0 zero': 'expected a minor number, got "zero"',
    'load r9': 'r9 is not mapped: say which pages, as r9[0..3]',
    'load r0[3..1]': 'expected a range that does not end before its start, got "r0[3..1]"',
    'load r0[a]': 'expected a page number, got "a"',
    'load 0': 'expected a range as r0, r0[2] or r0[1..3], got "0"',
    'mremap r0 1': 'expected a place as r1 or r1[2], got "1"',
    'store r0 -1': 'expected a word, got "-1"',
    'store r0 0x100000000': 'store: word: expected a 32-bit word from 0 to 0xffffffff, got 4294967296',
    'mprotect r0 rx': 'mprotect: prot: expected one of none, r, w, rw, got "rx"',
    'mmap r0 4 zram': 'mmap: backing: expected one of anon, hugetlb, file, device, got "zram"',
    'mmap r0 4 device': 'mmap: fd: missing key "fd", expected a device fd: d0, d1 ...',
    'pin r0 read': 'expected "write", got "read"',
    'as q1': 'as: expected a process as p0, got "q1"',
    'fork child': 'fork: child: expected a process: p0, p1 ..., got "child"',
    'help opne': 'unknown command "opne" (help lists them)',
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

t.test('help has every command; one command alone', (t) => {
  const text = helpLines().join('\n');
  const names = Object.values(steps).flatMap(({ shell }) => Object.keys(shell));
  t.equal(names.length, 29);
  for (const name of [...names, 'as', 'maps', 'dmesg', 'lsmod', 'save', 'reset', 'help', 'quit']) {
    t.match(text, new RegExp(`^${name}\\b`, 'm'));
  }
  t.strictSame(helpLines('close'), ['close FD                  close it']);
  t.equal(Math.max(...helpLines().map((line) => line.length)) <= 110, true, 'fits a terminal');
  t.end();
});

t.test('completion', (t) => {
  const names = ['p0', 'p1', 'r0'];
  t.strictSame(complete('mig', names), [['migrate_to_dev', 'migrate_to_sys'], 'mig']);
  t.strictSame(complete('load r', names), [['r0'], 'r']);
  t.strictSame(complete('madvise r0 pop', names), [['populate_read', 'populate_write'], 'pop']);
  t.strictSame(complete('mmap r0 4 sh', names), [['shared'], 'sh']);
  t.strictSame(complete('help lsm', names), [['lsmod'], 'lsm']);
  t.strictSame(complete('as p', names), [['p0', 'p1'], 'p']);
  t.strictSame(complete('nonsense x', names), [[], 'x']);
  t.end();
});
