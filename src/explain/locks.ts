// SPDX-License-Identifier: GPL-2.0-only
/** Who holds which lock, and where each waits: of a step that hung always, of one that slept when it is asked for. */
import { Process } from '../kernel/process.js';
import type { Machine } from '../machine/machine.js';
import { folio_mapped } from '../mm/page_flags.js';
import { rmap_places } from '../mm/rmap.js';
import type { SimTask } from '../sim/executor.js';
import { type Asked, type Held, LockWatch, type Standing } from '../sim/lock-watch.js';
import { entryAt } from '../watch/observe.js';

/** A task and its locks, as data. */
export interface LocksOf {
  /** Where it was when it slept, where it stays for ever, or where it would have slept if somebody had had the lock. */
  readonly state: 'slept' | 'stays' | 'may sleep';
  readonly task: string;
  readonly fn: string;
  /** "mmap_lock (read)" ... */
  readonly holds: readonly string[];
  readonly waitsFor?: string;
  /** Who has that: "p0 (write)". */
  readonly heldBy?: readonly string[];
}

const withMode = (words: string, { mode }: Held): string => (mode === '' ? words : `${words} (${mode})`);

type TaskName = (task: SimTask) => string;

/** By its name, which is that of a process in a scenario. */
const byName: TaskName = ({ data, name }) => (data instanceof Process ? data.name : name);

/** For programs whose processes have one name. */
export const byPid: TaskName = ({ data, name }) =>
  data instanceof Process ? `${data.name} ${data.pid}` : name;

/** Who keeps the page: the driver, and the process that it keeps it for. */
function keepersOf(machine: Machine, page: number): string[] {
  const holder = machine.drivers.holderOf(page);
  if (holder === null) return mappersOf(machine, page);
  const process = machine.processOf(holder.mm);
  const whose = process === undefined ? holder.name : `${holder.name} for ${process.name}`;
  return [whose, ...mappersOf(machine, page)];
}

/** Who maps the page, where that is a reference of it, too: touched again while somebody waits for it. */
function mappersOf(machine: Machine, page: number): string[] {
  const { kernel } = machine;
  if (!kernel.behaviour.daxPagesAreNormal || !folio_mapped(kernel.mem, page)) return [];
  const mms = rmap_places(kernel, page)
    .filter(({ vma, address }) => entryAt(vma.vm_mm, address).page === page)
    .map(({ vma }) => vma.vm_mm);
  return [...new Set(mms)].map((mm) => `the mapping of ${machine.processOf(mm)?.name ?? 'nobody'}`);
}

function locksOf(
  state: LocksOf['state'],
  { task, where, holds, wants }: Standing,
  taskName: TaskName,
  machine: Machine,
): LocksOf {
  const own = holds.map((held) => withMode(held.lock, held));
  const base = { state, task: taskName(task), fn: where, holds: own };
  if (wants === undefined) return base;
  const heldBy =
    wants.page === undefined
      ? wants.from.map((held) => withMode(taskName(held.task), held))
      : keepersOf(machine, wants.page);
  return { ...base, waitsFor: wants.lock, heldBy };
}

function mayBeOf({ task, where, holds, mayWaitFor }: Asked, taskName: TaskName): LocksOf {
  const own = holds.map((held) => withMode(held.lock, held));
  return { state: 'may sleep', task: taskName(task), fn: where, holds: own, waitsFor: mayWaitFor };
}

/** What is told beside the end of a machine: nothing, where a task slept, or also where it might have had to. */
export type LocksTold = 'ends' | 'sleeps' | 'all';

export class LockExplainer {
  readonly #watch: LockWatch;

  constructor(
    private readonly machine: Machine,
    private readonly tells: LocksTold,
    private readonly taskName: TaskName = byName,
  ) {
    this.#watch = new LockWatch(tells === 'all');
    machine.executor.locks = this.#watch;
  }

  /** `ended`: the machine came to its end, and its tasks are as they were then. */
  take(ended: boolean): LocksOf[] {
    const slept = this.#watch
      .takeSleeps()
      .map((standing) => locksOf('slept', standing, this.taskName, this.machine));
    const asked = this.#watch.takeAsked().map((one) => mayBeOf(one, this.taskName));
    const told = this.tells === 'ends' ? [] : [...asked, ...slept];
    if (!ended) return told;
    const tasks = [...this.machine.executor.tasks()];
    const standing = tasks.map((task) => this.#watch.standing(task, task.queue, task.where));
    return [...told, ...standing.map((one) => locksOf('stays', one, this.taskName, this.machine))];
  }
}

/** A line for each task; sleeps that repeat themselves have one. */
export function lockLines(locks: readonly LocksOf[]): string[] {
  return [...new Set(locks.map(lockLine))];
}

function lockLine({ state, task, fn, holds, waitsFor, heldBy = [] }: LocksOf): string {
  const owner = heldBy.length === 0 ? '' : `, held by ${heldBy.join(' and ')}`;
  const waiting = state === 'may sleep' ? ' for' : ', waits for';
  const waits = waitsFor === undefined ? '' : `${waiting} ${waitsFor}${owner}`;
  return `  locks  ${task} ${state} in ${fn}${waits}; holds ${holds.length === 0 ? 'none' : holds.join(', ')}`;
}
