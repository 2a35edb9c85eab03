// SPDX-License-Identifier: GPL-2.0-only
/** The machine as its owner sees it: boot it, load the module, run processes on it. */
import { type Checked, run_checkers, run_leak_check } from '../checkers/index.js';
import { CgroupDirectories } from '../fs/cgroup.js';
import { type FileOperations, FileTable } from '../fs/file.js';
import { proc_early_kill_operations } from '../fs/proc_early_kill.js';
import { proc_fault_inject_operations } from '../fs/proc_fault_inject.js';
import { proc_mem_operations } from '../fs/proc_mem.js';
import { proc_meminfo_operations } from '../fs/proc_meminfo.js';
import { proc_maps_operations, proc_pagemap_operations } from '../fs/proc_pagemap.js';
import { MEMORY_STATE, memory_state_operations } from '../fs/sysfs_memory.js';
import type { Generation } from '../generations/index.js';
import { do_coredump, sig_kernel_coredump } from '../kernel/coredump.js';
import type { Drivers } from '../kernel/drivers.js';
import { do_exit } from '../kernel/exit.js';
import type { DriverStep } from '../kernel/module.js';
import { LiveProcesses } from '../kernel/oom_tasks.js';
import { assertBegun, blamed, driverBehind, keepLongStacks } from '../kernel/outside.js';
import { Process, signalsOf } from '../kernel/process.js';
import type { KernelServices } from '../kernel/services.js';
import { startThread, type Thread } from '../kernel/thread.js';
import { buildIomem, hasMemory, physmemEnd } from '../mm/e820.js';
import { HugetlbPool } from '../mm/hugetlb_pool.js';
import { type HostMemory, Kernel } from '../mm/kernel.js';
import { split_nodes } from '../mm/page_alloc_nodes.js';
import { SwapDevice } from '../mm/swap.js';
import type { FunctionSink, TraceSink } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { KernelBug, ProcessDied } from '../sim/errors.js';
import { Executor, type SimTask } from '../sim/executor.js';
import { PAGE_SIZE } from '../sim/memmap.js';
import { Prng } from '../sim/prng.js';
import type { Scheduler } from '../sim/scheduler.js';
import { RandomWalk } from '../sim/schedulers/random_walk.js';
import { RunToBlock } from '../sim/schedulers/run_to_block.js';
import type { Task } from '../sim/task.js';
import type { Begun, MachineApi, ProcessHandle, Sys, UserMain } from '../user/api.js';
import { OOPS, PANIC } from '../user/kernel-log.js';
import { type Outside, Program } from '../user/program.js';
import { Main } from '../user/threads.js';
import { describeMachine, type MachineDescription, type MachineOptions } from './description.js';
import { Modules } from './modules.js';
import { type LoadableDriver, moduleNamed } from './registry.js';

export type { Process } from '../kernel/process.js';
export type { MachineOptions } from './description.js';

/** Files of the kernel's own, that belong to no driver. */
const PROC_FILES: ReadonlyMap<string, FileOperations> = new Map([
  ['/proc/self/pagemap', proc_pagemap_operations],
  ['/proc/self/maps', proc_maps_operations],
  ['/proc/meminfo', proc_meminfo_operations],
  ['/proc/sys/vm/memory_failure_early_kill', proc_early_kill_operations],
]);

const SCHEDULERS = { 'run-to-block': RunToBlock, random: RandomWalk } as const;

/** What tells this choice from the other streams of a seed. */
const MEMORY = 0x3e3081e5;

/**
 * The page block that memory is handed out from first, which a real machine's boot leaves to chance: from the lowest
 * address up with seed 0, from anywhere with another.
 */
function firstBlock(seed: number): number {
  return seed === 0 ? 0 : new Prng(seed + MEMORY).nextU32();
}

/** Simulated time that a call takes at most, unless the caller says otherwise. */
const CALL_LIMIT_NS = 60e9;

/** A thread of call(), or of begin() and finish(). */
class BegunThread<T> implements Begun<T> {
  constructor(readonly thread: Thread) {}

  get returned(): boolean {
    return this.thread.returned;
  }

  get value(): T {
    return this.thread.value as T;
  }

  get where(): string {
    return this.thread.task.where;
  }
}

export class Machine implements MachineApi, KernelServices, Outside {
  generation: Generation;
  checking: boolean;
  /** When the checkers ran last, in simulated time. */
  private checkedAt = -1;
  /** Threads of launch(). */
  private launched: readonly SimTask[] = [];
  /** Where programs write their stderr; collected here unless somebody listens. */
  readonly stderr: string[] = [];
  onStderr: ((line: string) => void) | null = null;
  onStep: MachineApi['onStep'];
  /** User space of new processes, where it is another than a plain program. */
  newProgram: ((process: Process, outside: Outside) => Program) | null = null;
  kernel!: Kernel;
  files!: FileTable;
  executor!: Executor;
  private modules!: Modules;
  private scheduler!: Scheduler;
  private processes = new Map<number, Process>();
  private nextPid = 1;
  /** Whether this boot has a driver from outside of the tree. */
  private hasOutsider = false;

  /** Throws UsageError for an unknown kernel or bug, or for memory that cannot be laid out. */
  static boot(options: MachineOptions = {}): Machine {
    return new Machine(describeMachine(options));
  }

  static bootAs(description: MachineDescription): Machine {
    return new Machine(description);
  }

  protected constructor(public description: MachineDescription) {
    this.generation = description.generation;
    this.checking = description.check;
    this.power_on(null);
  }

  /**
   * Forget everything and boot again, as `description` says, which must have the same `physical` as before. Cheaper than a new
   * machine; nothing is carried over.
   */
  reset(description: MachineDescription = this.description): void {
    const host = this.kernel.power_off();
    this.description = description;
    this.generation = description.generation;
    this.checking = description.check;
    // A new map: a cleared one keeps its old table, and with it the whole last boot, alive until a full collection.
    this.processes = new Map();
    this.checkedAt = -1;
    this.launched = [];
    this.stderr.length = 0;
    this.onStep = undefined;
    this.nextPid = 1;
    this.power_on(host);
  }

  private power_on(reuse: HostMemory | null): void {
    const { physical, kaslr, hugepages, swap, thp, scheduler, schedule, seed } = this.description;
    const { builtin, laidOutFor, nodes } = this.description;
    this.scheduler = scheduler ?? new SCHEDULERS[schedule](seed);
    this.scheduler.newExecution();
    this.executor = new Executor(this.scheduler);
    const ram = physical.ram
      .map(({ start, size }) => ({ pfn: start / PAGE_SIZE, pages: Math.floor(size / 0x200000) * 512 }))
      .filter(({ pages }) => pages > 0);
    this.kernel = new Kernel(
      this.executor,
      this.generation.behaviours,
      buildIomem(physical, physmemEnd(physical, kaslr && this.generation.behaviours.kaslrEndsFreeRegions)),
      split_nodes(ram, nodes),
      thp,
      reuse,
      firstBlock(seed),
      physical.holes ? (pfn) => hasMemory(physical, pfn * PAGE_SIZE) : null,
    );
    this.kernel.signals = signalsOf(this.executor);
    const live = new LiveProcesses(this.executor, this.processes);
    this.kernel.oomTasks = live;
    this.kernel.mceTasks = live;
    this.kernel.hugetlb = new HugetlbPool(this.kernel, hugepages);
    if (swap > 0) this.kernel.swap = new SwapDevice(Math.floor(swap / PAGE_SIZE));
    this.files = new FileTable(this.kernel, new CgroupDirectories(this.kernel));
    this.modules = new Modules(this, this.checking, builtin ? (laidOutFor?.name ?? null) : null);
    this.hasOutsider = false;
  }

  get dmesg(): readonly string[] {
    return this.kernel.dmesg;
  }

  /** Simulated nanoseconds since boot. */
  get now(): number {
    return this.executor.now;
  }

  set trace(sink: TraceSink | null) {
    this.kernel.trace = sink;
  }

  set functions(sink: FunctionSink | null) {
    this.kernel.functions = sink;
  }

  random32(): number {
    return Number(this.scheduler.nextU64() & 0xffffffffn);
  }

  stderr_line(line: string): void {
    if (this.onStderr !== null) this.onStderr(line);
    else this.stderr.push(line);
  }

  /** Its drivers, for whoever looks at pages from outside. */
  get drivers(): Drivers {
    return this.modules.drivers;
  }

  /** The file operations behind a path; undefined where there is no such file. */
  lookup(path: string): FileOperations | undefined {
    return (
      this.modules.lookup(path) ??
      PROC_FILES.get(path) ??
      this.processFile(path) ??
      this.memoryBlock(path) ??
      (CgroupDirectories.has(path) ? this.files.cgroups.lookup(path) : undefined) ??
      this.files.strays.get(path)
    );
  }

  /** /proc/PID/mem and /proc/PID/make-it-fail, of a process that lives. */
  private processFile(path: string): FileOperations | undefined {
    const [, pid, file] = /^\/proc\/(\d+)\/(mem|make-it-fail)$/.exec(path) ?? [];
    const process = pid === undefined ? undefined : this.processes.get(Number(pid));
    if (process === undefined || process.mm === null) return undefined;
    if (file === 'mem') return proc_mem_operations(process.mm);
    return proc_fault_inject_operations((fails) => this.makeItFail(process, fails));
  }

  private memoryBlock(path: string): FileOperations | undefined {
    const [, block] = MEMORY_STATE.exec(path) ?? [];
    return block === undefined ? undefined : memory_state_operations(this.kernel, Number(block));
  }

  private makeItFail(process: Process, fails: boolean): void {
    process.makeItFail = fails;
    this.kernel.pages.should_fail_alloc_page = () => this.kernel.oomTasks?.current()?.makeItFail ?? false;
  }

  /** Commands of its drivers that are steps of documents. */
  get driverSteps(): ReadonlyMap<string, DriverStep> {
    return this.modules.steps;
  }

  /** Throws InvariantViolation when a checker finds something. */
  check(): void {
    run_checkers(this.checked());
    this.checkedAt = this.executor.now;
  }

  /** Is a thread of launch() on its way? What it is about to change holds no invariant. */
  private get racing(): boolean {
    return this.launched.some(({ state }) => state !== 'done');
  }

  /** The same, where the kernel was at work since. All that it does takes time. */
  private checkAgain(): void {
    if (this.checkedAt !== this.executor.now) this.check();
  }

  /**
   * The end of a machine's life: kill whatever lives, then nothing may be left of it. Throws InvariantViolation when
   * a checker finds something.
   */
  leakCheck(): void {
    for (const process of this.processes.values()) this.kill(process);
    // What drivers do later for processes that are gone.
    this.settle();
    this.blaming(() => run_leak_check(this.checked()));
  }

  private checked(): Checked {
    const { kernel: k, modules } = this;
    return { k, drivers: modules.drivers, own: modules.checkers, mms: [...k.mms] };
  }

  // --- modules -----------------------------------------------------------------------------------------

  /**
   * modprobe. Return: 0 or a negative errno; throws KernelBug when the simulated kernel oopses, UsageError when there
   * is no such module.
   */
  loadModule(name: string, params: Readonly<Record<string, string>>): number {
    return this.init_module(moduleNamed(name), params);
  }

  /** The same with a module that the registry does not have. What it does wrong is told with its file and line. */
  insmod(module: LoadableDriver, params: Readonly<Record<string, string>> = {}): number {
    return this.init_module(module, params);
  }

  private init_module(module: LoadableDriver, params: Readonly<Record<string, string>>): number {
    if (module.outside) this.watchOutsiders();
    return this.run_kernel_task('modprobe', this.modules.load(module, params));
  }

  /** From now on, a driver from outside of the tree is at work. */
  private watchOutsiders(): void {
    if (this.hasOutsider) return;
    this.hasOutsider = true;
    keepLongStacks();
    const { kernel } = this;
    const warn = kernel.warn.bind(kernel);
    kernel.warn = (fn, message) => {
      const site = driverBehind();
      warn(fn, site === null ? message : `${message} (at ${site})`);
    };
  }

  /**
   * Do `body`; what a driver from outside did wrong meanwhile is thrown as the kernel finds it, with the driver's line.
   * The log of a machine that does not outlive an oops says so last.
   */
  private blaming<T>(body: () => T): T {
    if (!this.description.panicOnOops) return this.blamingOutsiders(body);
    try {
      return this.blamingOutsiders(body);
    } catch (error) {
      if (error instanceof KernelBug) this.kernel.printk(PANIC);
      throw error;
    }
  }

  private blamingOutsiders<T>(body: () => T): T {
    if (!this.hasOutsider) return body();
    try {
      const value = body();
      assertBegun();
      return value;
    } catch (error) {
      const told = blamed(error, this.kernel);
      // The log keeps why.
      if (told instanceof KernelBug) this.kernel.printk(`${OOPS}${told.message}`);
      throw told;
    }
  }

  /** rmmod. Return: 0, or -ENOENT for what is no module here; throws Hang when somebody keeps a device page. */
  unloadModule(name: string): number {
    return this.run_kernel_task('rmmod', this.modules.unload(name));
  }

  private run_kernel_task<T>(name: string, body: Task<T>): T {
    const task = this.executor.spawn(name, body, null);
    this.blaming(() => {
      this.executor.runUntil(task, this.executor.now + CALL_LIMIT_NS);
      if (this.checking) this.check();
    });
    return task.result as T;
  }

  // --- processes ---------------------------------------------------------------------------------------

  /** A new process without a program: `call` drives it. */
  spawn(name: string): Process {
    const process = this.add_process(name, null, this.kernel.mm_alloc());
    process.user = this.newProgram?.(process, this) ?? new Program(process, this);
    return process;
  }

  /** A new process that runs `main`. */
  start(name: string, main: UserMain): Process {
    const process = this.spawn(name);
    startThread(process, new Main(main), 'main');
    return process;
  }

  add_process(name: string, parent: Process | null, mm: MmStruct): Process {
    const process = new Process(this, this.nextPid++, name, parent, mm);
    this.processes.set(process.pid, process);
    return process;
  }

  process(pid: number): Process | undefined {
    return this.processes.get(pid);
  }

  /** The process whose address space `mm` is; undefined when it is gone. */
  processOf(mm: MmStruct | null): Process | undefined {
    return [...this.processes.values()].find((process) => process.mm === mm && mm !== null);
  }

  /**
   * Run `fn` as a thread of `process`, and every other task as scheduled, until `fn` returns.
   * Throws KernelBug on an oops, Hang when nothing can run or `limitNs` of simulated time is over, ProcessDied when
   * the process died meanwhile.
   */
  call<T>(handle: ProcessHandle, fn: (sys: Sys) => Task<T>, limitNs: number = CALL_LIMIT_NS): T {
    return this.finish(this.begun(handle, fn), limitNs);
  }

  private begun<T>(handle: ProcessHandle, fn: (sys: Sys) => Task<T>): BegunThread<T> {
    const process = this.processes.get(handle.pid)!;
    // Whoever was sent a signal, and has no thread to find it, ends first.
    if (process.alive && process.pendingSignal !== null && process.threads.length === 0) this.settle();
    if (!process.alive) throw new ProcessDied(process.pid, process.signal, process.exitCode);
    return new BegunThread<T>(startThread(process, new Main(fn), 'call'));
  }

  launch<T>(handle: ProcessHandle, fn: (sys: Sys) => Task<T>): Begun<T> {
    const begun = this.begun(handle, fn);
    this.launched = [...this.launched.filter(({ state }) => state !== 'done'), begun.thread.task];
    return begun;
  }

  begin<T>(handle: ProcessHandle, fn: (sys: Sys) => Task<T>): Begun<T> {
    const begun = this.begun(handle, fn);
    this.settle();
    return begun;
  }

  finish<T>(begun: Begun<T>, limitNs: number = CALL_LIMIT_NS): T {
    const { thread } = begun as BegunThread<T>;
    const { process, task } = thread;
    this.blaming(() => {
      this.executor.runUntil(task, this.executor.now + limitNs);
      if (this.checking && !this.racing) this.checkAgain();
    });
    if (!thread.returned) throw new ProcessDied(process.pid, process.signal, process.exitCode);
    return begun.value;
  }

  /** Run everything that can run, until all is quiet or `limitNs` of simulated time is over. */
  settle(limitNs = CALL_LIMIT_NS): void {
    this.blaming(() => this.executor.drain(this.executor.now + limitNs));
  }

  /**
   * A signal that nobody handles: mm and files are gone when it returns. `core`: RLIMIT_CORE lets it dump core.
   * Throws what a dump may run into, as call() does.
   */
  kill(handle: ProcessHandle, signal = 'SIGKILL', core = false): void {
    const process = this.processes.get(handle.pid)!;
    if (!process.alive) return;
    if (core && sig_kernel_coredump(signal) && process.mm !== null) {
      this.run_kernel_task('do_coredump', do_coredump(process.mm));
    }
    process.signal_wake_up(signal);
    this.settle();
    if (process.alive) this.run_kernel_task('do_exit', do_exit(process, null, signal));
    else if (this.checking && !this.racing) this.blaming(() => this.check());
  }
}
