// SPDX-License-Identifier: GPL-2.0-only
/** A small machine with one process, and what a test asks of it in one line. */
import { Machine, type Process } from '../../src/machine/machine.js';
import { ProcessDied } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';
import { encodeRequest } from '../../src/uapi/userfaultfd.js';
import type { Sys } from '../../src/user/api.js';

export const RW = PROT_READ | PROT_WRITE;
export const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
export const PAGE = 4096;

export class UserBench {
  readonly machine = Machine.boot({ kernel: '6.12', memory: 2 ** 30, hugepages: 2, check: true });
  readonly process: Process = this.machine.spawn('p0');

  call<T>(fn: (sys: Sys) => Task<T>, process = this.process): T {
    return this.machine.call(process, fn);
  }

  /** How the process dies of `fn`: a signal, or an exit code. */
  deathOf(fn: (sys: Sys) => Task<unknown>): string | number | null {
    try {
      this.call(fn);
    } catch (error) {
      if (error instanceof ProcessDied) return error.signal ?? error.exitCode;
      throw error;
    }
    return null;
  }

  /** Anonymous pages, readable and writable unless `prot` says otherwise. */
  map(pages: number, prot = RW): number {
    return this.call((sys) => sys.mmap(0, pages * PAGE, prot, ANON, -1, 0));
  }

  /** Simulated nanoseconds that `fn` takes. */
  timeOf(fn: (sys: Sys) => Task<unknown>): number {
    const begun = this.machine.now;
    this.call(fn);
    return this.machine.now - begun;
  }
}

/** pthread_join() of a thread that there is. */
export function join(thread: { join(): Task<number> } | number): Task<number> {
  if (typeof thread === 'number') throw new Error(`no thread: errno ${thread}`);
  return thread.join();
}

/** A request to a userfaultfd, with the fields of its struct. Return: what it answered. */
export function* request(sys: Sys, fd: number, number: number, ...fields: number[]): Task<number> {
  const room = yield* sys.malloc(64);
  yield* sys.storeBytes(room, encodeRequest(number, ...fields));
  return yield* sys.ioctl(fd, number, room);
}
