// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a user program sees: system calls, loads and stores, a little libc.
 *
 * User code is a generator, `function* (sys) { ... }`; every method that may sleep is called with `yield*`.
 * System calls answer as the kernel does: a value, or a negative errno (see src/uapi/errno.ts).
 * Addresses are numbers (47 bits). Words are unsigned 32-bit numbers.
 */
import type { DriverStep } from '../kernel/module.js';
import type { SyscallArg, SyscallResult, WaitStatus } from '../kernel/syscalls/types.js';
import type { Task } from '../sim/task.js';

export type { DriverStep, WaitStatus };

/** A user program, or a thread of one. What it returns is its exit status (nothing: 0). */
// biome-ignore lint/suspicious/noConfusingVoidType: a program that returns nothing is a generator of void.
export type UserMain = (sys: Sys) => Task<number | void>;

/** The outcome of comparing memory with what it should hold. `count` mismatches, the first at word `index`. */
export interface Mismatch {
  readonly count: number;
  readonly index: number;
  readonly value: number;
  readonly expected: number;
}

/** One page looked at by a program that survives signals: its repeated word, "mixed", or the signal. */
export type PageValue = number | string;

/** A process, as drivers of a machine (the harness, the scenario runner) hold it. */
export interface ProcessHandle {
  readonly pid: number;
  /** As traces show it; who drives the process may rename it. */
  name: string;
  readonly alive: boolean;
}

/** A thread that was begun. */
export interface Begun<T> {
  readonly returned: boolean;
  readonly value: T;
  /** The function in which it sleeps. */
  readonly where: string;
}

/** What drivers of a machine need of it. */
export interface MachineApi {
  readonly dmesg: readonly string[];
  /** Simulated nanoseconds since boot. */
  readonly now: number;
  /** modprobe. Return 0 or a negative errno; throws KernelBug when the simulated kernel oopses. */
  loadModule(name: string, params: Readonly<Record<string, string>>): number;
  /** Commands of its drivers that are steps of documents, by their names. */
  readonly driverSteps: ReadonlyMap<string, DriverStep>;
  /** A new process without a program: `call` drives it. */
  spawn(name: string): ProcessHandle;
  /** A new process that runs `main`. */
  start(name: string, main: UserMain): ProcessHandle;
  /**
   * Run `fn` as a thread of `process`, and every other task as scheduled, until `fn` returns.
   * Throws KernelBug on an oops, Hang when nothing can run or `limitNs` of simulated time is over, ProcessDied when
   * the process died meanwhile, InvariantViolation when a checker finds something.
   */
  call<T>(process: ProcessHandle, fn: (sys: Sys) => Task<T>, limitNs?: number): T;
  /** A thread of `process` that runs `fn` from when somebody else runs on, as scheduled. Checkers rest until it has returned. */
  launch<T>(process: ProcessHandle, fn: (sys: Sys) => Task<T>): Begun<T>;
  /** Let a thread of `process` run `fn` as far as it gets, with whoever else can run. Throws as call() does. */
  begin<T>(process: ProcessHandle, fn: (sys: Sys) => Task<T>): Begun<T>;
  /** Run it to its end. Throws as call() does. */
  finish<T>(begun: Begun<T>, limitNs?: number): T;
  /** SIGKILL, or another signal that nobody handles: mm and files are gone when it returns. `core`: it may dump core. */
  kill(process: ProcessHandle, signal?: string, core?: boolean): void;
  /** Every process, by pid (fork's children included). */
  process(pid: number): ProcessHandle | undefined;
  /** Told of each step of a scenario before it is taken: its number, and the step in words. */
  onStep?: ((index: number, text: string) => void) | undefined;
}

export interface Sys {
  readonly pid: number;
  /** Name of the process in traces ("p0", "hmm-tests"). */
  readonly name: string;

  // --- system calls -----------------------------------------------------------------------------
  /** Any system call by its number (src/uapi/syscalls.ts); registers that are left out hold 0. */
  syscall(number: number, ...args: readonly SyscallArg[]): Task<SyscallResult>;
  /**
   * open(2) of /dev/hmm_dmirrorN, /dev/hmm_mirrorN, /sys/kernel/debug/gup_test, /proc/self/pagemap, /proc/meminfo,
   * O_TMPFILE on /tmp and /var/tmp, files of a file system that is mounted.
   */
  open(path: string, flags: number, mode?: number): Task<number>;
  close(fd: number): Task<number>;
  read(fd: number, buf: number, count: number): Task<number>;
  write(fd: number, buf: number, count: number): Task<number>;
  pread(fd: number, buf: number, count: number, offset: number): Task<number>;
  pwrite(fd: number, buf: number, count: number, offset: number): Task<number>;
  lseek(fd: number, offset: number, whence: number): Task<number>;
  ftruncate(fd: number, length: number): Task<number>;
  /** mount(2) with options, as "dax". */
  mount(source: string, target: string, fstype: string, data: string): Task<number>;
  umount(target: string): Task<number>;
  unlink(path: string): Task<number>;
  /** Of a cgroup: /sys/fs/cgroup/NAME, or /sys/fs/cgroup/memory/NAME in the first hierarchy. */
  mkdir(path: string): Task<number>;
  rmdir(path: string): Task<number>;
  /** F_GETFL, and F_SETFL of O_DIRECT alone. */
  fcntl(fd: number, cmd: number, arg: number): Task<number>;
  memfd_create(name: string, flags: number): Task<number>;
  fallocate(fd: number, mode: number, offset: number, length: number): Task<number>;
  fsync(fd: number): Task<number>;
  /** SYNC_FILE_RANGE_*; `nbytes` 0: up to the end of the file. */
  sync_file_range(fd: number, offset: number, nbytes: number, flags: number): Task<number>;
  /** MS_SYNC, MS_ASYNC, MS_INVALIDATE. */
  msync(addr: number, length: number, flags: number): Task<number>;
  userfaultfd(flags: number): Task<number>;
  /** `arg` is a user address; the struct there has the size that the request number encodes. */
  ioctl(fd: number, request: number, arg: number): Task<number>;
  /** The address, or a negative errno. `addr` 0 lets the kernel choose. */
  mmap(addr: number, length: number, prot: number, flags: number, fd: number, offset: number): Task<number>;
  /** prctl(2), of which there are PR_MCE_KILL and PR_MCE_KILL_GET. */
  prctl(option: number, arg2: number, arg3: number): Task<number>;
  arch_prctl(option: number, arg: number): Task<number>;
  munmap(addr: number, length: number): Task<number>;
  mprotect(addr: number, length: number, prot: number): Task<number>;
  madvise(addr: number, length: number, advice: number): Task<number>;
  mremap(old: number, oldLength: number, newLength: number, flags: number, newAddr?: number): Task<number>;
  /** A byte for each page at `vec`. */
  mincore(addr: number, length: number, vec: number): Task<number>;
  /** One range each of the own memory and of that of process `pid`. Return: bytes, or a negative errno. */
  process_vm_readv(pid: number, local: number, remote: number, length: number): Task<number>;
  process_vm_writev(pid: number, local: number, remote: number, length: number): Task<number>;
  /** Policies of memory (src/uapi/mempolicy.ts); `mask` is the address of a mask of nodes of `maxnode` - 1 bits. */
  mbind(
    addr: number,
    length: number,
    mode: number,
    mask: number,
    maxnode: number,
    flags: number,
  ): Task<number>;
  set_mempolicy(mode: number, mask: number, maxnode: number): Task<number>;
  /** The mode, or the node (MPOL_F_NODE), goes to the address `mode`. */
  get_mempolicy(mode: number, mask: number, maxnode: number, addr: number, flags: number): Task<number>;
  /** Return: pages that stay, or a negative errno. */
  migrate_pages(pid: number, maxnode: number, from: number, onto: number): Task<number>;
  /** `pages`: addresses of 64 bits; `nodes`: of 32 bits each, or 0 to ask where they are; `status`: 32 bits each. */
  move_pages(
    pid: number,
    count: number,
    pages: number,
    nodes: number,
    status: number,
    flags: number,
  ): Task<number>;
  mlock(addr: number, length: number): Task<number>;
  munlock(addr: number, length: number): Task<number>;
  /**
   * fork(2). The child runs `child` with its own Sys, then exits; without `child` it is an idle process
   * that Machine.call drives. JavaScript variables are shared, memory is not. Return: the child's pid.
   */
  fork(child?: UserMain): Task<number>;
  /** Ends the calling process (all threads). */
  exit(code: number): Task<never>;
  kill(pid: number, signal: string): Task<number>;
  waitpid(pid: number): Task<WaitStatus | number>;
  nanosleep(ns: number): Task<number>;
  /** A spin of user code: charges simulated time and may be preempted or killed there. */
  spin(): Task<void>;

  // --- threads ----------------------------------------------------------------------------------
  /** A second thread in the same mm; `join` waits and yields what the thread returned. Return: it, or an errno. */
  pthread_create(thread: UserMain): Task<{ join(): Task<number> } | number>;

  // --- loads and stores (a fault without a handler kills the process) -----------------------------
  load32(addr: number): Task<number>;
  store32(addr: number, word: number): Task<void>;
  loadBytes(addr: number, length: number): Task<Uint8Array>;
  storeBytes(addr: number, bytes: Uint8Array): Task<void>;
  /** words[i] = first + i * step for `count` 32-bit words (addr 4-byte aligned; step 0 fills). */
  storeSeq(addr: number, count: number, first: number, step: number): Task<void>;
  /** Compares `count` words with first + i * step; reads all of them, as the C loop does. */
  checkSeq(addr: number, count: number, first: number, step: number): Task<Mismatch>;

  // --- accesses of a program with SIGSEGV and SIGBUS handlers --------------------------------------
  /** Store `word` into every word of the page. Return: "ok" or the signal's name. */
  tryStorePage(addr: number, word: number): Task<string>;
  /** Load the whole page. Return: the repeated word, "mixed", or the signal's name. */
  tryLoadPage(addr: number): Task<PageValue>;
  /** `count` words of one page (addr 4-byte aligned): words[i] = first + i * step. Return: "ok" or the signal. */
  tryStoreWords(addr: number, count: number, first: number, step: number): Task<string>;
  /** Of one page. Return: "ok" where words[i] is first + i * step, else their one word, "mixed", or the signal. */
  tryCheckWords(addr: number, count: number, first: number, step: number): Task<PageValue>;
  /** Of one page. Return: their one word, "mixed", or the signal. */
  tryLoadWords(addr: number, count: number): Task<PageValue>;
  /** words[i] += add in one page. Return: "ok" or the signal. */
  tryAddWords(addr: number, count: number, add: number): Task<string>;

  // --- libc ---------------------------------------------------------------------------------------
  /** Large blocks are page aligned. Return: the address, 0 when there is no memory. */
  malloc(size: number): Task<number>;
  free(addr: number): Task<void>;
  /** gettimeofday(2) in microseconds of simulated time since boot; the vDSO knows it without a system call. */
  gettimeofday(): number;
  /** Uniformly random 32-bit word from the machine's seed (what a read of /dev/urandom gives). */
  random32(): number;
  /** The program calls what is at `addr` so ("buffer->ptr"): it does nothing, but whoever records the program hears of it. */
  named(addr: number, name: string): void;
  /** Line to the program's stderr (collected in Machine.stderr, or passed to its listener). */
  stderr(line: string): void;
}
