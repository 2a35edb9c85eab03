// SPDX-License-Identifier: GPL-2.0-only
/**
 * What may sleep is a generator of type `Task<T>`; `yield*` marks every point where another task may run.
 * What may not sleep is a plain function.
 */

/** Why a task gave up the CPU. `where` is the kernel (or user) function that sleeps, for hang reports. */
export interface Wait {
  readonly where: string;
}

export type Task<T = void> = Generator<Wait, T, void>;
