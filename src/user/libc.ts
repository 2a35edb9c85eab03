// SPDX-License-Identifier: GPL-2.0-only
/** A program's libc: system calls by their C names, malloc() and free(), threads. A client of the kernel's numbers. */
import type { Process } from '../kernel/process.js';
import { syscall } from '../kernel/syscalls/entry.js';
import type { SyscallArg, SyscallResult, WaitStatus } from '../kernel/syscalls/types.js';
import type { Task } from '../sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../uapi/mman.js';
import { SIGCHLD, signalByName } from '../uapi/signal.js';
import * as nr from '../uapi/syscalls.js';
import type { UserMain } from './api.js';
import { ARENA, type Heap, MMAP_THRESHOLD } from './malloc.js';
import { Main, Pthread } from './threads.js';

export class Libc {
  constructor(
    readonly process: Process,
    protected readonly heap: Heap,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  get name(): string {
    return this.process.name;
  }

  // --- system calls -----------------------------------------------------------------------------------

  syscall(number: number, ...args: readonly SyscallArg[]): Task<SyscallResult> {
    const [a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0] = args;
    return syscall(this.process, number, a0, a1, a2, a3, a4, a5);
  }

  /** A system call that answers with a number, as all but wait4() do. */
  private call(
    number: number,
    a0?: SyscallArg,
    a1?: SyscallArg,
    a2?: SyscallArg,
    a3?: SyscallArg,
    a4?: SyscallArg,
    a5?: SyscallArg,
  ): Task<number> {
    return syscall(this.process, number, a0, a1, a2, a3, a4, a5) as Task<number>;
  }

  open(path: string, flags: number, mode?: number): Task<number> {
    return this.call(nr.__NR_openat, nr.AT_FDCWD, path, flags, mode);
  }

  close(fd: number): Task<number> {
    return this.call(nr.__NR_close, fd);
  }

  read(fd: number, buf: number, count: number): Task<number> {
    return this.call(nr.__NR_read, fd, buf, count);
  }

  write(fd: number, buf: number, count: number): Task<number> {
    return this.call(nr.__NR_write, fd, buf, count);
  }

  pread(fd: number, buf: number, count: number, offset: number): Task<number> {
    return this.call(nr.__NR_pread64, fd, buf, count, offset);
  }

  pwrite(fd: number, buf: number, count: number, offset: number): Task<number> {
    return this.call(nr.__NR_pwrite64, fd, buf, count, offset);
  }

  lseek(fd: number, offset: number, whence: number): Task<number> {
    return this.call(nr.__NR_lseek, fd, offset, whence);
  }

  ftruncate(fd: number, length: number): Task<number> {
    return this.call(nr.__NR_ftruncate, fd, length);
  }

  /** Mount `source` at `target` with these options. */
  mount(source: string, target: string, fstype: string, data: string): Task<number> {
    return this.call(nr.__NR_mount, source, target, fstype, 0, data);
  }

  umount(target: string): Task<number> {
    return this.call(nr.__NR_umount2, target, 0);
  }

  mkdir(path: string): Task<number> {
    return this.call(nr.__NR_mkdir, path);
  }

  rmdir(path: string): Task<number> {
    return this.call(nr.__NR_rmdir, path);
  }

  unlink(path: string): Task<number> {
    return this.call(nr.__NR_unlink, path);
  }

  fcntl(fd: number, cmd: number, arg: number): Task<number> {
    return this.call(nr.__NR_fcntl, fd, cmd, arg);
  }

  memfd_create(name: string, flags: number): Task<number> {
    return this.call(nr.__NR_memfd_create, name, flags);
  }

  fallocate(fd: number, mode: number, offset: number, length: number): Task<number> {
    return this.call(nr.__NR_fallocate, fd, mode, offset, length);
  }

  fsync(fd: number): Task<number> {
    return this.call(nr.__NR_fsync, fd);
  }

  sync_file_range(fd: number, offset: number, nbytes: number, flags: number): Task<number> {
    return this.call(nr.__NR_sync_file_range, fd, offset, nbytes, flags);
  }

  msync(addr: number, length: number, flags: number): Task<number> {
    return this.call(nr.__NR_msync, addr, length, flags);
  }

  userfaultfd(flags: number): Task<number> {
    return this.call(nr.__NR_userfaultfd, flags);
  }

  ioctl(fd: number, request: number, arg: number): Task<number> {
    return this.call(nr.__NR_ioctl, fd, request, arg);
  }

  mmap(addr: number, length: number, prot: number, flags: number, fd: number, offset: number): Task<number> {
    return this.call(nr.__NR_mmap, addr, length, prot, flags, fd, offset);
  }

  prctl(option: number, arg2: number, arg3: number): Task<number> {
    return this.call(nr.__NR_prctl, option, arg2, arg3, 0, 0);
  }

  arch_prctl(option: number, arg: number): Task<number> {
    return this.call(nr.__NR_arch_prctl, option, arg);
  }

  munmap(addr: number, length: number): Task<number> {
    return this.call(nr.__NR_munmap, addr, length);
  }

  mprotect(addr: number, length: number, prot: number): Task<number> {
    return this.call(nr.__NR_mprotect, addr, length, prot);
  }

  madvise(addr: number, length: number, advice: number): Task<number> {
    return this.call(nr.__NR_madvise, addr, length, advice);
  }

  mremap(old: number, oldLength: number, newLength: number, flags: number, newAddr?: number): Task<number> {
    return this.call(nr.__NR_mremap, old, oldLength, newLength, flags, newAddr);
  }

  mincore(addr: number, length: number, vec: number): Task<number> {
    return this.call(nr.__NR_mincore, addr, length, vec);
  }

  process_vm_readv(pid: number, local: number, remote: number, length: number): Task<number> {
    return this.call(nr.__NR_process_vm_readv, pid, local, remote, length);
  }

  process_vm_writev(pid: number, local: number, remote: number, length: number): Task<number> {
    return this.call(nr.__NR_process_vm_writev, pid, local, remote, length);
  }

  /** `mask`: 64 bits a word, as many of them as `maxnode` - 1. */
  mbind(
    addr: number,
    length: number,
    mode: number,
    mask: number,
    maxnode: number,
    flags: number,
  ): Task<number> {
    return this.call(nr.__NR_mbind, addr, length, mode, mask, maxnode, flags);
  }

  set_mempolicy(mode: number, mask: number, maxnode: number): Task<number> {
    return this.call(nr.__NR_set_mempolicy, mode, mask, maxnode);
  }

  get_mempolicy(mode: number, mask: number, maxnode: number, addr: number, flags: number): Task<number> {
    return this.call(nr.__NR_get_mempolicy, mode, mask, maxnode, addr, flags);
  }

  migrate_pages(pid: number, maxnode: number, from: number, onto: number): Task<number> {
    return this.call(nr.__NR_migrate_pages, pid, maxnode, from, onto);
  }

  move_pages(
    pid: number,
    count: number,
    pages: number,
    nodes: number,
    status: number,
    flags: number,
  ): Task<number> {
    return this.call(nr.__NR_move_pages, pid, count, pages, nodes, status, flags);
  }

  mlock(addr: number, length: number): Task<number> {
    return this.call(nr.__NR_mlock, addr, length);
  }

  munlock(addr: number, length: number): Task<number> {
    return this.call(nr.__NR_munlock, addr, length);
  }

  exit(code: number): Task<never> {
    return this.call(nr.__NR_exit_group, code) as Task<never>;
  }

  kill(pid: number, signal: string): Task<number> {
    return this.call(nr.__NR_kill, pid, signalByName(signal));
  }

  waitpid(pid: number): Task<WaitStatus | number> {
    return syscall(this.process, nr.__NR_wait4, pid);
  }

  nanosleep(ns: number): Task<number> {
    return this.call(nr.__NR_nanosleep, ns);
  }

  fork(child?: UserMain): Task<number> {
    return this.call(nr.__NR_clone, SIGCHLD, child === undefined ? undefined : new Main(child));
  }

  *pthread_create(main: UserMain): Task<Pthread | number> {
    const thread = new Pthread(this.process, main);
    const tid = yield* this.call(nr.__NR_clone3, thread);
    return tid < 0 ? -tid : thread;
  }

  // --- memory -----------------------------------------------------------------------------------------

  *malloc(size: number): Task<number> {
    const { heap } = this;
    if (size >= MMAP_THRESHOLD) {
      const addr = yield* this.mapAnonymous(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
      if (addr < 0) return 0;
      heap.addMapped(addr, size);
      return addr;
    }
    const addr = heap.take(size);
    if (addr !== undefined) return addr;
    const arena = yield* this.mapAnonymous(ARENA);
    if (arena < 0) return 0;
    heap.useArena(arena);
    return heap.take(size)!;
  }

  *free(addr: number): Task<void> {
    const size = this.heap.release(addr);
    if (size !== undefined && size >= MMAP_THRESHOLD) yield* this.munmap(addr, size);
  }

  private mapAnonymous(length: number): Task<number> {
    return this.mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
}
