// SPDX-License-Identifier: GPL-2.0-only
/** As little of a machine as the harness needs: processes that run one after the other, and a clock. */
import { Hang, ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { ENOENT } from '../../src/uapi/errno.js';
import type {
  MachineApi as Machine,
  ProcessHandle as Process,
  Sys,
  UserMain,
  WaitStatus,
} from '../../src/user/api.js';

/** Thrown by a child that is to outlive its fork. */
export class StillRunning extends Hang {
  constructor() {
    super('fork', 'it outlives it');
  }
}

// biome-ignore lint/correctness/useYield: a system call that never sleeps
function* atOnce<T>(run: () => T): Task<T> {
  return run();
}

class FakeProcess implements Process {
  alive = true;
  constructor(
    readonly pid: number,
    readonly name: string,
  ) {}
}

export class FakeMachine implements Pick<Machine, 'spawn' | 'call' | 'kill' | 'process' | 'now' | 'dmesg'> {
  now = 0;
  readonly dmesg: string[] = [];
  readonly killed: number[] = [];
  readonly stderr: string[] = [];
  private readonly processes = new Map<number, FakeProcess>();
  private readonly statuses = new Map<number, WaitStatus>();

  spawn(name: string): FakeProcess {
    const process = new FakeProcess(this.processes.size + 1, name);
    this.processes.set(process.pid, process);
    return process;
  }

  process(pid: number): FakeProcess | undefined {
    return this.processes.get(pid);
  }

  kill(process: Process): void {
    this.killed.push(process.pid);
    this.process(process.pid)!.alive = false;
  }

  call<T>(process: Process, fn: (sys: Sys) => Task<T>, limitNs = Number.POSITIVE_INFINITY): T {
    const task = fn(this.sys(process as FakeProcess));
    const deadline = this.now + limitNs;
    for (;;) {
      const step = task.next();
      if (step.done) return step.value;
      if (this.now > deadline) throw new Hang(step.value.where, 'exceeded its simulated time limit');
    }
  }

  /** The harness sees a Machine; these tests never reach what is missing. */
  get machine(): Machine {
    return this as unknown as Machine;
  }

  private die(process: FakeProcess, signal: string | null, exitCode: number | null): never {
    process.alive = false;
    this.statuses.set(process.pid, { pid: process.pid, exitCode, signal });
    throw new ProcessDied(process.pid, signal, exitCode);
  }

  /** The child runs to its end before fork returns. */
  private runChild(main: UserMain): number {
    const child = this.spawn('child');
    try {
      this.call(child, main);
    } catch (error) {
      if (!(error instanceof ProcessDied || error instanceof StillRunning)) throw error;
    }
    return child.pid;
  }

  private *sleep(ns: number): Task<number> {
    this.now += ns;
    yield { where: 'hrtimer_nanosleep' };
    return 0;
  }

  private sys(process: FakeProcess): Sys {
    const sys = {
      pid: process.pid,
      name: process.name,
      exit: (code: number) => atOnce(() => this.die(process, null, code)),
      kill: (pid: number, signal: string) =>
        atOnce(() => (pid === process.pid ? this.die(process, signal, null) : 0)),
      nanosleep: (ns: number) => this.sleep(ns),
      fork: (main: UserMain) => atOnce(() => this.runChild(main)),
      // No device is there.
      open: () => atOnce(() => -ENOENT),
      malloc: () => atOnce(() => 0x1000),
      stderr: (line: string) => this.stderr.push(line),
      waitpid: (pid: number) => atOnce(() => this.statuses.get(pid)!),
    };
    return sys as unknown as Sys;
  }
}
