// SPDX-License-Identifier: GPL-2.0-only
/** System calls on NUMA nodes, whose masks and arrays the program stored before. */
import type { StepResult } from '../scenario/result.js';
import { errnoOrNumber } from '../scenario/result.js';
import { MAX_TRANSFER } from '../scenario/steps/fields.js';
import { policyName } from '../scenario/steps/numa.js';
import { exactU64At, u32At } from '../sim/bytes.js';
import {
  decodeNodes,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
  NODE_WORD_BITS,
} from '../uapi/mempolicy.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Draft, Place } from './draft.js';
import { type Bare, rangeDraft } from './memory.js';
import type { Pending, ProcessRecord } from './process-record.js';

/** The nodes of a mask of 64 bits. Undefined where it is another, or nobody saw it stored. */
function nodesAt(own: ProcessRecord, mask: number, maxnode: number): number[] | undefined {
  const bytes = own.structs.get(mask);
  return bytes?.length === 8 && maxnode === NODE_WORD_BITS ? decodeNodes(bytes) : undefined;
}

/** A policy and its nodes. */
function policyFields(own: ProcessRecord, mode: number, mask: number, maxnode: number): object | undefined {
  const [policy, nodes] = [policyName(mode), nodesAt(own, mask, maxnode)];
  if (policy === undefined || nodes === undefined) return undefined;
  return { policy, ...(nodes.length === 0 ? {} : { nodes }) };
}

export interface Mbind {
  readonly addr: number;
  readonly length: number;
  readonly mode: number;
  readonly mask: number;
  readonly maxnode: number;
  readonly flags: number;
}

const MBIND_FLAGS = MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;

export function mbindDraft(
  own: ProcessRecord,
  { addr, length, mode, mask, maxnode, flags }: Mbind,
): Bare | undefined {
  const draft = rangeDraft(own, 'mbind', addr, length);
  const policy = policyFields(own, mode, mask, maxnode);
  const moves = flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL);
  if (draft === undefined || policy === undefined || (flags & ~MBIND_FLAGS) !== 0) return undefined;
  if (moves === (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) return undefined;
  // Pages of anonymous memory are dealt out by their addresses.
  draft.at!.mapping.mayBeHuge = true;
  const move = moves === 0 ? {} : { move: moves === MPOL_MF_MOVE ? 'own' : 'all' };
  const strict = (flags & MPOL_MF_STRICT) === 0 ? {} : { strict: true };
  return { ...draft, fields: { ...draft.fields, ...policy, ...move, ...strict } };
}

export function mempolicyDraft(
  own: ProcessRecord,
  mode: number,
  mask: number,
  maxnode: number,
): Bare | undefined {
  const policy = policyFields(own, mode, mask, maxnode);
  return policy && { fields: { op: 'set_mempolicy', ...policy } };
}

/** Of the process itself alone. */
export function migratePagesDraft(
  own: ProcessRecord,
  pid: number,
  maxnode: number,
  from: number,
  onto: number,
): Bare | undefined {
  const [source, target] = [nodesAt(own, from, maxnode), nodesAt(own, onto, maxnode)];
  if (pid !== 0 || source === undefined || target === undefined) return undefined;
  return { fields: { op: 'migrate_pages', from: source, onto: target } };
}

export interface MovePages {
  readonly pid: number;
  readonly count: number;
  readonly pages: number;
  readonly nodes: number;
  readonly flags: number;
}

/** Where consecutive pages begin. */
function firstOf(own: ProcessRecord, { count, pages }: MovePages): Place | undefined {
  const bytes = own.structs.get(pages);
  if (bytes?.length !== count * 8 || count === 0) return undefined;
  const at = (n: number): number => Number(exactU64At(bytes, n * 8));
  for (let n = 1; n < count; n++) if (at(n) !== at(0) + n * PAGE_SIZE) return undefined;
  return own.place(at(0));
}

/** The node that all pages are to go to; null where they are only asked for. */
function targetOf(own: ProcessRecord, { nodes, count }: MovePages): number | null | undefined {
  if (nodes === 0) return null;
  const bytes = own.structs.get(nodes);
  if (bytes?.length !== count * 4) return undefined;
  const [first, ...others] = Array.from({ length: count }, (_, n) => u32At(bytes, n * 4));
  return others.every((node) => node === first) ? first : undefined;
}

/** Pages that go to one node, or are asked for: a step asks for few, so that there may be several. */
export function movePagesDrafts(own: ProcessRecord, call: MovePages): Bare[] | undefined {
  const [at, node] = [firstOf(own, call), targetOf(own, call)];
  const { pid, count, flags } = call;
  if (pid !== 0 || at === undefined || node === undefined) return undefined;
  if (node !== null && (count > MAX_TRANSFER || flags !== MPOL_MF_MOVE)) return undefined;
  const drafts: Bare[] = [];
  for (let done = 0; done < count; done += MAX_TRANSFER) {
    const pages = Math.min(count - done, MAX_TRANSFER);
    const fields = { op: 'move_pages', pages, ...(node === null ? {} : { node }) };
    drafts.push({ fields, at: { mapping: at.mapping, addr: at.addr + done * PAGE_SIZE } });
  }
  return drafts;
}

/** Where pages are, once the program has looked at that. */
export class NodesAnswer implements Pending {
  constructor(
    private readonly drafts: readonly Draft[],
    private readonly status: number,
  ) {}

  looked(addr: number, bytes: Uint8Array): void {
    if (addr !== this.status) return;
    let n = 0;
    for (const draft of this.drafts) {
      const pages = Number(draft.fields.pages);
      if ((n + pages) * 4 > bytes.length) return;
      const nodes = Array.from({ length: pages }, (_, i) => errnoOrNumber(u32At(bytes, (n + i) * 4) | 0));
      draft.expect = { ...draft.expect, nodes } as StepResult;
      n += pages;
    }
  }
}

/** Which pages are in memory, once the program has looked at that. */
export class CoreAnswer implements Pending {
  constructor(
    private readonly draft: Draft,
    private readonly vec: number,
  ) {}

  looked(addr: number, bytes: Uint8Array): void {
    if (addr !== this.vec || bytes.length !== this.draft.fields.pages) return;
    this.draft.expect = { ...this.draft.expect, core: [...bytes].map((byte) => byte & 1) } as StepResult;
  }
}
