// SPDX-License-Identifier: GPL-2.0-only
/** A machine with one process that writes to files, for tests of what becomes of their pages. */
import { Machine, type Process } from '../../src/machine/machine.js';
import type { TraceEvent } from '../../src/mm/trace.js';
import type { Task } from '../../src/sim/task.js';
import { MAP_SHARED, O_RDWR, O_TMPFILE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';

/** What the machine tells of is kept. */
export class WatchedProcess {
  readonly machine: Machine;
  readonly process: Process;
  readonly events: TraceEvent[] = [];

  constructor(kernel: string, memory: number, nodes = 1) {
    this.machine = Machine.boot({ kernel, memory, hugepages: 0, check: true, nodes });
    this.process = this.machine.spawn('p0');
    this.machine.kernel.trace = { emit: (event) => void this.events.push(event) };
  }

  run<T>(main: (sys: Sys) => Task<T>): T {
    return this.machine.call(this.process, main);
  }

  /** The page that the file has at the index. */
  page(index: number): number {
    return this.machine.kernel.mappings.find((mapping) => mapping?.kind === 'ext4')!.i_pages.get(index)!;
  }

  flags(index: number): number {
    return this.machine.kernel.mem.flags[this.page(index)]!;
  }

  end(): void {
    this.machine.kill(this.process);
    this.machine.leakCheck();
  }
}

/** A file of so many pages, and a shared mapping of it. */
export function* mappedFile(sys: Sys, pages: number): Task<{ fd: number; addr: number }> {
  const fd = yield* sys.open('/var/tmp', O_TMPFILE | O_RDWR);
  yield* sys.ftruncate(fd, pages * PAGE_SIZE);
  return { fd, addr: yield* sys.mmap(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) };
}
