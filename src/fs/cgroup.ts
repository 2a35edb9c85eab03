// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: kernel/cgroup/cgroup.c, and the files of mm/memcontrol.c in it: the directories of the unified hierarchy,
 * and of the first one with the memory controller. Fidelity: simplified: the root has children, but no grandchildren
 * (as with cgroup.max.depth 1), and the memory controller is on for all of them.
 *
 * The controller is in one hierarchy: in that where the first directory is made. The other has none of its files.
 */
import type { Kernel } from '../mm/kernel.js';
import { type MemCgroup, MemCgroups, memcg_page_state } from '../mm/memcontrol.js';
import { mem_cgroup_resize_max, memory_max_write } from '../mm/memcontrol_limit.js';
import { MOVE_MASK, mem_cgroup_move_task } from '../mm/memcontrol_move.js';
import type { MmStruct } from '../mm/types.js';
import { copy_from_user } from '../mm/uaccess.js';
import { done, type Task } from '../sim/task.js';
import { EAGAIN, EBUSY, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, EPERM, ESRCH } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { FileOperations } from './file.js';
import { simple_read_from_buffer } from './libfs.js';

const UNIFIED = '/sys/fs/cgroup';
const LEGACY = '/sys/fs/cgroup/memory';
const NAME_MAX = 255;
/** What a counter without a limit shows, in the first hierarchy. */
const PAGE_COUNTER_MAX = 0x7ffffffffffff000n;

/** A directory: its cgroup, where the memory controller is in this hierarchy; null: the root. */
interface Directory {
  readonly path: string;
  readonly legacy: boolean;
  readonly memcg: MemCgroup | null;
}

/** The directories of a machine, by path. */
export class CgroupDirectories {
  readonly #directories = new Map<string, Directory>(
    [UNIFIED, LEGACY].map((path) => [path, { path, legacy: path === LEGACY, memcg: null }]),
  );

  constructor(private readonly k: Kernel) {}

  /** Whether a path is one of these, or of a file in one. */
  static has(path: string): boolean {
    return path.startsWith(`${UNIFIED}/`);
  }

  #parent(path: string): { readonly directory: Directory | undefined; readonly name: string } {
    const at = path.lastIndexOf('/');
    return { directory: this.#directories.get(path.slice(0, at)), name: path.slice(at + 1) };
  }

  /** Return: 0, -EEXIST, -ENOENT, -EAGAIN for a cgroup in a cgroup, -ENAMETOOLONG, -EINVAL. */
  mkdir(path: string): number {
    if (this.#directories.has(path)) return -EEXIST;
    const { directory, name } = this.#parent(path);
    if (directory === undefined) return -ENOENT;
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    if (name === '' || name.includes('\n')) return -EINVAL;
    if (directory.path !== UNIFIED && directory.path !== LEGACY) return -EAGAIN;
    const { k } = this;
    const { legacy } = directory;
    if (k.memcgs === null) {
      const memcgs = new MemCgroups(legacy, k.behaviour.memcgStocks);
      k.memcgs = memcgs;
      for (const lists of k.lruvecs) lists.memcgOf = (folio) => memcgs.ofFolio.get(folio)?.id ?? 0;
    }
    const memcg = k.memcgs.legacy === legacy ? k.memcgs.add(`/${name}`) : null;
    this.#directories.set(path, { path, legacy, memcg });
    return 0;
  }

  /** Return: 0, -ENOENT, -EPERM of the root, -EBUSY while a process is in it. */
  rmdir(path: string): number {
    const directory = this.#directories.get(path);
    if (directory === undefined) return -ENOENT;
    if (path === UNIFIED || path === LEGACY) return -EPERM;
    const { memcg } = directory;
    if (memcg !== null) {
      for (const mm of this.k.mms) if (mm.memcg === memcg && mm.mm_users > 0) return -EBUSY;
      memcg.online = false;
      this.k.memcgs!.drain_stock(memcg);
    }
    this.#directories.delete(path);
    return 0;
  }

  /** The file of a path; undefined where there is none. */
  lookup(path: string): FileOperations | undefined {
    const { directory, name } = this.#parent(path);
    if (directory === undefined) return undefined;
    if (name === 'cgroup.procs') return cgroup_procs(directory);
    const { memcg, legacy } = directory;
    if (memcg === null) return undefined;
    const file = (legacy ? LEGACY_FILES : MEMORY_FILES)[name];
    return file === undefined ? undefined : file_of(name, memcg, file);
  }
}

/** struct cftype: what a file shows, and what becomes of what is written. */
interface MemoryFile {
  show(k: Kernel, memcg: MemCgroup): string;
  /** Context: may sleep. Return: 0 or -errno. */
  write?(k: Kernel, memcg: MemCgroup, text: string): Task<number>;
}

const bytes = (pages: number): string => `${pages * PAGE_SIZE}`;

const lines = (values: Readonly<Record<string, number | string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');

/** A number of bytes, as memparse() reads it, in pages; `unlimited`: the word for no limit. undefined: it is none. */
function memparse(text: string, unlimited: string): number | undefined {
  if (text === unlimited) return Number.POSITIVE_INFINITY;
  const match = /^(0x[0-9a-f]+|\d+)([kmg]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = ['', 'k', 'm', 'g'].indexOf(match[2]!.toLowerCase());
  return Math.floor((Number(match[1]) * 1024 ** unit) / PAGE_SIZE);
}

/** A limit is written; `unlimited`: the word for none. */
function limiting(
  unlimited: string,
  limit: (k: Kernel, memcg: MemCgroup, max: number) => Task<number>,
): MemoryFile['write'] {
  return (k, memcg, text) => {
    const max = memparse(text, unlimited);
    return max === undefined ? done(-EINVAL) : limit(k, memcg, max);
  };
}

/** What came back to a cgroup after it had been evicted, on all nodes: pages of anonymous memory, and of files. */
function refaults(
  k: Kernel,
  { id }: MemCgroup,
  item: 'refault' | 'activate' | 'restore',
): Readonly<Record<string, number>> {
  const of = (type: 0 | 1): number =>
    k.lruvecs.reduce((sum, lruvec) => sum + lruvec.state(id)[item][type], 0);
  return { [`workingset_${item}_anon`]: of(0), [`workingset_${item}_file`]: of(1) };
}

/** Files of the unified hierarchy. */
const MEMORY_FILES: Readonly<Record<string, MemoryFile>> = {
  'memory.current': { show: (_, { memory }) => `${bytes(memory)}\n` },
  'memory.swap.current': { show: (_, { swap }) => `${bytes(swap)}\n` },
  'memory.max': {
    show: (_, { max }) => `${Number.isFinite(max) ? bytes(max) : 'max'}\n`,
    write: limiting('max', memory_max_write),
  },
  'memory.events': {
    show: (_, { events: { max, oom, oom_kill } }) =>
      lines({ low: 0, high: 0, max, oom, oom_kill, oom_group_kill: 0 }),
  },
  'memory.stat': {
    show(k, memcg) {
      const { anon, file, shmem, anon_thp } = memcg_page_state(k, memcg);
      return lines({
        anon: bytes(anon),
        file: bytes(file),
        shmem: bytes(shmem),
        anon_thp: bytes(anon_thp),
        ...refaults(k, memcg, 'refault'),
        ...refaults(k, memcg, 'activate'),
        ...refaults(k, memcg, 'restore'),
      });
    },
  },
};

/** Files of the first hierarchy. */
const LEGACY_FILES: Readonly<Record<string, MemoryFile>> = {
  'memory.usage_in_bytes': { show: (_, { memory }) => `${bytes(memory)}\n` },
  'memory.failcnt': { show: (_, { failcnt }) => `${failcnt}\n` },
  'memory.limit_in_bytes': {
    show: (_, { max }) => `${Number.isFinite(max) ? bytes(max) : PAGE_COUNTER_MAX}\n`,
    write: limiting('-1', mem_cgroup_resize_max),
  },
  'memory.move_charge_at_immigrate': {
    show: (_, { move_charge_at_immigrate }) => `${move_charge_at_immigrate}\n`,
    write(k, memcg, text) {
      if (!/^\d+$/.test(text)) return done(-EINVAL);
      const value = Number(text);
      if (value > (k.behaviour.chargesMove ? MOVE_MASK : 0)) return done(-EINVAL);
      memcg.move_charge_at_immigrate = value;
      return done(0);
    },
  },
  'memory.stat': {
    show(k, memcg) {
      const { anon, file, shmem, anon_thp } = memcg_page_state(k, memcg);
      return lines({
        cache: bytes(file),
        rss: bytes(anon),
        rss_huge: bytes(anon_thp),
        shmem: bytes(shmem),
        swap: bytes(memcg.swap),
        ...refaults(k, memcg, 'refault'),
      });
    },
  },
};

/** What is written, without the blanks around it. null: it cannot be read. */
function* written(mm: MmStruct, buf: number, count: number): Task<string | null> {
  const text = yield* copy_from_user(mm, buf, Math.min(count, PAGE_SIZE));
  return text === null ? null : String.fromCharCode(...text).trim();
}

function file_of(name: string, memcg: MemCgroup, { show, write }: MemoryFile): FileOperations {
  const read: FileOperations['read'] = (file, mm, buf, count, pos) =>
    simple_read_from_buffer(mm, buf, count, pos, show(file.kernel, memcg));
  if (write === undefined) return { name, read };
  return {
    name,
    read,
    *write(file, mm, buf, count) {
      const text = yield* written(mm, buf, count);
      if (text === null) return -EFAULT;
      const err = yield* write(file.kernel, memcg, text);
      return err === 0 ? count : err;
    },
  };
}

/** Address spaces of processes that live, with their pids. */
function* living(k: Kernel): Generator<{ readonly pid: number; readonly mm: MmStruct }> {
  for (const { pid, mm } of k.oomTasks?.all() ?? []) if (mm !== null) yield { pid, mm };
}

/** cgroup.procs: who is in the cgroup; a pid that is written comes in, 0 is the writer's own. */
function cgroup_procs({ memcg }: Directory): FileOperations {
  return {
    name: 'cgroup.procs',
    read(file, mm, buf, count, pos) {
      const inside = [...living(file.kernel)].filter((process) => process.mm.memcg === memcg);
      return simple_read_from_buffer(mm, buf, count, pos, inside.map(({ pid }) => `${pid}\n`).join(''));
    },
    *write(file, mm, buf, count) {
      const text = yield* written(mm, buf, count);
      if (text === null) return -EFAULT;
      if (!/^\d+$/.test(text)) return -EINVAL;
      const pid = Number(text);
      const of = [...living(file.kernel)].find((one) => (pid === 0 ? one.mm === mm : one.pid === pid));
      if (of === undefined) return -ESRCH;
      const err = yield* mem_cgroup_move_task(of.mm, memcg);
      return err === 0 ? count : err;
    },
  };
}
