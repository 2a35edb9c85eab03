// SPDX-License-Identifier: GPL-2.0-only
/** Tasks of a binary trace. There a pid has one name, and 0 is idle: other tasks have pids that no process has. */

/** Of the first task that cannot have its own. */
const FIRST_OWN = 1_000_000;
/** TASK_COMM_LEN without the NUL. */
const MAX_NAME = 15;

export class Tasks {
  /** By pid and name. */
  readonly #pids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  #next = FIRST_OWN;

  /** Return: the pid, and whether it is the first that is heard of it. */
  find(pid: number, task: string): { readonly pid: number; readonly fresh: boolean } {
    const name = task.slice(0, MAX_NAME);
    const key = `${pid} ${name}`;
    const known = this.#pids.get(key);
    if (known !== undefined) return { pid: known, fresh: false };
    const own = pid !== 0 && !this.#names.has(pid) ? pid : this.#next++;
    this.#pids.set(key, own);
    this.#names.set(own, name);
    return { pid: own, fresh: true };
  }

  /** As saved_cmdlines has them. */
  lines(): string[] {
    return [...this.#names].map(([pid, name]) => `${pid} ${name}\n`);
  }
}

/** Machines follow one another; the time of each begins again, that of a file goes on. */
export class FileTime {
  #shift = 0;
  #last = 0;

  /** `ns`: of the machine. */
  at(ns: number): number {
    if (ns + this.#shift < this.#last) this.#shift = this.#last - ns;
    this.#last = ns + this.#shift;
    return this.#last;
  }

  /** The last, as the machine has it. */
  get machine(): number {
    return this.#last - this.#shift;
  }
}
