// SPDX-License-Identifier: GPL-2.0-only
/** The ways in which a simulation ends early. Modelled failures are negative errnos, never exceptions. */

/** An oops or BUG of the simulated kernel: `fn` is the symbol a real kernel's report names. */
export class KernelBug extends Error {
  constructor(
    readonly fn: string,
    readonly reason: string,
  ) {
    super(`${fn}: ${reason}`);
    this.name = 'KernelBug';
  }
}

/** Nothing can run, or the simulated time limit is over: `where` is the function that never returns. */
export class Hang extends Error {
  constructor(
    readonly where: string,
    readonly reason: string,
  ) {
    super(`${where}: ${reason}`);
    this.name = 'Hang';
  }
}

/** What was simulated took longer on the host than its caller waits. */
export class TimedOut extends Error {
  constructor(readonly seconds: number) {
    super(`did not end within ${seconds} s on this host`);
    this.name = 'TimedOut';
  }
}

/** The scheduler did not want to go on. */
export class ScheduleRefused extends Error {
  constructor() {
    super('the scheduler refused to go on');
    this.name = 'ScheduleRefused';
  }
}

/** The process that was to do something has died: by `signal`, or by exit with `exitCode`. */
export class ProcessDied extends Error {
  constructor(
    readonly pid: number,
    readonly signal: string | null,
    readonly exitCode: number | null,
  ) {
    super(`process ${pid} ${signal === null ? `exited with ${exitCode}` : `was killed by ${signal}`}`);
    this.name = 'ProcessDied';
  }
}

/** Bad input of the user: one line on stderr, exit 64. `where` is "file:line:column" or an option's name. */
export class UsageError extends Error {
  constructor(
    readonly what: string,
    readonly where?: string,
  ) {
    super(where === undefined ? what : `${where}: ${what}`);
    this.name = 'UsageError';
  }
}

/** A checker found the simulated kernel's own state inconsistent: `checker` names the invariant. */
export class InvariantViolation extends Error {
  constructor(
    readonly checker: string,
    readonly finding: string,
  ) {
    super(`${checker}: ${finding}`);
    this.name = 'InvariantViolation';
  }

  /** The finding, by the name that the other ends of a machine have for it. */
  get reason(): string {
    return this.finding;
  }
}
