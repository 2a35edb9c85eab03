// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/oom_kill.c: nothing can be reclaimed, so a process has to go. Fidelity: simplified. DIVERGES: every
 * process has oom_score_adj 0, and of the state of memory only the tasks are dumped.
 */
import { COST_TICK } from '../sim/costs.js';
import { KernelBug } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { type MemCgroup, memcg_page_state } from './memcontrol.js';
import { tlb_finish_mmu, unmap_vmas } from './memory_zap.js';
import { mempolicy_in_oom_domain } from './mempolicy.js';
import { get_mm_counters, type MmCounters } from './mm_counters.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { flush_tlb_mm } from './tlb.js';
import { type MmStruct, VM_HUGETLB, VM_PFNMAP, VM_SHARED, type VmArea, vma_is_anonymous } from './types.js';

/** What the OOM killer knows of a process. */
export interface OomTask {
  readonly pid: number;
  readonly name: string;
  readonly mm: MmStruct | null;
  /** A deadly signal that it has not acted on yet. */
  readonly pendingSignal: string | null;
  /** Fault injection: its allocations fail. */
  readonly makeItFail: boolean;
}

/** The processes of the machine, of which the memory core knows nothing else. */
export interface OomTasks {
  /** Those that live, in the order in which they came to be. */
  all(): Iterable<OomTask>;
  /** Whose system call or fault this is; null: nobody's. */
  current(): OomTask | null;
  /** Send SIGKILL. */
  kill(task: OomTask): void;
}

/** struct oom_control. */
export interface OomControl {
  /** What was asked for, in the words of the kernel log. */
  readonly gfp: string;
  readonly order: number;
  /** The cgroup whose limit is reached; null: memory is used up. */
  readonly memcg: MemCgroup | null;
  /** The nodes whose memory is used up, where a policy takes no other; null: that of all. */
  readonly nodemask: readonly number[] | null;
}

/** Nanoseconds that a victim has to exit on its own. */
const OOM_REAPER_DELAY = 2e9;

const kB = (pages: number): string => `${(pages * PAGE_SIZE) / 1024}kB`;

const total_vm = (mm: MmStruct): number =>
  [...mm.vmas].reduce((sum, vma) => sum + (vma.vm_end - vma.vm_start) / PAGE_SIZE, 0);

/** Whose task is to get at what the watermark keeps, so that it can exit. */
export function tsk_is_oom_victim(k: Kernel): boolean {
  const current = k.oomTasks?.current() ?? null;
  return current !== null && k.oomVictims.has(current);
}

/** Whether the task dies already, or was told to, and gives memory back when it does. */
function task_will_free_mem({ mm, pendingSignal }: OomTask): boolean {
  return mm !== null && !mm.oom_skip && pendingSignal !== null;
}

/** The share of memory that a task has: in page tables, on the swap device, and as page tables. */
function oom_badness({ anon, file, shmem, swap, tables }: MmCounters): number {
  return anon + file + shmem + swap + tables;
}

/** Those that may be killed: of the cgroup, or all that can have memory of the nodes (oom_cpuset_eligible). */
function* candidates(tasks: OomTasks, { memcg, nodemask }: OomControl): Generator<OomTask> {
  for (const task of tasks.all())
    if (memcg === null ? mempolicy_in_oom_domain(task.mm, nodemask) : task.mm?.memcg === memcg) yield task;
}

/** Return: the task with most memory; "wait" where a victim has not gone yet; null: there is none. */
function select_bad_process(k: Kernel, tasks: OomTasks, oc: OomControl): OomTask | 'wait' | null {
  let chosen: OomTask | null = null;
  let most = 0;
  for (const task of candidates(tasks, oc)) {
    const dying = k.oomVictims.get(task);
    if (dying !== undefined && !dying.oom_skip) return 'wait';
    if (task.mm === null || task.mm.oom_skip) continue;
    const points = oom_badness(get_mm_counters(task.mm));
    if (points < most) continue;
    chosen = task;
    most = points;
  }
  return chosen;
}

function dump_task(k: Kernel, { pid, name, mm }: OomTask): void {
  if (mm === null) return;
  const { anon, file, shmem, swap, tables } = get_mm_counters(mm);
  const rss = anon + file + shmem;
  const kinds = k.behaviour.oomDumpsKindsOfRss ? [anon, file, shmem].map((n) => `${n}`.padStart(8)) : [];
  if (kinds.length > 0) kinds[2] = kinds[2]!.padStart(9);
  const columns = [
    `[${`${pid}`.padStart(7)}] ${'0'.padStart(5)} ${`${pid}`.padStart(5)}`,
    ...[total_vm(mm), rss].map((n) => `${n}`.padStart(8)),
    ...kinds,
    `${tables * PAGE_SIZE}`.padStart(8),
    `${swap}`.padStart(8),
    `${'0'.padStart(13)} ${name}`,
  ];
  k.printk(columns.join(' '));
}

/** mem_cgroup_print_oom_meminfo(): what the cgroup has. */
function dump_memcg(k: Kernel, memcg: MemCgroup): void {
  const { name, memory, max, swap, failcnt } = memcg;
  const { anon, file, shmem, anon_thp } = memcg_page_state(k, memcg);
  k.printk(`memory: usage ${kB(memory)}, limit ${kB(max)}, failcnt ${failcnt}`);
  if (!k.memcgs!.legacy) k.printk(`swap: usage ${kB(swap)}, limit 9007199254740988kB, failcnt 0`);
  k.printk(`Memory cgroup stats for ${name}:`);
  const values = { anon, file, shmem, anon_thp };
  for (const [kind, pages] of Object.entries(values)) k.printk(`${kind} ${pages * PAGE_SIZE}`);
}

function dump_header(k: Kernel, tasks: OomTasks, oc: OomControl): void {
  const by = tasks.current()?.name ?? 'kernel';
  k.printk(`${by} invoked oom-killer: gfp_mask=${oc.gfp}, order=${oc.order}, oom_score_adj=0`);
  if (oc.memcg !== null) dump_memcg(k, oc.memcg);
  k.printk('Tasks state (memory values in pages):');
  const kinds = k.behaviour.oomDumpsKindsOfRss ? ' rss_anon rss_file rss_shmem' : '';
  k.printk(`[  pid  ]   uid  tgid total_vm      rss${kinds} pgtables_bytes swapents oom_score_adj name`);
  for (const task of candidates(tasks, oc)) dump_task(k, task);
}

/** From now on the task may go below the watermark; if it does not exit soon, its memory is taken from it. */
function mark_oom_victim(k: Kernel, task: OomTask, mm: MmStruct): void {
  if (k.oomVictims.has(task)) return;
  k.oomVictims.set(task, mm);
  k.executor.addTimer(k.executor.now + OOM_REAPER_DELAY, () => {
    if (!mm.oom_skip) k.executor.spawn('oom_reaper', oom_reap_task(k, task, mm), null);
  });
}

function oom_kill_process(k: Kernel, tasks: OomTasks, victim: OomTask, oc: OomControl): void {
  const mm = victim.mm!;
  const { pid, name } = victim;
  dump_header(k, tasks, oc);
  const global = oc.nodemask === null ? 'CONSTRAINT_NONE' : 'CONSTRAINT_MEMORY_POLICY';
  const constraint = oc.memcg === null ? global : 'CONSTRAINT_MEMCG';
  const whose = oc.memcg === null ? 'global_oom' : `oom_memcg=${oc.memcg.name}`;
  const of = mm.memcg?.name ?? '/';
  k.printk(
    `oom-kill:constraint=${constraint},nodemask=${oc.nodemask ?? '(null)'},cpuset=/,mems_allowed=0,${whose},task_memcg=${of},task=${name},pid=${pid},uid=0`,
  );
  const { anon, file, shmem, tables } = get_mm_counters(mm);
  k.printk(
    `${oc.memcg === null ? 'Out of memory' : 'Memory cgroup out of memory'}: Killed process ${pid} (${name}) total-vm:${kB(total_vm(mm))}, anon-rss:${kB(anon)}, ` +
      `file-rss:${kB(file)}, shmem-rss:${kB(shmem)}, UID:0 pgtables:${kB(tables)} oom_score_adj:0`,
  );
  if (k.trace !== null) k.note({ event: 'oom_kill', fn: 'oom_kill_process', mm, args: { pid, comm: name } });
  if (mm.memcg !== null) mm.memcg.events.oom_kill++;
  mark_oom_victim(k, victim, mm);
  tasks.kill(victim);
}

/**
 * Kill the process that frees most.
 * Return: whether somebody dies, so that trying again makes sense.
 */
export function out_of_memory(k: Kernel, oc: OomControl): boolean {
  const tasks = k.oomTasks;
  if (tasks === null) return false;
  const current = tasks.current();
  if (current !== null && task_will_free_mem(current)) {
    mark_oom_victim(k, current, current.mm!);
    return true;
  }
  const chosen = select_bad_process(k, tasks, oc);
  if (chosen === null) {
    dump_header(k, tasks, oc);
    k.printk('Out of memory and no killable processes...');
    if (oc.memcg !== null) return false;
    throw new KernelBug('out_of_memory', 'Kernel panic - not syncing: System is deadlocked on memory');
  }
  if (chosen !== 'wait') oom_kill_process(k, tasks, chosen, oc);
  return true;
}

/** Let the victim go on, and exit. Context: may sleep. */
export function* wait_for_victim(k: Kernel, where: string): Task {
  k.executor.charge(COST_TICK);
  yield* k.executor.yield(where);
}

// --- the reaper -----------------------------------------------------------------------------------------

/** Only private memory can be taken from a task that still may run. */
const reapable = (vma: VmArea): boolean =>
  (vma.vm_flags & (VM_HUGETLB | VM_PFNMAP)) === 0 &&
  (vma_is_anonymous(vma) || (vma.vm_flags & VM_SHARED) === 0);

/** Context: mmap_lock held for read; may sleep. */
function* __oom_reap_task_mm(mm: MmStruct): Task {
  for (const vma of [...mm.vmas].filter(reapable)) {
    const range = mmu_notifier_range(mm, vma.vm_start, vma.vm_end, 'MMU_NOTIFY_UNMAP');
    yield* mmu_notifier_invalidate_range_start(range);
    const tlb: number[] = [];
    yield* unmap_vmas(tlb, [vma], vma.vm_start, vma.vm_end);
    mmu_notifier_invalidate_range_end(range);
    flush_tlb_mm(mm);
    tlb_finish_mmu(mm.kernel, tlb);
  }
}

/** The victim has not exited: unmap its memory, if nobody changes its mappings. Either way it is no candidate any more. */
function* oom_reap_task(k: Kernel, { pid, name }: OomTask, mm: MmStruct): Task {
  if (mm.mmap_lock.down_read_fast()) {
    if (!mm.oom_skip) {
      yield* __oom_reap_task_mm(mm);
      const { anon, file, shmem } = get_mm_counters(mm);
      k.printk(
        `oom_reaper: reaped process ${pid} (${name}), now anon-rss:${kB(anon)}, file-rss:${kB(file)}, shmem-rss:${kB(shmem)}`,
      );
    }
    mm.mmap_lock.up_read();
  } else {
    k.printk(`oom_reaper: unable to reap pid:${pid} (${name})`);
  }
  mm.oom_skip = true;
}
