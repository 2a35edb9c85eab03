// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/signal.c. Fidelity: simplified: every signal kills; nothing handles, ignores or blocks one. */
import { do_exit } from './exit.js';
import { type Process, ProcessKilled } from './process.js';

/** Send `signal` to all of a process. One without a thread has nobody to find it, and ends on its own. */
export function group_send_sig_info(process: Process, signal: string): void {
  process.signal_wake_up(signal);
  if (process.threads.length === 0) {
    process.services.executor.spawn('do_exit', do_exit(process, null, signal), process);
  }
}

/** On the way back to user space: a pending signal ends the thread there. */
export function deliver_signals(process: Process): void {
  if (process.pendingSignal !== null) throw new ProcessKilled(process.pendingSignal);
}
