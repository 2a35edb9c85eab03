// SPDX-License-Identifier: GPL-2.0-only
/** What a step answers. Keys stand in the order in which recordings have them. */
import { errnoName } from '../uapi/errno.js';

/** 0, or the name of the errno. */
export type Ret = 0 | string;

export interface StepResult {
  readonly ret?: Ret;
  readonly cpages?: number;
  readonly faults?: number;
  /** What a driver's command answered beside that, by name. */
  readonly answer?: string;
  /** Per page its repeated word, or "mixed". */
  readonly data?: readonly (number | string)[];
  /** Per page the snapshot's permission, spelled out. */
  readonly perm?: readonly string[];
  /** GET_MEM_DEV_TYPE: PRIVATE, GENERIC or COHERENT. */
  readonly type?: string;
  /** Per page "ok", the word, "mixed", or the signal. */
  readonly pages?: readonly (number | string)[];
  /** Per page the spelled /proc/self/pagemap entry. */
  readonly map?: readonly string[];
  /** Per page 1 where it is in memory, else 0 (mincore). */
  readonly core?: readonly (number | string)[];
  /** Pages that did not go where they were told to (migrate_pages, move_pages). */
  readonly stays?: number;
  /** Per page its node, or the name of the errno. */
  readonly nodes?: readonly (number | string)[];
  /** That a read or write of a file transferred. */
  readonly bytes?: number;
  /** What is in an ioctl's struct afterwards, in hexadecimal. */
  readonly struct?: string;
  /** Pages that gup_test reports, or that get got. */
  readonly pinned?: number;
  /** The kernel died in this function. */
  readonly oops?: string;
  /** The step never ended; the function that waits. */
  readonly hang?: string;
  /** The function in which a step in the background waits; `await` tells what it answers. */
  readonly waits?: string;
  /** A checker found the simulated kernel's own state inconsistent (--check): what, in one line. */
  readonly violation?: string;
}

/** The module could not be loaded; unless the document expects that, no step was taken. */
export interface LoadFailure {
  /** The kernel died here; or the function that failed, with `ret`. */
  readonly fn: string;
  readonly reason: string;
  /** The errno of a kernel that lives. */
  readonly ret?: string;
}

/** A scenario that has run. */
export interface ScenarioRun {
  /** One for each step taken, the fatal one included. */
  readonly results: readonly StepResult[];
  readonly loadFailure: LoadFailure | undefined;
  readonly dmesg: readonly string[];
}

export const SUCCESS: StepResult = { ret: 0 };

/** A system call's return value as a result. */
export function retOf(value: number): StepResult {
  return value < 0 ? { ret: errnoName(-value) } : SUCCESS;
}

/** A number of the kernel's, or the name of the errno that it is. */
export const errnoOrNumber = (value: number): number | string => (value < 0 ? errnoName(-value) : value);

/** How the machine ended here (so that nothing can follow); undefined while it lives. */
export function fatalKey(result: StepResult): 'oops' | 'hang' | 'violation' | undefined {
  if (result.oops !== undefined) return 'oops';
  if (result.hang !== undefined) return 'hang';
  return result.violation === undefined ? undefined : 'violation';
}
