// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine without a kernel: memory that is always there, and system calls that a test answers. It shows
 * what the runner asks for, without the memory core.
 */
import { ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import type { Begun, MachineApi as Machine, ProcessHandle as Process, Sys } from '../../src/user/api.js';

export interface Call {
  readonly process: string;
  readonly name: string;
  readonly args: readonly (string | number)[];
}

/** What a system call returns; undefined for the default (0, or the next address or fd). */
export type Answer = (call: Call, machine: FakeMachine) => number | undefined;

interface FakeProcess extends Process {
  alive: boolean;
}

const PAGE = 4096;

/** Bytes of user memory, shared by all processes: enough for buffers. */
class Memory {
  readonly pages = new Map<number, Uint8Array>();

  page(addr: number): Uint8Array {
    const index = Math.floor(addr / PAGE);
    let page = this.pages.get(index);
    if (page === undefined) this.pages.set(index, (page = new Uint8Array(PAGE)));
    return page;
  }

  read(addr: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.page(addr + i)[(addr + i) % PAGE]!);
  }

  write(addr: number, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) this.page(addr + i)[(addr + i) % PAGE] = byte;
  }
}

export class FakeMachine implements Machine {
  readonly driverSteps = new Map();
  readonly dmesg: string[] = [];
  readonly calls: Call[] = [];
  readonly memory = new Memory();
  readonly now = 0;
  readonly #processes = new Map<number, FakeProcess>();
  #nextAddress = 0x7f0000000000;
  #nextFd = 3;

  constructor(readonly answer: Answer = () => undefined) {}

  loadModule(): number {
    return 0;
  }

  spawn(name: string): Process {
    const process: FakeProcess = { pid: this.#processes.size + 1, name, alive: true };
    this.#processes.set(process.pid, process);
    return process;
  }

  start(): Process {
    throw new Error('the runner starts no programs');
  }

  kill(process: Process): void {
    (process as FakeProcess).alive = false;
  }

  process(pid: number): Process | undefined {
    return this.#processes.get(pid);
  }

  call<T>(process: Process, fn: (sys: Sys) => Task<T>): T {
    if (!process.alive) throw new ProcessDied(process.pid, 'SIGKILL', null);
    const task = fn(this.#sys(process));
    for (;;) {
      const step = task.next();
      if (step.done) return step.value;
    }
  }

  launch<T>(process: Process, fn: (sys: Sys) => Task<T>): Begun<T> {
    return this.begin(process, fn);
  }

  begin<T>(process: Process, fn: (sys: Sys) => Task<T>): Begun<T> {
    return { returned: true, value: this.call(process, fn), where: '' };
  }

  finish<T>({ value }: Begun<T>): T {
    return value;
  }

  /** The calls since the last time, as text: "p0 mmap 0x200000000000 4096 3 50 -1 0". */
  log(): string[] {
    return this.calls.splice(0).map(({ process, name, args }) => {
      const words = args.map((arg) =>
        typeof arg === 'number' && arg >= PAGE ? `0x${arg.toString(16)}` : arg,
      );
      return [process, name, ...words].join(' ');
    });
  }

  #default(name: string, args: readonly (string | number)[]): number {
    if (name === 'open' || name === 'memfd_create') return this.#nextFd++;
    if (name !== 'mmap') return 0;
    const at = args[0] as number;
    if (at !== 0) return at;
    this.#nextAddress += 2 ** 24;
    return this.#nextAddress;
  }

  #syscall(process: Process, name: string) {
    const machine = this;
    // biome-ignore lint/correctness/useYield: nothing sleeps here
    return function* (...args: (string | number)[]): Task<number> {
      const call = { process: process.name, name, args };
      machine.calls.push(call);
      return machine.answer(call, machine) ?? machine.#default(name, args);
    };
  }

  #fork(parent: Process) {
    const machine = this;
    // biome-ignore lint/correctness/useYield: nothing sleeps here
    return function* (): Task<number> {
      const ret = machine.answer({ process: parent.name, name: 'fork', args: [] }, machine);
      machine.calls.push({ process: parent.name, name: 'fork', args: [] });
      return ret ?? machine.spawn(`${parent.name}.child`).pid;
    };
  }

  #sys(process: Process): Sys {
    const { memory } = this;
    const names =
      'open close read pread mmap munmap madvise mprotect mremap mlock munlock ioctl memfd_create ftruncate';
    const syscalls = Object.fromEntries(names.split(' ').map((name) => [name, this.#syscall(process, name)]));
    return {
      ...syscalls,
      fork: this.#fork(process),
      // biome-ignore lint/correctness/useYield: nothing sleeps here
      *storeBytes(addr: number, bytes: Uint8Array): Task {
        memory.write(addr, bytes);
      },
      // biome-ignore lint/correctness/useYield: nothing sleeps here
      *loadBytes(addr: number, length: number): Task<Uint8Array> {
        return memory.read(addr, length);
      },
      *storeSeq(addr: number, count: number, first: number, step: number): Task {
        const words = Uint32Array.from({ length: count }, (_, i) => first + i * step);
        memory.write(addr, new Uint8Array(words.buffer));
      },
      // biome-ignore lint/correctness/useYield: nothing sleeps here
      *tryStorePage(addr: number, word: number): Task<string> {
        memory.write(addr, new Uint8Array(new Uint32Array(PAGE / 4).fill(word).buffer));
        return 'ok';
      },
      *tryLoadPage(addr: number): Task<number | string> {
        const words = new Uint32Array(memory.read(addr, PAGE).buffer);
        return words.every((word) => word === words[0]) ? words[0]! : 'mixed';
      },
    } as unknown as Sys;
  }
}
