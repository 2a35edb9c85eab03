// SPDX-License-Identifier: GPL-2.0-only
/** System calls on files and memory, as steps without names. */
import { DISK, GUP_FILE } from '../scenario/actor.js';
import { adviceName } from '../scenario/steps/advice.js';
import { minorOf } from '../scenario/steps/devices/files.js';
import { protName } from '../scenario/steps/memory.js';
import { COHERENT_NODE_FILE } from '../uapi/coherent_node.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_TMPFILE,
  PAGE_SIZE,
} from '../uapi/mman.js';
import { PAGE_HOLDER_FILE } from '../uapi/page_holder.js';
import type { Draft, Mapping } from './draft.js';
import type { Fd, ProcessRecord } from './process-record.js';

/** A step without the process that takes it. */
export type Bare = Omit<Draft, 'as' | 'expect' | 'order'>;

const pagesIn = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);

/** What is open after an open() of that path. */
export function fdOf(path: string, flags: number, own: ProcessRecord): Fd {
  const minor = minorOf(path);
  if (minor !== undefined) return { kind: 'device', name: own.newFdName(), minor };
  if (path === COHERENT_NODE_FILE)
    return { kind: 'driver', name: own.newFdName(), device: path.slice('/dev/'.length) };
  if (path === GUP_FILE) return { kind: 'gup' };
  if (path === PAGE_HOLDER_FILE) return { kind: 'holder' };
  const temporary = (flags & O_TMPFILE) === O_TMPFILE;
  if (!temporary) return { kind: 'other' };
  return { kind: 'memory', memory: { mapping: undefined, mappedPages: 0, bytes: 0, onDisk: path === DISK } };
}

export function rangeDraft(own: ProcessRecord, op: string, addr: number, length: number): Bare | undefined {
  const at = own.place(addr);
  return at === undefined ? undefined : { fields: { op, pages: pagesIn(length) }, at };
}

function withField(draft: Bare | undefined, name: string, value: string | undefined): Bare | undefined {
  if (draft === undefined || value === undefined) return undefined;
  return { ...draft, fields: { ...draft.fields, [name]: value } };
}

export function protDraft(own: ProcessRecord, addr: number, length: number, prot: number): Bare | undefined {
  return withField(rangeDraft(own, 'mprotect', addr, length), 'prot', protName(prot));
}

export function adviceDraft(
  own: ProcessRecord,
  addr: number,
  length: number,
  value: number,
): Bare | undefined {
  const advice = adviceName(value);
  const draft = withField(rangeDraft(own, 'madvise', addr, length), 'advice', advice);
  const mapping = draft?.at?.mapping;
  if (mapping !== undefined && (advice === 'hugepage' || advice === 'collapse')) mapping.mayBeHuge = true;
  return draft;
}

interface Mmap {
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  readonly fd: number;
  readonly heap: boolean;
}

export function mmapDraft(own: ProcessRecord, start: number, mapped: boolean, call: Mmap): Bare | undefined {
  const { length, prot, flags, fd, heap } = call;
  const pages = pagesIn(length);
  const file = (flags & MAP_ANONYMOUS) === 0 ? own.fds.get(fd) : undefined;
  const bytes = pages * PAGE_SIZE;
  const mapping: Mapping = mapped
    ? own.map(start, bytes, heap)
    : { start, bytes, isHeap: false, isBuffer: false, mayBeHuge: false, isFile: false, names: new Map() };
  const protection = protName(prot);
  if (protection === undefined || file?.kind === 'gup') return undefined;
  if (file?.kind === 'holder' || file?.kind === 'driver' || file?.kind === 'other') return undefined;
  if (file?.kind === 'memory') {
    mapping.isFile = true;
    const { memory } = file;
    if (memory.mapping !== undefined) mapping.again = { of: memory.mapping, page: memory.mappedPages };
    memory.mapping ??= mapping;
    memory.mappedPages += pages;
  }
  const share = (flags & MAP_SHARED) === 0 ? 'private' : 'shared';
  const backing = {
    device: { backing: 'device', fd: file?.kind === 'device' ? file.name : '' },
    memory: { backing: file?.kind === 'memory' && file.memory.onDisk ? 'disk' : 'file' },
    none: { backing: (flags & MAP_HUGETLB) === 0 ? 'anon' : 'hugetlb' },
  }[file?.kind ?? 'none'];
  const fields = { op: 'mmap', pages, prot: protection, share, ...backing };
  return { fields, at: { mapping, addr: start } };
}

interface Mremap {
  readonly old: number;
  readonly oldLength: number;
  readonly newLength: number;
  readonly flags: number;
  readonly to: number;
}

/** Only moves to an address that the program names have a step. */
export function mremapDraft(own: ProcessRecord, call: Mremap, moved: boolean): Bare | undefined {
  const { old, oldLength, newLength, flags, to } = call;
  const draft = rangeDraft(own, 'mremap', old, oldLength);
  const dontunmap = (flags & MREMAP_DONTUNMAP) !== 0;
  const others = flags & ~MREMAP_DONTUNMAP;
  if (others !== (MREMAP_MAYMOVE | MREMAP_FIXED) || oldLength !== newLength) return undefined;
  if (moved) {
    if (!dontunmap) own.unmap(old, oldLength);
    own.map(to, newLength, false);
  }
  const target = own.place(to);
  if (draft === undefined || target === undefined) return undefined;
  // A huge page that moves is split where it does not fit.
  target.mapping.mayBeHuge ||= draft.at!.mapping.mayBeHuge;
  return { ...draft, fields: { ...draft.fields, ...(dontunmap ? { dontunmap } : {}) }, to: target };
}
