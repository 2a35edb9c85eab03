// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { generationById } from '../../src/generations/index.js';
import type { Step } from '../../src/scenario/schema.js';
import { Session } from '../../src/session/session.js';
import { Hang, KernelBug, ProcessDied } from '../../src/sim/errors.js';
import { EFAULT, EINVAL, ENOENT, ENOMEM } from '../../src/uapi/errno.js';
import { type Answer, FakeMachine } from './fake-machine.js';

function start(kernel: string, answer?: Answer) {
  const machine = new FakeMachine(answer);
  const session = new Session(machine, generationById(kernel)!);
  const take = (step: Step) => session.step(step);
  return { machine, session, take };
}

const range = { region: 'r0', page: 0, pages: 2 };

/** The words of the struct that the last ioctl passed: u64 each. */
function structWords(machine: FakeMachine, addr: number, bytes: number): bigint[] {
  return [...new BigUint64Array(machine.memory.read(addr, bytes).buffer)];
}

t.test('the first process maps its buffers before the first step', (t) => {
  const { machine } = start('6.12');
  t.strictSame(machine.log(), [
    'p0 mmap 0 0x800000 3 33 -1 0',
    'p0 mmap 0 0x2000 3 0x8021 -1 0',
    'p0 open /sys/kernel/debug/gup_test 2',
  ]);
  t.end();
});

t.test('mappings go to the region, with the flags of their kind', (t) => {
  const { machine, take } = start('6.12');
  machine.log();
  take({ op: 'open', fd: 'd0', device: 2 });
  const kinds = [
    { share: 'private', backing: 'anon' },
    { share: 'shared', backing: 'hugetlb' },
    { share: 'private', backing: 'file' },
    { share: 'shared', backing: 'file' },
    { share: 'shared', backing: 'device', fd: 'd0' },
  ] as const;
  for (const kind of kinds)
    t.strictSame(take({ op: 'mmap', region: 'r3', pages: 3, prot: 'rw', ...kind }), { ret: 0 });
  t.strictSame(machine.log(), [
    'p0 open /dev/hmm_dmirror2 2',
    'p0 mmap 0x2000c0000000 0x3000 3 50 -1 0',
    'p0 mmap 0x2000c0000000 0x3000 3 0x40031 -1 0',
    'p0 memfd_create r3 0',
    'p0 ftruncate 5 0x3000',
    'p0 mmap 0x2000c0000000 0x3000 3 18 5 0',
    'p0 mmap 0x2000c0000000 0x3000 3 17 5 0',
    'p0 mmap 0x2000c0000000 0x3000 3 17 4 0',
  ]);
  t.end();
});

t.test('range steps pass address and length; errnos come back by name', (t) => {
  const answer: Answer = ({ name }) => (name === 'mprotect' ? -ENOMEM : undefined);
  const { machine, take } = start('6.12', answer);
  machine.log();
  const at = { region: 'r1', page: 2, pages: 3 };
  t.strictSame(take({ op: 'munmap', ...at }), { ret: 0 });
  t.strictSame(take({ op: 'mlock', ...at }), { ret: 0 });
  t.strictSame(take({ op: 'munlock', ...at }), { ret: 0 });
  t.strictSame(take({ op: 'mprotect', ...at, prot: 'w' }), { ret: 'ENOMEM' });
  t.strictSame(take({ op: 'madvise', ...at, advice: 'wipeonfork' }), { ret: 0 });
  t.strictSame(take({ op: 'mremap', ...at, to: { region: 'r0', page: 1 } }), { ret: 0 });
  t.strictSame(machine.log(), [
    'p0 munmap 0x200040002000 0x3000',
    'p0 mlock 0x200040002000 0x3000',
    'p0 munlock 0x200040002000 0x3000',
    'p0 mprotect 0x200040002000 0x3000 2',
    'p0 madvise 0x200040002000 0x3000 18',
    'p0 mremap 0x200040002000 0x3000 0x3000 3 0x200000001000',
  ]);
  t.end();
});

t.test('store gives page i the word + i, wrapping at 32 bits; load lists words', (t) => {
  const { take } = start('6.12');
  t.strictSame(take({ op: 'store', ...range, word: 0xffffffff }), { pages: ['ok', 'ok'] });
  t.strictSame(take({ op: 'load', ...range, pages: 3 }), { pages: [0xffffffff, 0, 0] });
  t.end();
});

t.test('an ioctl has its struct and buffer in user memory, and lists what came back', (t) => {
  let scratch = 0;
  const answer: Answer = ({ name, args }, machine) => {
    if (name !== 'ioctl') return undefined;
    scratch = args[2] as number;
    const [, mirror] = structWords(machine, scratch, 40);
    t.equal(new Uint32Array(machine.memory.read(Number(mirror), 4).buffer)[0], 0xa5a5a5a5, 'filled before');
    machine.memory.write(Number(mirror), new Uint8Array(new Uint32Array(1024).fill(7).buffer));
    machine.memory.write(scratch + 24, new Uint8Array(new BigUint64Array([2n, 1n]).buffer));
    return 0;
  };
  const { machine, take } = start('6.12', answer);
  take({ op: 'open', fd: 'd0', device: 0 });
  machine.log();
  t.strictSame(take({ op: 'ioctl', cmd: 'READ', fd: 'd0', ...range }), {
    ret: 0,
    cpages: 2,
    faults: 1,
    data: [7, 0xa5a5a5a5],
  });
  t.strictSame(machine.log(), [`p0 ioctl 4 0xc0284800 0x${scratch.toString(16)}`]);
  t.strictSame(structWords(machine, scratch, 40), [0x200000000000n, 0x7f0001000000n, 2n, 2n, 1n]);
  t.end();
});

t.test('WRITE brings words, and lists none', (t) => {
  const seen: number[] = [];
  const answer: Answer = ({ name, args }, machine) => {
    if (name !== 'ioctl') return undefined;
    const mirror = Number(structWords(machine, args[2] as number, 40)[1]);
    for (const page of [0, 1])
      seen.push(new Uint32Array(machine.memory.read(mirror + page * 4096, 4).buffer)[0]!);
    return 0;
  };
  const { take } = start('6.12', answer);
  take({ op: 'open', fd: 'd0', device: 0 });
  const result = take({ op: 'ioctl', cmd: 'WRITE', fd: 'd0', ...range, word: 0xffffffff });
  t.strictSame(result, { ret: 0, cpages: 0, faults: 0 });
  t.strictSame(seen, [0xffffffff, 0]);
  t.end();
});

t.test('a failed ioctl is its errno alone; the fd of a name never opened is -1', (t) => {
  const { machine, take } = start('6.12', ({ name }) => (name === 'ioctl' ? -EFAULT : undefined));
  machine.log();
  t.strictSame(take({ op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd7', ...range }), { ret: 'EFAULT' });
  t.match(machine.log(), [/^p0 ioctl -1 0xc0284804 /]);
  t.end();
});

t.test('SNAPSHOT spells permissions; over 1024 pages nothing is listed', (t) => {
  const answer: Answer = ({ name, args }, machine) => {
    if (name !== 'ioctl') return undefined;
    const mirror = Number(structWords(machine, args[2] as number, 40)[1]);
    machine.memory.write(mirror, new Uint8Array([0x22, 0x40]));
    return 0;
  };
  const snapshot = { op: 'ioctl', cmd: 'SNAPSHOT', fd: 'd0', ...range } as const;
  t.strictSame(start('6.12', answer).take(snapshot).perm, ['DEV_PRIVATE_LOCAL|WRITE', 'DEV_COHERENT_LOCAL']);
  t.strictSame(start('v5-generic', answer).take(snapshot).perm, ['DEV_PRIVATE_LOCAL|WRITE', 'DEV_GENERIC']);
  t.strictSame(start('6.12', answer).take({ ...snapshot, pages: 1025 }), { ret: 0, cpages: 0, faults: 0 });
  t.strictSame(start('6.12', answer).take({ ...snapshot, pages: 0 }).perm, []);
  t.end();
});

t.test('migrations are spelled as the generation has them', (t) => {
  const step = { op: 'ioctl', fd: 'd0', ...range } as const;
  const requestOf = (kernel: string, taken: Step) => {
    const { machine, take } = start(kernel);
    machine.log();
    const result = take(taken);
    const call = machine.calls[0]!;
    const flag = new Uint32Array(machine.memory.read((call.args[2] as number) + 44, 4).buffer)[0];
    return [(call.args[1] as number).toString(16), flag, 'data' in result];
  };
  t.strictSame(requestOf('v5-generic', { ...step, cmd: 'MIGRATE', toDevice: true }), ['c0304802', 1, true]);
  t.strictSame(requestOf('v5-generic', { ...step, cmd: 'MIGRATE', toDevice: false }), ['c0304802', 0, false]);
  t.strictSame(requestOf('v5-generic', { ...step, cmd: 'MIGRATE_TO_DEV' }), ['c0304802', 1, true]);
  t.strictSame(requestOf('6.12', { ...step, cmd: 'MIGRATE', toDevice: true }), ['c0284802', 0, true]);
  t.strictSame(requestOf('6.12', { ...step, cmd: 'MIGRATE_TO_SYS' }), ['c0284803', 0, false]);
  t.strictSame(
    requestOf('v5-generic', { ...step, cmd: 'EXCLUSIVE' }),
    ['c03048ff', 0, true],
    'a number unknown there',
  );
  t.end();
});

t.test('GET_MEM_DEV_TYPE needs no range and names the type', (t) => {
  const answer: Answer = ({ name, args }, machine) => {
    if (name !== 'ioctl') return undefined;
    machine.memory.write((args[2] as number) + 40, new Uint8Array([2]));
    return 0;
  };
  const step = { op: 'ioctl', cmd: 'GET_MEM_DEV_TYPE', fd: 'd0' } as const;
  const counts = { ret: 0, cpages: 0, faults: 0 };
  t.strictSame(start('v5-generic', answer).take(step), { ...counts, type: 'GENERIC' });
  t.strictSame(start('v4-coherent', answer).take(step), { ...counts, type: 'COHERENT' });
  t.end();
});

t.test('ioctl_raw passes number, offset and any 64-bit npages', (t) => {
  const { machine, take } = start('6.12', ({ name }) => (name === 'ioctl' ? -EINVAL : undefined));
  machine.log();
  const step = { op: 'ioctl_raw', fd: 'd0', nr: 99, region: 'r1', offset: 2048 } as const;
  t.strictSame(take({ ...step, npages: '0xffffffffffffffff' }), { ret: 'EINVAL' });
  const call = machine.calls[0]!;
  t.equal(call.args[1], 0xc0284863);
  t.strictSame(structWords(machine, call.args[2] as number, 24), [
    0x200040000800n,
    0x7f0001000000n,
    2n ** 64n - 1n,
  ]);
  t.end();
});

t.test('pagemap is read in chunks of a page, from a file that each process opens itself', (t) => {
  const answer: Answer = ({ name, args }, machine) => {
    if (name !== 'pread') return undefined;
    const entries = new Uint32Array((args[2] as number) / 4);
    const high = [0, 0x80000000, 0xc1000000, 0x40000000, 0xa1000000];
    for (const [i, value] of high.entries()) if (i * 2 + 1 < entries.length) entries[i * 2 + 1] = value;
    machine.memory.write(args[1] as number, new Uint8Array(entries.buffer));
    return args[2] as number;
  };
  const { machine, take } = start('6.12', answer);
  machine.log();
  t.strictSame(take({ op: 'pagemap', ...range, pages: 5 }), { map: ['.', 'P', 'Px', 'S', 'Pfx'] });
  t.equal(take({ op: 'pagemap', ...range, page: 1, pages: 600 }).map!.length, 600);
  take({ op: 'fork', child: 'p1' });
  take({ as: 'p1', op: 'pagemap', ...range });
  t.strictSame(machine.log(), [
    'p0 open /proc/self/pagemap 0',
    'p0 pread 4 0x7f0002001000 40 0x1000000000',
    'p0 pread 4 0x7f0002001000 0x1000 0x1000000008',
    'p0 pread 4 0x7f0002001000 704 0x1000001008',
    'p0 fork',
    'p1 open /proc/self/pagemap 0',
    'p1 mmap 0 0x800000 3 33 -1 0',
    'p1 mmap 0 0x2000 3 0x8021 -1 0',
    'p1 pread 5 0x7f0004001000 16 0x1000000000',
  ]);
  t.end();
});

t.test('gup, pin and unpin speak to the gup_test of the first process', (t) => {
  const structs: number[][] = [];
  const answer: Answer = ({ name, args }, machine) => {
    const addr = args[2] as number;
    if (name === 'ioctl' && addr !== 0)
      structs.push([...new Uint32Array(machine.memory.read(addr, 44).buffer)]);
    return undefined;
  };
  const { machine, take } = start('6.12', answer);
  machine.log();
  t.strictSame(take({ op: 'gup', ...range, kind: 'pin_fast_longterm' }), { ret: 0, pinned: 2 });
  take({ op: 'fork', child: 'p1' });
  t.strictSame(take({ as: 'p1', op: 'pin', ...range, write: true }), { ret: 0 });
  t.strictSame(take({ op: 'unpin' }), { ret: 0 });
  t.strictSame(machine.log(), [
    'p0 ioctl 3 0xc0506702 0x7f0002000000',
    'p0 fork',
    'p1 mmap 0 0x800000 3 33 -1 0',
    'p1 mmap 0 0x2000 3 0x8021 -1 0',
    'p1 ioctl 3 0x40186707 0x7f0004000000',
    'p0 ioctl 3 0x6708 0',
  ]);
  t.strictSame(structs[0]!.slice(4), [0, 0x2000, 0x2000, 0, 2, 0x101, 0]);
  t.strictSame(structs[1]!.slice(0, 6), [0, 0x2000, 0x2000, 0, 1, 0]);
  t.end();
});

t.test('fd names are per process and copied at fork; a failed open leaves -1', (t) => {
  const answer: Answer = ({ name, args }) =>
    name === 'open' && args[0] === '/dev/hmm_dmirror9' ? -ENOENT : undefined;
  const { machine, take } = start('6.12', answer);
  take({ op: 'open', fd: 'd0', device: 0 });
  take({ op: 'fork', child: 'p1' });
  take({ as: 'p1', op: 'open', fd: 'd0', device: 1 });
  machine.log();
  take({ op: 'close', fd: 'd0' });
  take({ op: 'close', fd: 'd0' });
  take({ as: 'p1', op: 'close', fd: 'd0' });
  t.strictSame(take({ op: 'open', fd: 'd1', device: 9 }), { ret: 'ENOENT' });
  take({ op: 'close', fd: 'd1' });
  t.strictSame(machine.log(), [
    'p0 close 4',
    'p0 close -1',
    'p1 close 5',
    'p0 open /dev/hmm_dmirror9 2',
    'p0 close -1',
  ]);
  t.end();
});

t.test('processes that are gone, or never were, answer ESRCH', (t) => {
  const { session, take } = start('6.12');
  take({ op: 'fork', child: 'p1' });
  t.strictSame(session.alive, ['p0', 'p1']);
  t.strictSame(take({ op: 'exit' }), { ret: 0 });
  t.strictSame(session.alive, ['p1']);
  t.strictSame(take({ op: 'load', ...range }), { ret: 'ESRCH' });
  t.strictSame(take({ op: 'exit' }), { ret: 'ESRCH' });
  t.strictSame(take({ as: 'p9', op: 'unpin' }), { ret: 'ESRCH' });
  t.strictSame(take({ as: 'p1', op: 'unpin' }), { ret: 0 });
  t.end();
});

t.test('a fork that fails makes no process', (t) => {
  const { take } = start('6.12', ({ name }) => (name === 'fork' ? -ENOMEM : undefined));
  t.strictSame(take({ op: 'fork', child: 'p1' }), { ret: 'ENOMEM' });
  t.strictSame(take({ as: 'p1', op: 'unpin' }), { ret: 'ESRCH' });
  t.end();
});

t.test('an oops and a hang are results and end the session; other errors are ours', (t) => {
  const dying = (error: Error) =>
    start('6.12', ({ name }) => {
      if (name === 'munmap') throw error;
      return undefined;
    });
  const step = { op: 'munmap', ...range } as const;
  const oops = dying(new KernelBug('dmirror_do_read', 'unaddressable page'));
  t.strictSame(oops.take(step), { oops: 'dmirror_do_read' });
  t.equal(oops.session.fatal?.message, 'dmirror_do_read: unaddressable page');
  const hang = dying(new Hang('memunmap_pages', 'nothing can run'));
  t.strictSame(hang.take(step), { hang: 'memunmap_pages' });
  const killed = dying(new ProcessDied(1, 'SIGBUS', null));
  t.strictSame(killed.take(step), { ret: 'ESRCH' });
  t.equal(killed.session.fatal, undefined);
  t.throws(() => dying(new TypeError('bug')).take(step), { message: 'bug' });
  t.end();
});
