// SPDX-License-Identifier: GPL-2.0-only
/** What a fault did to a page, whether the CPU took it or a device did. */
import type { Fault } from '../watch/call-watch.js';
import { type PageState, pagePlace } from '../watch/observe.js';
import type { Finding, Verdict, Why } from './verdict.js';

/** A verdict without its places. */
export type Decision = Pick<Verdict, 'verdict' | 'fn' | 'reason'>;

export function decided(verdict: string, fn: string, reason: Why): Decision {
  return { verdict, fn, reason };
}

/** Whether the page was mapped, in vain until the fault. */
function wasProtnone({ where, cpu }: PageState, after: PageState): boolean {
  return (where === 'zero' || where === 'system' || where === 'coherent') && cpu === '' && after.cpu !== '';
}

/** What became of a page that was faulted in, by the CPU or for a device. */
export function transition(before: PageState, after: PageState): Finding {
  switch (before.where) {
    case 'unmapped':
    case 'none':
      return { id: 'nothing-was-mapped' };
    case 'zero':
      if (after.where !== 'zero') return { id: 'zero-page-copied' };
      return { id: wasProtnone(before, after) ? 'made-accessible' : 'zero-page-mapped' };
    case 'private':
      if (after.page === before.page) return { id: 'mapped-already' };
      return { id: 'brought-back', device: before.device!.name };
    case 'exclusive':
      return { id: after.where === 'exclusive' ? 'kept-exclusive' : 'exclusive-given-back' };
    case 'swapped':
      return { id: 'read-from-swap' };
    default:
      return presentTransition(before, after);
  }
}

function presentTransition(before: PageState, after: PageState): Finding {
  if (after.page !== before.page) return { id: 'copied-on-write' };
  if (wasProtnone(before, after)) return { id: 'made-accessible' };
  return { id: before.cpu === 'r' && after.cpu === 'rw' ? 'made-writable' : 'mapped-already' };
}

// --- faults of the CPU --------------------------------------------------------------------------------------

/** What tells itself why it refuses a fault. */
const REFUSING: ReadonlySet<string> = new Set([
  'handle_userfault',
  '__do_fault',
  'do_swap_page',
  'hugetlb_fault',
  'hugetlb_no_page',
]);

function refusal({ before, write, events }: Fault): readonly [fn: string, reason: Why] {
  const skip = events.find((event) => event.event === 'skip' && REFUSING.has(event.fn));
  if (skip?.reason !== undefined) return [skip.fn, skip.reason];
  if (before.vma === null) return ['bad_area_nosemaphore', { id: 'no-vma' }];
  if (write && !before.vma.write) return ['access_error', { id: 'vma-not-writable' }];
  if (!before.vma.read && !before.vma.write) return ['access_error', { id: 'prot-none' }];
  return ['handle_mm_fault', { id: before.vma.backing === 'anon' ? 'no-memory' : 'beyond-file-end' }];
}

/** Which function resolves a fault on such a page. */
export function faultFunction({ before, write }: Pick<Fault, 'before' | 'write'>): string {
  if (before.vma?.backing === 'hugetlb') return 'hugetlb_fault';
  if (before.where === 'private') return before.device!.migrate_to_ram;
  if (before.where === 'exclusive') return 'remove_device_exclusive_entry';
  if (before.where === 'swapped' || before.where === 'hwpoison') return 'do_swap_page';
  if (before.where === 'none') {
    if (before.vma?.backing !== 'anon') return 'do_fault';
    return 'do_anonymous_page';
  }
  if (before.cpu === '') return before.level === 'pmd' ? 'do_huge_pmd_numa_page' : 'do_numa_page';
  const wp = before.level === 'pmd' ? 'do_huge_pmd_wp_page' : 'do_wp_page';
  return write ? wp : 'handle_pte_fault';
}

/** A private page that the fault could not bring back. */
function stuck({ before, after, events }: Fault): Decision | undefined {
  if (before.where !== 'private' || after.page !== before.page) return undefined;
  const skip = events.filter((event) => event.event === 'skip').at(-1);
  return skip && decided('fault', skip.fn, { ...skip.reason, stays: true });
}

/** A fault's verdict without its places. */
export function decideFault(fault: Fault): Decision {
  if (fault.result === undefined) return decided('oops', faultFunction(fault), { id: 'as-it-was' });
  if (fault.result !== 'ok') return decided(fault.result, ...refusal(fault));
  const kept = stuck(fault);
  if (kept !== undefined) return kept;
  const huge =
    fault.before.where === 'none' && fault.before.vma?.backing === 'anon' && fault.after.level === 'pmd';
  const fn = huge ? 'do_huge_pmd_anonymous_page' : faultFunction(fault);
  return decided('fault', fn, transition(fault.before, fault.after));
}

/** What a fault of the CPU came to. */
export function explainFault(fault: Fault): Verdict {
  return { ...decideFault(fault), from: pagePlace(fault.before), to: pagePlace(fault.after) };
}
