// SPDX-License-Identifier: GPL-2.0-only
/** Signals of x86-64 Linux (arch/x86/include/uapi/asm/signal.h), by number; 0 is none. */

const names = [
  '',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];

/** Source: include/linux/signal.h SIG_KERNEL_STOP_MASK and SIG_KERNEL_IGNORE_MASK. */
const SURVIVED: ReadonlySet<string> = new Set([
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGWINCH',
]);

/** Signals that end a process where nobody handles them, by number. */
export const deadlySignals: readonly string[] = names.filter((name) => name !== '' && !SURVIVED.has(name));

export const SIGKILL = 9;
export const SIGTERM = 15;
export const SIGCHLD = 17;

/** "SIGKILL" for 9; undefined for what is no signal. */
export function signalName(signal: number): string | undefined {
  return signal > 0 ? names[signal] : undefined;
}

/** 9 for "SIGKILL"; -1, which is no signal, for an unknown name. */
export function signalByName(name: string): number {
  return name === '' ? -1 : names.indexOf(name);
}
