// SPDX-License-Identifier: GPL-2.0-only
/** What a fault did to a page, whether the CPU took it or a device did. */
import type { Fault } from '../watch/call-watch.js';
import { type PageState, placeText } from '../watch/observe.js';

export interface Verdict {
  readonly verdict: string;
  /** The kernel function that decided; empty where none had to. */
  readonly fn: string;
  readonly reason: string;
}

export function decided(verdict: string, fn: string, reason: string): Verdict {
  return { verdict, fn, reason };
}

/** What became of a page that was faulted in, by the CPU or for a device. */
export function transition(before: PageState, after: PageState): string {
  const now = placeText(after);
  switch (before.where) {
    case 'unmapped':
    case 'none':
      return `nothing was mapped: ${now}`;
    case 'zero':
      return after.where === 'zero' ? 'zero page, mapped already' : `zero page, copied on write: ${now}`;
    case 'private':
      if (after.page === before.page) return `${now}, mapped already`;
      return `brought back from ${before.device!.name}: ${now}`;
    case 'exclusive':
      return after.where === 'exclusive' ? now : `exclusive access given back: ${now}`;
    default:
      return presentTransition(before, after);
  }
}

function presentTransition(before: PageState, after: PageState): string {
  const now = placeText(after);
  if (after.page !== before.page) return `copied on write: ${placeText(before)} -> ${now}`;
  if (before.cpu === 'r' && after.cpu === 'rw') return `made writable: ${now}`;
  return `${now}, mapped already`;
}

// --- faults of the CPU --------------------------------------------------------------------------------------

function refusal({ before, write }: Fault): readonly [fn: string, reason: string] {
  if (before.vma === null) return ['bad_area_nosemaphore', 'no VMA'];
  if (write && !before.vma.write) return ['access_error', 'VMA is not writable'];
  if (!before.vma.read && !before.vma.write) return ['access_error', 'PROT_NONE'];
  return ['handle_mm_fault', before.vma.backing === 'anon' ? 'no memory' : 'beyond the end of the file'];
}

/** Which function resolves a fault of the CPU on such a page. */
function faultFunction({ before, write }: Pick<Fault, 'before' | 'write'>): string {
  if (before.vma?.backing === 'hugetlb') return 'hugetlb_fault';
  if (before.where === 'private') return before.device!.migrate_to_ram;
  if (before.where === 'exclusive') return 'remove_device_exclusive_entry';
  if (before.where === 'none') {
    if (before.vma?.backing !== 'anon') return 'do_fault';
    return 'do_anonymous_page';
  }
  const wp = before.level === 'pmd' ? 'do_huge_pmd_wp_page' : 'do_wp_page';
  return write ? wp : 'handle_pte_fault';
}

/** A private page that the fault could not bring back. */
function stuck({ before, after, events }: Fault): Verdict | undefined {
  if (before.where !== 'private' || after.page !== before.page) return undefined;
  const skip = events.filter(({ event }) => event === 'skip').at(-1);
  return skip && decided('fault', skip.fn, `${skip.reason}: stays ${placeText(after)}`);
}

/** What a fault of the CPU came to. */
export function explainFault(fault: Fault): Verdict {
  if (fault.result === undefined) return decided('oops', faultFunction(fault), placeText(fault.before));
  if (fault.result !== 'ok') return decided(fault.result, ...refusal(fault));
  const kept = stuck(fault);
  if (kept !== undefined) return kept;
  const huge =
    fault.before.where === 'none' && fault.before.vma?.backing === 'anon' && fault.after.level === 'pmd';
  const fn = huge ? 'do_huge_pmd_anonymous_page' : faultFunction(fault);
  return decided('fault', fn, transition(fault.before, fault.after));
}
