// SPDX-License-Identifier: GPL-2.0-only
/** System calls, as a thread of a process makes them. Each ends as a real one does on its way back to user space. */
import { type FileOperations, OpenFile } from '../fs/file.js';
import { new_hugetlb_file } from '../fs/hugetlbfs.js';
import { shmem_file_setup } from '../fs/memfd.js';
import type { Machine } from '../machine/machine.js';
import { __mm_populate } from '../mm/gup.js';
import { COST_SYSCALL } from '../mm/kernel.js';
import { do_madvise } from '../mm/madvise.js';
import { do_mlock, do_munlock } from '../mm/mlock.js';
import { do_mmap, do_vmi_munmap, dup_mm, type MappingSource } from '../mm/mmap.js';
import { do_mprotect } from '../mm/mprotect.js';
import { do_mremap } from '../mm/mremap.js';
import { shmem_vm_ops } from '../mm/shmem.js';
import { type MmStruct, VM_LOCKED } from '../mm/types.js';
import { KernelBug } from '../sim/errors.js';
import { WaitQueue } from '../sim/executor.js';
import { done, type Task } from '../sim/task.js';
import {
  EBADF,
  ECHILD,
  EINTR,
  EINVAL,
  EISDIR,
  ENODEV,
  ENOENT,
  ENOTTY,
  ESPIPE,
  ESRCH,
} from '../uapi/errno.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  O_TMPFILE,
  SEEK_CUR,
  SEEK_END,
} from '../uapi/mman.js';
import type { UserMain, WaitStatus } from '../user/api.js';
import { type Process, ProcessExit, ProcessKilled } from './process.js';

export class Syscalls {
  constructor(
    protected readonly machine: Machine,
    protected readonly proc: Process,
  ) {}

  get pid(): number {
    return this.proc.pid;
  }

  get name(): string {
    return this.proc.name;
  }

  protected get mm(): MmStruct {
    const { mm } = this.proc;
    if (mm === null) throw new ProcessKilled('SIGKILL');
    return mm;
  }

  // --- entry and exit ---------------------------------------------------------------------------------

  /** Back to user space: at once where nothing is left to do. */
  protected leave<T>(result: T): Task<T> {
    const { files, executor, checking } = this.machine;
    executor.charge(COST_SYSCALL);
    const quiet =
      !checking &&
      files.delayed.length === 0 &&
      !executor.shouldResched &&
      this.proc.pendingSignal === null &&
      (executor.current === null || executor.current.heldLocks === 0);
    return quiet ? done(result) : this.exit_to_user_mode(result);
  }

  /** Last fput()s, lock and invariant checks, preemption, signals. */
  private *exit_to_user_mode<T>(result: T): Task<T> {
    const { files, executor } = this.machine;
    if (files.delayed.length > 0) yield* files.flush_delayed_fput();
    const held = executor.current?.heldLocks ?? 0;
    if (held !== 0)
      throw new KernelBug('syscall_exit_to_user_mode', 'lock held when returning to user space');
    if (this.machine.checking) this.machine.check();
    if (executor.shouldResched) yield* executor.cond_resched('exit_to_user_mode');
    this.deliver_signals();
    return result;
  }

  protected deliver_signals(): void {
    if (this.proc.pendingSignal !== null) throw new ProcessKilled(this.proc.pendingSignal);
  }

  // --- files ------------------------------------------------------------------------------------------

  *open(path: string, flags: number): Task<number> {
    return yield* this.leave(yield* this.do_open(path, flags));
  }

  private *do_open(path: string, flags: number): Task<number> {
    if ((flags & O_TMPFILE) === O_TMPFILE) {
      return path === '/tmp' ? this.install(shmem_file_setup(this.machine.files, 0)) : -ENOENT;
    }
    const f_op = this.machine.lookup(path);
    if (f_op === undefined) return path === '/tmp' ? -EISDIR : -ENOENT;
    return yield* this.open_device(f_op);
  }

  private *open_device(f_op: FileOperations): Task<number> {
    const file = new OpenFile(this.machine.files, f_op);
    const err = f_op.open === undefined ? 0 : yield* f_op.open(file, this.mm);
    return err !== 0 ? err : this.install(file);
  }

  private install(file: OpenFile): number {
    const fd = this.proc.get_unused_fd();
    this.proc.fds.set(fd, file);
    return fd;
  }

  *close(fd: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file === undefined) return yield* this.leave(-EBADF);
    this.proc.fds.delete(fd);
    file.fput();
    return yield* this.leave(0);
  }

  *read(fd: number, buf: number, count: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file?.f_op.read === undefined) return yield* this.leave(file === undefined ? -EBADF : -EINVAL);
    const done = yield* file.f_op.read(file, this.mm, buf, count, file.f_pos);
    if (done > 0) file.f_pos += done;
    return yield* this.leave(done);
  }

  *write(fd: number, buf: number, count: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file?.f_op.write === undefined) return yield* this.leave(file === undefined ? -EBADF : -EINVAL);
    const done = yield* file.f_op.write(file, this.mm, buf, count, file.f_pos);
    if (done > 0) file.f_pos += done;
    return yield* this.leave(done);
  }

  *pread(fd: number, buf: number, count: number, offset: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file?.f_op.read === undefined) return yield* this.leave(file === undefined ? -EBADF : -ESPIPE);
    return yield* this.leave(yield* file.f_op.read(file, this.mm, buf, count, offset));
  }

  *pwrite(fd: number, buf: number, count: number, offset: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file?.f_op.write === undefined) return yield* this.leave(file === undefined ? -EBADF : -ESPIPE);
    return yield* this.leave(yield* file.f_op.write(file, this.mm, buf, count, offset));
  }

  *lseek(fd: number, offset: number, whence: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file === undefined) return yield* this.leave(-EBADF);
    const size = file.mapping?.size ?? 0;
    const base = whence === SEEK_CUR ? file.f_pos : whence === SEEK_END ? size : 0;
    if (base + offset < 0) return yield* this.leave(-EINVAL);
    file.f_pos = base + offset;
    return yield* this.leave(file.f_pos);
  }

  *ftruncate(fd: number, length: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file === undefined) return yield* this.leave(-EBADF);
    if (file.f_op.truncate === undefined) return yield* this.leave(-EINVAL);
    return yield* this.leave(yield* file.f_op.truncate(file, length));
  }

  *memfd_create(_name: string, _flags: number): Task<number> {
    return yield* this.leave(this.install(shmem_file_setup(this.machine.files, 0)));
  }

  *ioctl(fd: number, request: number, arg: number): Task<number> {
    const file = this.proc.fds.get(fd);
    if (file === undefined) return yield* this.leave(-EBADF);
    if (file.f_op.unlocked_ioctl === undefined) return yield* this.leave(-ENOTTY);
    file.get_file();
    const ret = yield* file.f_op.unlocked_ioctl(file, this.mm, request, arg);
    file.fput();
    return yield* this.leave(ret);
  }

  // --- memory -----------------------------------------------------------------------------------------

  *mmap(addr: number, length: number, prot: number, flags: number, fd: number, offset: number): Task<number> {
    return yield* this.leave(yield* this.do_mmap_syscall(addr, length, prot, flags, fd, offset));
  }

  private *do_mmap_syscall(
    addr: number,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ): Task<number> {
    if (offset % 4096 !== 0) return -EINVAL;
    const type = flags & (MAP_SHARED | MAP_PRIVATE);
    if (type === 0 || length === 0) return -EINVAL;
    const hugetlb = (flags & MAP_HUGETLB) !== 0;
    const bytes = hugetlb ? Math.ceil(length / 0x200000) * 0x200000 : Math.ceil(length / 4096) * 4096;
    const mapped = this.mapping_source(fd, flags, bytes, hugetlb);
    if (typeof mapped === 'number') return mapped;
    const { mm } = this;
    yield* mm.mmap_lock.down_write('vm_mmap_pgoff');
    const ret = yield* do_mmap(mm, {
      addr,
      length: bytes,
      prot,
      flags,
      pgoff: offset / 4096,
      source: mapped.source,
      hugetlb,
    });
    const vma = ret < 0 ? null : mm.vmas.vma_lookup(ret);
    const locked = vma !== null && (vma.vm_flags & VM_LOCKED) !== 0;
    mm.mmap_lock.up_write();
    mapped.temporary?.fput();
    if (ret >= 0 && (locked || (flags & MAP_POPULATE) !== 0)) yield* __mm_populate(mm, ret, bytes, true);
    return ret;
  }

  /** What backs the mapping; `temporary` is a file that only the mapping keeps. */
  private mapping_source(
    fd: number,
    flags: number,
    length: number,
    hugetlb: boolean,
  ): { source: MappingSource | null; temporary: OpenFile | null } | number {
    const { files } = this.machine;
    if ((flags & MAP_ANONYMOUS) === 0) {
      const file = this.proc.fds.get(fd);
      if (file === undefined) return -EBADF;
      if (hugetlb) return -EINVAL;
      if (file.f_op.source === undefined) return -ENODEV;
      return { source: file.f_op.source(file), temporary: null };
    }
    if (hugetlb) {
      const { file, source } = new_hugetlb_file(files, length);
      return { source, temporary: file };
    }
    if ((flags & MAP_SHARED) === 0) return { source: null, temporary: null };
    const file = shmem_file_setup(files, length);
    return { source: { file, ops: shmem_vm_ops }, temporary: file };
  }

  *munmap(addr: number, length: number): Task<number> {
    const { mm } = this;
    yield* mm.mmap_lock.down_write('__vm_munmap');
    const ret = yield* do_vmi_munmap(mm, addr, length);
    mm.mmap_lock.up_write();
    return yield* this.leave(ret);
  }

  *mprotect(addr: number, length: number, prot: number): Task<number> {
    return yield* this.leave(yield* do_mprotect(this.mm, addr, length, prot));
  }

  *madvise(addr: number, length: number, advice: number): Task<number> {
    return yield* this.leave(yield* do_madvise(this.mm, addr, length, advice));
  }

  *mremap(old: number, oldLength: number, newLength: number, flags: number, newAddr = 0): Task<number> {
    const request = { addr: old, oldLength, newLength, flags, newAddr };
    return yield* this.leave(yield* do_mremap(this.mm, request));
  }

  *mlock(addr: number, length: number): Task<number> {
    return yield* this.leave(yield* do_mlock(this.mm, addr, length));
  }

  *munlock(addr: number, length: number): Task<number> {
    return yield* this.leave(yield* do_munlock(this.mm, addr, length));
  }

  // --- processes ---------------------------------------------------------------------------------------

  *fork(child?: UserMain): Task<number> {
    const mm = yield* dup_mm(this.mm);
    if (typeof mm === 'number') return yield* this.leave(mm);
    const process = this.machine.add_process(`${this.proc.name}+`, this.proc, mm);
    for (const [fd, file] of this.proc.fds) {
      file.get_file();
      process.fds.set(fd, file);
    }
    process.heap = this.proc.heap.clone();
    if (child !== undefined) this.machine.run_main(process, child);
    return yield* this.leave(process.pid);
  }

  // biome-ignore lint/correctness/useYield: it ends in an exception, like the system call that never returns.
  *exit(code: number): Task<never> {
    throw new ProcessExit(code);
  }

  *kill(pid: number, signal: string): Task<number> {
    const target = this.machine.process(pid);
    if (target === undefined || target.reaped) return yield* this.leave(-ESRCH);
    if (target.alive) this.machine.send_signal(target, signal);
    return yield* this.leave(0);
  }

  *waitpid(pid: number): Task<WaitStatus | number> {
    const child = this.machine.process(pid);
    if (child === undefined || child.parent !== this.proc || child.reaped) return yield* this.leave(-ECHILD);
    this.proc.interruptible.add(this.proc.childExit);
    while (child.alive && this.proc.pendingSignal === null) {
      yield* this.proc.childExit.sleep(this.machine.executor, 'do_wait');
    }
    if (child.alive) return yield* this.leave(-EINTR);
    child.reaped = true;
    return yield* this.leave({ pid, exitCode: child.exitCode, signal: child.signal });
  }

  *nanosleep(ns: number): Task<number> {
    const { executor } = this.machine;
    const until = executor.now + ns;
    const queue = new WaitQueue();
    this.proc.interruptible.add(queue);
    executor.addTimer(until, () => queue.wakeAll(executor));
    while (executor.now < until && this.proc.pendingSignal === null) {
      yield* queue.sleep(executor, 'do_nanosleep');
    }
    this.proc.interruptible.delete(queue);
    return yield* this.leave(executor.now < until ? -EINTR : 0);
  }

  *spin(): Task {
    const { executor } = this.machine;
    executor.charge(1000);
    if (executor.shouldResched) yield* executor.cond_resched('user loop');
    this.deliver_signals();
  }
}
