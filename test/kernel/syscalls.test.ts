// SPDX-License-Identifier: GPL-2.0-only
/** The table of system calls, the way in, and what the calls answer to bad arguments. */
import t from 'tap';
import { syscalls } from '../../src/kernel/syscalls/table.js';
import type { SyscallArg } from '../../src/kernel/syscalls/types.js';
import * as errno from '../../src/uapi/errno.js';
import {
  MAP_HUGETLB,
  MAP_PRIVATE,
  O_RDWR,
  O_TMPFILE,
  PROT_READ,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../src/uapi/mman.js';
import { SIGCHLD, SIGKILL } from '../../src/uapi/signal.js';
import * as nr from '../../src/uapi/syscalls.js';
import { Main } from '../../src/user/threads.js';
import { ANON, PAGE, RW, UserBench } from './bench.js';

class Caller extends UserBench {
  /** What system call `number` answers: a value, or a negative errno. */
  sys(number: number, ...args: readonly SyscallArg[]): number {
    return this.call((sys) => sys.syscall(number, ...args)) as number;
  }

  /** An open file of the kind that can everything but ioctl(). */
  memfd(): number {
    return this.sys(nr.__NR_memfd_create, 'f');
  }

  /** One that can read only. */
  maps(): number {
    return this.sys(nr.__NR_openat, nr.AT_FDCWD, '/proc/self/maps', O_RDWR);
  }

  /** The address of a NUL-terminated string. */
  string(text: string, at = this.map(2)): number {
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.call((sys) => sys.storeBytes(at, bytes));
    return at;
  }
}

t.test('each system call has its number, its name and its fidelity', async (t) => {
  const table = Object.entries(syscalls).map(([number, { name, fidelity, args, traced }]) =>
    [number, name, fidelity, traced ? `(${args.join(', ')})` : 'untraced'].join(' '),
  );
  t.same(table, [
    '0 read simplified (fd, buf, count)',
    '1 write simplified (fd, buf, count)',
    '3 close ported (fd)',
    '7 poll simplified (ufds, nfds, timeout_msecs)',
    '8 lseek simplified (fd, offset, whence)',
    '9 mmap simplified (addr, len, prot, flags, fd, off)',
    '10 mprotect ported (start, len, prot)',
    '11 munmap ported (addr, len)',
    '16 ioctl simplified (fd, cmd, arg)',
    '17 pread64 simplified (fd, buf, count, pos)',
    '18 pwrite64 simplified (fd, buf, count, pos)',
    '25 mremap ported (addr, old_len, new_len, flags, new_addr)',
    '26 msync ported (start, len, flags)',
    '27 mincore ported (start, len, vec)',
    '28 madvise ported (start, len, behavior)',
    '35 nanosleep simplified (ns)',
    '56 clone simplified ()',
    '61 wait4 simplified (pid)',
    '62 kill simplified (pid)',
    '72 fcntl simplified (fd, cmd, arg)',
    '74 fsync simplified (fd)',
    '77 ftruncate simplified (fd, length)',
    '83 mkdir simplified ()',
    '84 rmdir simplified ()',
    '87 unlink simplified ()',
    '149 mlock ported (start, len)',
    '150 munlock ported (start, len)',
    '157 prctl simplified (option, arg2, arg3, arg4, arg5)',
    '158 arch_prctl simplified (option, arg2)',
    '165 mount simplified ()',
    '166 umount simplified ()',
    '231 exit_group ported untraced',
    '237 mbind simplified (start, len, mode, nmask, maxnode, flags)',
    '238 set_mempolicy simplified (mode, nmask, maxnode)',
    '239 get_mempolicy simplified (policy, nmask, maxnode, addr, flags)',
    '256 migrate_pages simplified (pid, maxnode, old_nodes, new_nodes)',
    '257 openat simplified ()',
    '277 sync_file_range simplified (fd, offset, nbytes, flags)',
    '279 move_pages simplified (pid, nr_pages, pages, nodes, status, flags)',
    '285 fallocate simplified (fd, mode, offset, len)',
    '290 eventfd2 simplified (count, flags)',
    '310 process_vm_readv simplified (pid, local, remote, len)',
    '311 process_vm_writev simplified (pid, local, remote, len)',
    '319 memfd_create simplified ()',
    '323 userfaultfd simplified (flags)',
    '435 clone3 simplified untraced',
  ]);
});

t.test('every number of the interface is in the table, under its own name', async (t) => {
  const numbers = Object.entries(nr).filter(([name]) => name.startsWith('__NR_'));
  t.equal(numbers.length, Object.keys(syscalls).length);
  // SYSCALL_DEFINE2(umount) has the number of umount2, as arch/x86/entry/syscalls/syscall_64.tbl says.
  const numberName = (name = ''): string => `__NR_${name === 'umount' ? 'umount2' : name}`;
  t.same(
    numbers.filter(([name, number]) => numberName(syscalls[number as number]?.name) !== name),
    [],
  );
});

t.test('an unknown number answers -ENOSYS', async (t) => {
  const caller = new Caller();
  for (const number of [2, 436, 9999, -1, 0.5])
    t.equal(caller.sys(number), -errno.ENOSYS, `number ${number}`);
});

t.test('every way in takes the same simulated time', async (t) => {
  const caller = new Caller();
  for (const number of [nr.__NR_close, nr.__NR_kill, nr.__NR_munmap, 9999]) {
    t.equal(
      caller.timeOf((sys) => sys.syscall(number, -1)),
      200,
      `number ${number}`,
    );
  }
});

t.test('a descriptor that is not open is -EBADF', async (t) => {
  const caller = new Caller();
  const onFiles = [
    nr.__NR_read,
    nr.__NR_write,
    nr.__NR_close,
    nr.__NR_lseek,
    nr.__NR_ioctl,
    nr.__NR_pread64,
    nr.__NR_pwrite64,
    nr.__NR_ftruncate,
    nr.__NR_fsync,
    nr.__NR_sync_file_range,
  ];
  for (const number of onFiles) t.equal(caller.sys(number, 7), -errno.EBADF, syscalls[number]!.name);
  t.equal(caller.sys(nr.__NR_mmap, 0, PAGE, RW, MAP_PRIVATE, 7, 0), -errno.EBADF, 'mmap');
});

t.test('a file answers for what it cannot do', async (t) => {
  const caller = new Caller();
  const [memfd, maps] = [caller.memfd(), caller.maps()];
  t.same([memfd, maps], [3, 4]);
  t.equal(caller.sys(nr.__NR_write, maps, 0, 1), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_pwrite64, maps, 0, 1, 0), -errno.ESPIPE);
  t.equal(caller.sys(nr.__NR_ftruncate, maps, 1), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_ioctl, memfd, 1, 0), -errno.ENOTTY);
  t.equal(caller.sys(nr.__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, maps, 0), -errno.ENODEV);
  const device = caller.sys(nr.__NR_openat, nr.AT_FDCWD, '/sys/kernel/debug/gup_test', O_RDWR);
  t.equal(caller.sys(nr.__NR_read, device, 0, 1), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_pread64, device, 0, 1, 0), -errno.ESPIPE);
});

t.test('reads and writes move the position, pread64 and pwrite64 do not', async (t) => {
  const caller = new Caller();
  const fd = caller.memfd();
  const buf = caller.string('abcdef');
  t.equal(caller.sys(nr.__NR_write, fd, buf, 6), 6);
  t.equal(caller.sys(nr.__NR_pwrite64, fd, buf, 2, 4), 2);
  t.equal(caller.sys(nr.__NR_lseek, fd, 0, SEEK_CUR), 6);
  t.equal(caller.sys(nr.__NR_lseek, fd, -5, SEEK_END), 1);
  t.equal(caller.sys(nr.__NR_pread64, fd, buf + 16, 6, 0), 6);
  t.equal(caller.sys(nr.__NR_read, fd, buf + 32, 100), 5);
  t.equal(caller.sys(nr.__NR_read, fd, buf + 32, 100), 0, 'at the end');
  t.equal(caller.sys(nr.__NR_lseek, fd, -1, SEEK_SET), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_lseek, fd, 0, SEEK_CUR), 6, 'and stays there');
  t.equal(caller.sys(nr.__NR_read, fd, 8, 1), 0);
  t.equal(caller.sys(nr.__NR_pread64, fd, 8, 1, 0), -errno.EFAULT);
  t.equal(caller.sys(nr.__NR_write, fd, 8, 1), -errno.EFAULT);
  const text = caller.call((sys) => sys.loadBytes(buf, 48));
  t.equal(
    new TextDecoder().decode(text).replaceAll('\0', '.'),
    `abcdef..........abcdab..........bcdab...........`,
  );
});

t.test('a closed descriptor is the next to be given', async (t) => {
  const caller = new Caller();
  t.same([caller.memfd(), caller.memfd(), caller.memfd()], [3, 4, 5]);
  t.equal(caller.sys(nr.__NR_close, 4), 0);
  t.equal(caller.sys(nr.__NR_close, 4), -errno.EBADF);
  t.same([caller.memfd(), caller.memfd()], [4, 6]);
});

t.test('paths that are not there', async (t) => {
  const caller = new Caller();
  const open = (path: SyscallArg, flags = O_RDWR) => caller.sys(nr.__NR_openat, nr.AT_FDCWD, path, flags);
  t.equal(open('/dev/hmm_dmirror0'), -errno.ENOENT, 'no module is loaded');
  t.equal(open('/tmp'), -errno.EISDIR);
  t.equal(open('/home', O_RDWR | O_TMPFILE), -errno.ENOENT);
  t.equal(open('/tmp', O_RDWR | O_TMPFILE), 3);
  t.equal(open('/proc/self/pagemap'), 4);
});

t.test('a name may be a string in user memory', async (t) => {
  const caller = new Caller();
  const open = (path: SyscallArg) => caller.sys(nr.__NR_openat, nr.AT_FDCWD, path, O_RDWR);
  const pages = caller.map(2);
  t.equal(open(caller.string('/proc/self/maps', pages)), 3);
  t.equal(open(caller.string('/proc/self/maps', pages + PAGE - 6)), 4, 'over the end of a page');
  t.equal(open(0), -errno.EFAULT);
  t.equal(open(new Main((sys) => sys.spin())), -errno.EFAULT);
  caller.call((sys) => sys.storeSeq(pages, 2048, 0x2f2f2f2f, 0));
  t.equal(open(pages), -errno.ENAMETOOLONG);
  t.equal(open(pages + PAGE + 8), -errno.EFAULT, 'no NUL before the end of the mapping');
  t.equal(open('/'.repeat(4095)), -errno.ENOENT);
  t.equal(open('/'.repeat(4096)), -errno.ENAMETOOLONG);
  t.equal(caller.sys(nr.__NR_memfd_create, 'f'.repeat(249)), 5);
  t.equal(caller.sys(nr.__NR_memfd_create, 'f'.repeat(250)), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_memfd_create, 0), -errno.EFAULT);
});

t.test('bad ranges', async (t) => {
  const caller = new Caller();
  const at = caller.map(2);
  const fd = caller.memfd();
  const mmap = (...args: number[]) => caller.sys(nr.__NR_mmap, ...args);
  t.equal(mmap(0, PAGE, RW, ANON, -1, 1), -errno.EINVAL, 'offset within a page');
  t.equal(mmap(0, 0, RW, ANON, -1, 0), -errno.EINVAL, 'nothing');
  t.equal(mmap(0, PAGE, RW, ANON & ~MAP_PRIVATE, -1, 0), -errno.EINVAL, 'neither shared nor private');
  t.equal(mmap(0, PAGE, RW, MAP_PRIVATE | MAP_HUGETLB, fd, 0), -errno.EINVAL, 'huge pages of a small file');
  t.equal(mmap(0, 2 ** 48, RW, ANON, -1, 0), -errno.ENOMEM);
  t.equal(caller.sys(nr.__NR_munmap, at + 1, PAGE), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_munmap, 0, PAGE), 0);
  t.equal(caller.sys(nr.__NR_mprotect, at + 1, PAGE, RW), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_mprotect, 0, PAGE, RW), -errno.ENOMEM);
  t.equal(caller.sys(nr.__NR_madvise, at, PAGE, 999), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_mremap, at + 1, PAGE, PAGE, 0), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_mremap, 0, PAGE, PAGE, 0), -errno.EFAULT);
  t.equal(caller.sys(nr.__NR_mlock, 0, PAGE), -errno.ENOMEM);
  t.equal(caller.sys(nr.__NR_arch_prctl, 1, 0), -errno.EINVAL);
  t.equal(caller.sys(nr.__NR_munlock, 0, PAGE), -errno.ENOMEM);
});

t.test('processes that are not there, or not ours', async (t) => {
  const caller = new Caller();
  t.equal(caller.sys(nr.__NR_kill, 99, SIGKILL), -errno.ESRCH);
  t.equal(caller.sys(nr.__NR_wait4, 99), -errno.ECHILD);
  t.equal(caller.sys(nr.__NR_wait4, caller.machine.spawn('stranger').pid), -errno.ECHILD);
  t.equal(caller.sys(nr.__NR_clone, 0x100 | SIGCHLD, 0), -errno.EINVAL, 'CLONE_VM');
  t.equal(caller.sys(nr.__NR_clone3, 0), -errno.EINVAL);
});

t.test('a child has the files of its parent, with their positions, and memory of its own', async (t) => {
  const caller = new Caller();
  const fd = caller.memfd();
  const buf = caller.string('abc');
  const pid = caller.sys(nr.__NR_clone, SIGCHLD);
  const child = caller.machine.process(pid)!;
  const ofChild = (...args: [number, ...number[]]) => caller.call((sys) => sys.syscall(...args), child);
  t.equal(ofChild(nr.__NR_write, fd, buf, 3), 3);
  t.equal(caller.sys(nr.__NR_lseek, fd, 0, SEEK_CUR), 3);
  t.equal(ofChild(nr.__NR_close, fd), 0);
  t.equal(caller.sys(nr.__NR_lseek, fd, 0, SEEK_CUR), 3, 'still open here');
  t.equal(ofChild(nr.__NR_munmap, buf, PAGE), 0);
  t.equal(
    caller.call((sys) => sys.load32(buf)),
    0x636261,
  );
});
