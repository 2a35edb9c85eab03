// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c, collect_procs() and kill_procs(): who gets a signal for a page that the hardware has lost, before he
 * touches it. Fidelity: ported. DIVERGES: the policy of a thread (PR_MCE_KILL) is that of its process, and every signal kills.
 */

import type { Page } from '../sim/memmap.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { pr_err } from './memory_failure_states.js';
import { folio_test_anon } from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  pte_present,
} from './pgtable.js';
import { type RmapPlace, rmap_places } from './rmap.js';
import type { MmStruct } from './types.js';

/** When a process is to know: with the loss (PR_MCE_KILL_EARLY), when it comes for the page, or as vm.memory_failure_early_kill says. */
export type McePolicy = 'early' | 'late' | 'default';

/** A process, as far as losses of memory concern it. */
export interface MceTask {
  readonly pid: number;
  readonly name: string;
  readonly mm: MmStruct | null;
  readonly mcePolicy: McePolicy;
}

/** The processes of the machine. */
export interface MceTasks {
  /** Those that live, in the order in which they came to be. */
  all(): Iterable<MceTask>;
  /** Whose system call this is; null: nobody's. */
  current(): MceTask | null;
  /** A signal to one of them. */
  send(task: MceTask, signal: 'SIGBUS' | 'SIGKILL'): void;
}

/** struct to_kill: who is to know, and where he maps the page. */
export interface ToKill {
  readonly task: MceTask;
  readonly mm: MmStruct;
  readonly addr: number;
}

/** task_early_kill(): whether the process is to know at once. `force_early`: whoever runs is, whatever his policy. */
function early_kill(k: Kernel, task: MceTask, force_early: boolean): boolean {
  if (force_early && task.mm === k.mceTasks?.current()?.mm) return true;
  return task.mcePolicy === 'early' || (task.mcePolicy === 'default' && k.memory_failure_early_kill);
}

/** page_mapped_in_vma(): whether the place maps this very page. */
function maps(folio: Page, page: Page, { vma, address }: RmapPlace): boolean {
  const pmd = vma.vm_mm.pt.pmdTable(address);
  if (pmd === null) return false;
  const m = pmd_index(address);
  if (pmd_trans_huge(pmd, m)) return pmd.e[m] === folio;
  const addr = address + (page - folio) * PAGE_SIZE;
  const table = vma.vm_mm.pt.pteTable(addr);
  const i = pte_index(addr);
  if (table === null || table[i] !== page) return false;
  return pte_present(table[FLAGS + i]!) || is_device_exclusive_entry(table[FLAGS + i]!);
}

/**
 * Who is to know of the loss at once; of a page of a file, whoever has a mapping of its place, whether he maps the page or not.
 * `force_early`: whoever runs, too, because the loss is his (MF_ACTION_REQUIRED).
 */
export function collect_procs(k: Kernel, folio: Page, page: Page, force_early: boolean): ToKill[] {
  const anon = folio_test_anon(k.mem, folio);
  const places = rmap_places(k, folio).filter((place) => !anon || maps(folio, page, place));
  const found: ToKill[] = [];
  for (const task of k.mceTasks?.all() ?? []) {
    if (task.mm === null || !early_kill(k, task, force_early)) continue;
    for (const { vma, address } of places)
      if (vma.vm_mm === task.mm)
        found.push({ task, mm: task.mm, addr: address + (page - folio) * PAGE_SIZE });
  }
  return found;
}

/**
 * Each gets SIGBUS: BUS_MCEERR_AR who runs and whose loss it is, BUS_MCEERR_AO everybody else. `failed`: somebody maps the page still,
 * for which there was SIGKILL once.
 */
export function kill_procs(k: Kernel, page: Page, found: readonly ToKill[], failed = false): void {
  for (const { task, mm, addr } of found) {
    const hard = failed && !k.behaviour.unsplitThpKills;
    const required = k.behaviour.injectedErrorsKill && task === k.mceTasks?.current();
    const code = hard ? 'SIGKILL' : required ? 'BUS_MCEERR_AR' : 'BUS_MCEERR_AO';
    const who = `${task.name}:${task.pid}`;
    if (hard) pr_err(k, page, `forcibly killing ${who} because of failure to unmap corrupted page`);
    else pr_err(k, page, `Sending SIGBUS to ${who} due to hardware memory corruption`);
    if (k.trace !== null) k.note({ event: 'poison_kill', fn: 'kill_proc', mm, addr, page, args: { code } });
    k.mceTasks!.send(task, hard ? 'SIGKILL' : 'SIGBUS');
  }
}

/** kill_accessing_process(): whoever comes for what was lost before, where the loss is his. */
export function kill_current(k: Kernel): void {
  if (k.behaviour.injectedErrorsKill) k.signals.force('SIGBUS');
}
