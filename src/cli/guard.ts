// SPDX-License-Identifier: GPL-2.0-only
/**
 * Ends what does not end by itself. A simulation never waits, so that no timer has its turn while it runs; node:vm has a
 * thread of its own that watches the time, and stops whatever runs.
 */
import { createContext, Script } from 'node:vm';
import { TimedOut } from '../sim/errors.js';

const context = createContext({ run: undefined as (() => void) | undefined });
const script = new Script('run()');

/**
 * Call `run`; throws TimedOut when that takes longer than `seconds` on the host. What `run` was about is in no state to
 * go on with after that: not even its `finally` blocks have run.
 */
export function guarded<T>(run: () => T, seconds: number): T {
  let result: T | undefined;
  context.run = () => {
    result = run();
  };
  try {
    script.runInContext(context, { timeout: seconds * 1000 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new TimedOut(seconds) : error;
  } finally {
    context.run = undefined;
  }
  return result as T;
}
