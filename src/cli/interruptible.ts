// SPDX-License-Identifier: GPL-2.0-only
/**
 * What Ctrl-C ends on a terminal, whatever the simulated machine does. While it runs, the terminal makes a signal of that key,
 * and node:vm, which has a thread of its own for it, stops whatever runs.
 */
import { createContext, Script } from 'node:vm';

const context = createContext({ run: undefined as (() => void) | undefined });
const script = new Script('run()');

/** Where the keys come from. */
export interface Keys {
  setRawMode?(raw: boolean): unknown;
}

/**
 * Call `run`. Return: what it returns; undefined when Ctrl-C ended it. What it was about is in no state to go on with after
 * that: not even its `finally` blocks have run.
 */
export function interruptible<T>(keys: Keys, run: () => T): { readonly value: T } | undefined {
  let result: { readonly value: T } | undefined;
  context.run = () => {
    result = { value: run() };
  };
  keys.setRawMode?.(false);
  try {
    script.runInContext(context, { breakOnSigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    return undefined;
  } finally {
    keys.setRawMode?.(true);
    context.run = undefined;
  }
  return result;
}
