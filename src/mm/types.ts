// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/mm_types.h, fs.h: the structs that the memory core is made of. */
import type { WaitQueue } from '../sim/executor.js';
import type { RwSem } from '../sim/locks.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { AnonVma, AnonVmaChain } from './anon_vma.js';
import type { Hmm } from './hmm_mirror.js';
import type { Kernel } from './kernel.js';
import type { MemCgroup } from './memcontrol.js';
import type { Mempolicy, SharedPolicy } from './mempolicy.js';
import type { MmNotifiers } from './mmu_notifier.js';
import type { PageTables } from './pgtable.js';
import type { FileRaState } from './readahead.js';
import type { VmaTree } from './vma_tree.js';

export const VM_READ = 0x1;
export const VM_WRITE = 0x2;
export const VM_EXEC = 0x4;
export const VM_SHARED = 0x8;
export const VM_MAYREAD = 0x10;
export const VM_MAYWRITE = 0x20;
export const VM_MAYEXEC = 0x40;
export const VM_MAYSHARE = 0x80;
export const VM_UFFD_MISSING = 0x200;
export const VM_PFNMAP = 0x400;
export const VM_UFFD_WP = 0x1000;
export const VM_LOCKED = 0x2000;
export const VM_IO = 0x4000;
export const VM_DONTCOPY = 0x20000;
export const VM_DONTEXPAND = 0x40000;
export const VM_LOCKONFAULT = 0x80000;
export const VM_ACCOUNT = 0x100000;
export const VM_NORESERVE = 0x200000;
export const VM_HUGETLB = 0x400000;
export const VM_WIPEONFORK = 0x2000000;
export const VM_DONTDUMP = 0x4000000;
export const VM_MIXEDMAP = 0x10000000;
export const VM_HUGEPAGE = 0x20000000;
export const VM_NOHUGEPAGE = 0x40000000;

export const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;
export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;
export const VM_UFFD_FLAGS = VM_UFFD_MISSING | VM_UFFD_WP;

/** Operations of a mapping (struct vm_operations_struct). */
export interface VmOperations {
  readonly name: string;
  /** Finds the page for a fault: the page locked and referenced in vmf.page, or an error. */
  fault?(vmf: VmFault): Task<number>;
  /** Page cache pages that fault-around may map; NO_PAGE where there is none. */
  cachedPage?(vma: VmArea, pgoff: number): Page;
  /** Fault-around has mapped so many pages. */
  faultedAround?(vma: VmArea, pages: number): void;
  /**
   * The page in vmf.page, mapped shared, is about to be written to: the file system wants to know. Return: 0 with the
   * page locked, VM_FAULT_NOPAGE when the page is no longer the file's, or an error.
   */
  page_mkwrite?(vmf: VmFault): Task<number>;
  /** The same of an entry without a page that the memory core may handle. Return: VM_FAULT_*. */
  pfn_mkwrite?(vmf: VmFault): Task<number>;
  open?(vma: VmArea): void;
  close?(vma: VmArea): void;
  /** Whether the VMA may be split at `addr`: 0 or -errno. */
  may_split?(vma: VmArea, addr: number): number;
}

/** What the memory core needs of an open file (struct file). */
export interface MappableFile {
  readonly mapping: AddressSpace | null;
  /** Which of the file's errors it has been told of. A file that is opened is new, and has none. */
  f_wb_err: number;
  readonly f_ra: FileRaState;
  get_file(): void;
  fput(): void;
  /** Write pages from `first` up to `end` to where the file is kept, and wait for that. May sleep. Return: 0 or -errno. */
  vfs_fsync_range(first: number, end: number): Task<number>;
}

/** Whether a page that is being written is skipped, or waited for (enum writeback_sync_modes). */
export type SyncMode = 'WB_SYNC_NONE' | 'WB_SYNC_ALL';

/** How the pages of a file come to its disk (struct address_space_operations). */
export interface AddressSpaceOperations {
  /** Begin to write what is dirty of the pages from `first` up to `end`. Context: may sleep. Return: base pages that are written. */
  writepages(k: Kernel, mapping: AddressSpace, first: number, end: number, mode: SyncMode): Task<number>;
  /** The same of one folio that is clean since just now, by reclaim; one that cannot be written is dirty again. Context: locked. */
  writepage(k: Kernel, mapping: AddressSpace, folio: Page): void;
}

/** struct address_space: the pages of an inode and the VMAs that map it. */
export class AddressSpace {
  /** Index (in pages; of huge pages for hugetlb) to page. Guarded by: the page lock; hugetlb: hugetlb_fault_mutex. */
  readonly i_pages = new Map<number, Page>();
  /** Of a file on a disk: index to the note of when its page was evicted (workingset.ts); null: none ever was. */
  i_shadows: Map<number, number> | null = null;
  /** shmem: index to the slot of the swap device that has the page. */
  readonly i_swapped = new Map<number, number>();
  /** A file on a disk: index to the block of the disk that has the page. What is in neither is a hole. */
  readonly blocks = new Map<number, number>();
  /** Guarded by: the mapper's mmap_lock, written; i_mmap_rwsem is not simulated, as nobody sleeps under it here. */
  readonly i_mmap = new Set<VmArea>();
  /** hugetlb: the inode's reservations (a ResvMap). */
  i_private_data: unknown = null;
  /** Where the pages of a file of a DAX file system are; i_pages has those that have been mapped. null: it is no such file. */
  dax: DaxBlocks | null = null;
  /** shmem: where mbind() said from which nodes its pages come. */
  policies: readonly SharedPolicy[] = [];
  /** null: its pages are memory, and go nowhere. */
  a_ops: AddressSpaceOperations | null = null;
  /** What could not be kept of it, as an errseq_t. */
  wb_err = 0;
  /** AS_EIO: the same, for the next one who asks. */
  as_eio = false;

  constructor(
    readonly id: number,
    readonly kind: 'shmem' | 'hugetlb' | 'ext4' | 'dax' | 'devdax',
    /** i_size in bytes. */
    public size: number,
  ) {}
}

/** The blocks of a file that are pages of a persistent memory device. */
export interface DaxBlocks {
  /** By index; what is not there is a hole. */
  readonly blocks: Map<number, Page>;
  /** Faults read it, whoever cuts pages off writes it: of the mapping. Outside of it: mmap_lock. */
  readonly invalidate_lock: RwSem;
  readonly sb: DaxSuperBlock;
  /** fuse: index to what the server has of the file; pages that the window shows may be newer. */
  readonly server: Map<number, number>;
}

/** The window of device memory through which files of fuse are seen; `blocks` has what it shows of a file. */
export interface DaxWindow {
  /**
   * Show the part of the file with page `index`. `fault`: invalidate_lock is held for read. Context: may sleep. Return: false where a fault
   * finds no free range, and has to let go of its lock and wait for one.
   */
  begin(mapping: AddressSpace, index: number, fault: boolean): Task<boolean>;
  /** Sleep until there is a free range. */
  wait(): Task;
  /** Pages from `first` up to `end` were cut off: zeros. */
  cleared(mapping: AddressSpace, first: number, end: number): void;
  /** A part of a page that is not shown was cut off. */
  clear_part(mapping: AddressSpace, index: number, offset: number, length: number): void;
  /** The inode leaves memory, and gives its ranges back. */
  evicted(mapping: AddressSpace): void;
}

/** What a DAX file system has, as far as the memory core asks it. */
export interface DaxSuperBlock {
  readonly type: 'ext4' | 'xfs' | 'fuse';
  /** A page of the device that no file has, holding zeros; NO_PAGE where none is left. */
  alloc(): Page;
  free(page: Page): void;
  /** null: files are the pages of the device themselves. */
  readonly window: DaxWindow | null;
}

/** What VMAs know of the userfaultfd that has their faults (struct userfaultfd_ctx). */
export interface UserfaultfdCtx {
  readonly mm: MmStruct;
  /** UFFDIO_API has been asked. */
  known: boolean;
  /** UFFD_FEATURE_*. */
  features: number;
  /** Faults that wait, oldest first; those that nobody has read yet, and those that somebody has. */
  readonly waits: UserfaultWait[];
}

/** struct userfaultfd_wait_queue: a fault that waits for a userfaultfd to resolve it. */
export interface UserfaultWait {
  readonly ctx: UserfaultfdCtx;
  readonly address: number;
  /** UFFD_PAGEFAULT_FLAG_*. */
  readonly flags: number;
  readonly queue: WaitQueue;
  read: boolean;
  woken: boolean;
}

/** struct vm_area_struct. Guarded by: mmap_lock, written, where no field says otherwise. */
export class VmArea {
  vm_pgoff = 0;
  vm_flags = 0;
  /** PTE bits of a mapping made without a write fault (vm_get_page_prot of the flags). */
  vm_page_prot = 0;
  vm_file: MappableFile | null = null;
  vm_ops: VmOperations | null = null;
  anon_vma: AnonVma | null = null;
  /** Guarded by: mmap_lock; written under it for reading by the first fault (anon_vma_prepare), which does not sleep. */
  readonly anon_vma_chain: AnonVmaChain[] = [];
  /** hugetlb: the reservation map (a ResvMap) of a private mapping and whether this process owns it. */
  vm_private_data: unknown = null;
  /** Where a VM_UFFD_ flag is set, and only there. */
  vm_userfaultfd_ctx: UserfaultfdCtx | null = null;
  /** Which nodes its memory comes from; null: the task says. */
  vm_policy: Mempolicy | null = null;

  constructor(
    readonly vm_mm: MmStruct,
    public vm_start: number,
    public vm_end: number,
  ) {}
}

/** struct mm_struct. */
export class MmStruct {
  /** Processes and others that keep the address space; at 0 it is torn down. */
  mm_users = 1;
  /** References to the struct itself; it outlives its address space while a notifier holds it. */
  mm_count = 1;
  readonly mmap_lock: RwSem;
  /** Set once, under mmap_lock, written; its lists change while invalidate_seq is even. */
  notifiers: MmNotifiers | null = null;
  /** v25: the one notifier of all mirrors. Guarded by: mmap_lock, written. */
  hmm: Hmm | null = null;
  /** Pages of locked VMAs, for RLIMIT_MEMLOCK. Guarded by: mmap_lock, written. */
  locked_vm = 0;
  /** Of those, pages that a partial MREMAP_DONTUNMAP unlocked without counting them. */
  lockedForGood = 0;
  /** MM_ANONPAGES and MM_FILEPAGES together. Changed where entries are, which never sleeps. */
  rss = 0;
  /** Its memory is gone, or cannot be had: no candidate for the OOM killer (MMF_OOM_SKIP). */
  oom_skip = false;
  /** The mm has been pinned (MMF_HAS_PINNED), so that fork must look for pins. */
  has_pinned = false;
  /** The cgroup that its memory is charged to; null: the root. */
  memcg: MemCgroup | null = null;
  /** Which nodes memory comes from that no mapping has a policy for (task_struct); null: that of the processor. */
  mempolicy: Mempolicy | null = null;
  /** The node that it had last of those that its pages are dealt out to; -1: none. */
  il_prev = -1;

  constructor(
    readonly kernel: Kernel,
    readonly id: number,
    /** Guarded by: mmap_lock. */
    readonly vmas: VmaTree,
    /** Tables come and go under mmap_lock; entries change under it or the page lock, by code that does not sleep. */
    readonly pt: PageTables,
    mmap_lock: RwSem,
  ) {
    this.mmap_lock = mmap_lock;
  }
}

export const FAULT_FLAG_WRITE = 0x01;
/** The fault may let go of the mmap_lock, wait, and ask to be tried again. */
export const FAULT_FLAG_ALLOW_RETRY = 0x04;
export const FAULT_FLAG_REMOTE = 0x80;
export const FAULT_FLAG_USER = 0x40;
export const FAULT_FLAG_UNSHARE = 0x400;
/** The fault is tried again, and waits for nothing more than it must. */
export const FAULT_FLAG_TRIED = 0x20;
/** Without the mmap_lock. DIVERGES: mmap_lock stands for the locks of VMAs; what they refuse is refused. */
export const FAULT_FLAG_VMA_LOCK = 0x1000;

export const VM_FAULT_OOM = 0x1;
export const VM_FAULT_SIGBUS = 0x2;
/** Something had to be read first. */
export const VM_FAULT_MAJOR = 0x4;
export const VM_FAULT_HWPOISON = 0x10;
/** The same of a huge page of the pool. */
export const VM_FAULT_HWPOISON_LARGE = 0x20;
export const VM_FAULT_SIGSEGV = 0x40;
export const VM_FAULT_NOPAGE = 0x100;
export const VM_FAULT_RETRY = 0x400;
export const VM_FAULT_FALLBACK = 0x800;
/** vm_ops.fault() has filled vmf.cow_page. */
export const VM_FAULT_DONE_COW = 0x1000;
export const VM_FAULT_ERROR =
  VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE | VM_FAULT_SIGSEGV;

/** The errors of a fault, by name. */
export function vm_fault_name(ret: number): string {
  if ((ret & VM_FAULT_OOM) !== 0) return 'VM_FAULT_OOM';
  if ((ret & VM_FAULT_HWPOISON) !== 0) return 'VM_FAULT_HWPOISON';
  if ((ret & VM_FAULT_HWPOISON_LARGE) !== 0) return 'VM_FAULT_HWPOISON_LARGE';
  return (ret & VM_FAULT_SIGBUS) !== 0 ? 'VM_FAULT_SIGBUS' : 'VM_FAULT_SIGSEGV';
}

/** struct vm_fault. */
export interface VmFault {
  readonly vma: VmArea;
  /** Page aligned. */
  readonly address: number;
  flags: number;
  readonly pgoff: number;
  /** The page that the PTE held, or that vm_ops.fault found. */
  page: Page;
  /** A private file page is written: the copy that is to be filled, by whoever has no page to give. */
  cow_page?: Page;
  /** It was a huge PMD that was not present, where a driver finds vmf->pte to be NULL. */
  huge?: boolean;
}

/** linear_page_index(): the page's index in its object. */
export function linear_page_index(vma: VmArea, address: number): number {
  return (address - vma.vm_start) / PAGE_SIZE + vma.vm_pgoff;
}

/** Shared anonymous memory: the mapping of a memory file that has no name. */
export const vma_is_anon_shmem = (vma: VmArea): boolean => vma.vm_ops?.name === 'shmem_anon';

/** Of a memory file, whether it has a name or not. */
export const vma_is_shmem = (vma: VmArea): boolean => vma_is_anon_shmem(vma) || vma.vm_ops?.name === 'shmem';

export function vma_is_anonymous(vma: VmArea): boolean {
  return vma.vm_ops === null;
}

/** Pages of a device, mapped as they are: of a file of a DAX file system, or of device-dax. */
export function vma_is_dax(vma: VmArea): boolean {
  const kind = vma.vm_file?.mapping?.kind;
  return kind === 'dax' || kind === 'devdax';
}

export function vma_is_fsdax(vma: VmArea): boolean {
  return vma.vm_file?.mapping?.kind === 'dax';
}

export function is_vm_hugetlb_page(vma: VmArea): boolean {
  return (vma.vm_flags & VM_HUGETLB) !== 0;
}

export function is_cow_mapping(vm_flags: number): boolean {
  return (vm_flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}

export function vma_is_accessible(vma: VmArea): boolean {
  return (vma.vm_flags & VM_ACCESS_FLAGS) !== 0;
}

export function userfaultfd_missing(vma: VmArea): boolean {
  return (vma.vm_flags & VM_UFFD_MISSING) !== 0;
}

export function userfaultfd_wp(vma: VmArea): boolean {
  return (vma.vm_flags & VM_UFFD_WP) !== 0;
}

export function userfaultfd_armed(vma: VmArea): boolean {
  return (vma.vm_flags & VM_UFFD_FLAGS) !== 0;
}
