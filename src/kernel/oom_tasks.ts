// SPDX-License-Identifier: GPL-2.0-only
/** Processes as the OOM killer, and who loses memory, see them. */
import type { MceTasks } from '../mm/memory_failure_kill.js';
import type { OomTasks } from '../mm/oom_kill.js';
import type { Executor } from '../sim/executor.js';
import { Process } from './process.js';
import { group_send_sig_info } from './signals.js';

export class LiveProcesses implements OomTasks, MceTasks {
  constructor(
    private readonly executor: Executor,
    /** Every process that ever was, by pid. */
    private readonly processes: ReadonlyMap<number, Process>,
  ) {}

  *all(): Iterable<Process> {
    for (const process of this.processes.values()) if (process.alive) yield process;
  }

  current(): Process | null {
    const owner = this.executor.current?.data;
    return owner instanceof Process ? owner : null;
  }

  kill(process: Process): void {
    group_send_sig_info(process, 'SIGKILL');
  }

  send(process: Process, signal: 'SIGBUS' | 'SIGKILL'): void {
    group_send_sig_info(process, signal);
  }
}
