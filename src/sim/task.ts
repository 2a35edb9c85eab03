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

/** A task that is over before it begins: what a function returns that may sleep, but did not have to. */
class Done implements Iterator<Wait, unknown, void> {
  private readonly result: IteratorReturnResult<unknown> = { done: true, value: undefined };

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorReturnResult<unknown> {
    return this.result;
  }

  with(value: unknown): this {
    this.result.value = value;
    return this;
  }
}

const shared = new Done();

/**
 * The task that returns `value` at once, without the cost of a generator. One object serves all: hand it to
 * `yield*` directly, never keep it.
 */
export function done<T>(value: T): Task<T> {
  return shared.with(value) as unknown as Task<T>;
}
