// SPDX-License-Identifier: GPL-2.0-only
/** Whether processes of this host are still there. */
import { readFileSync } from 'node:fs';

/** When a process began, in ticks since boot, where /proc tells it: pids come again. */
export function beginOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything, the 20th field.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Is the process with this pid the one that began then? */
export function lives(pid: number, begin: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return beginOf(pid) === begin;
}
