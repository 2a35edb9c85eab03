// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: "Define coherent device memory node" (2016), a proposal that mainline has not taken: memory of a device that the
 * CPU reaches is a NUMA node, with pages as any others, on no zonelist. Who wants memory there says so, and pages of any
 * kind move there and back. Fidelity: simplified: requests on ranges stand for mbind() and move_pages(); the node is the last one
 * of the machine's RAM.
 */
import type { FileOperations, OpenFile } from '../../fs/file.js';
import type { CommandKind } from '../../kernel/driver-events.js';
import type { Driver, DriverHost, DriverModule, DriverStep } from '../../kernel/module.js';
import { telling } from '../../kernel/told-command.js';
import { folio_isolate_lru } from '../../mm/lru.js';
import { handle_mm_fault } from '../../mm/memory.js';
import { migrate_pages } from '../../mm/migrate_pages.js';
import type { NodePages } from '../../mm/page_alloc_nodes.js';
import { FLAGS, pte_index, pte_present } from '../../mm/pgtable.js';
import { FAULT_FLAG_WRITE, type MmStruct, VM_FAULT_ERROR, VM_FAULT_OOM, VM_WRITE } from '../../mm/types.js';
import { copy_to_user } from '../../mm/uaccess.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import {
  COHERENT_NODE_FILE,
  type CoherentNodeRequest,
  coherentNodeAnswer,
  coherentNodeRequests,
} from '../../uapi/coherent_node.js';
import { type DriverRange, encodeDriverRange, putDriverAnswer } from '../../uapi/driver_range.js';
import { EFAULT, ENOMEM, ENOTTY, ENXIO } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { readDriverRange } from '../driver_range.js';
import { coherent_node_info } from './modinfo.js';

/** The node, in the allocator of its machine. */
interface Node {
  readonly pages: NodePages;
  readonly nid: number;
}

const requests = new Map(
  Object.entries(coherentNodeRequests).map(([name, nr]) => [nr, name as CoherentNodeRequest]),
);

const told: Readonly<
  Record<CoherentNodeRequest, { does: CommandKind | null; toDevice?: boolean; fn: string }>
> = {
  BIND: { does: null, fn: 'do_mbind' },
  MOVE_TO_NODE: { does: 'migrate', toDevice: true, fn: 'migrate_pages' },
  MOVE_TO_SYSTEM: { does: 'migrate', fn: 'migrate_pages' },
  COUNT: { does: null, fn: 'do_pages_stat' },
};

/** The small page of system memory that is mapped at `addr`; NO_PAGE for none. Context: mmap_lock held. */
function mapped_page({ kernel: k, pt }: MmStruct, addr: number): Page {
  const table = pt.pteTable(addr);
  if (table === null || !pte_present(table[FLAGS + pte_index(addr)]!)) return NO_PAGE;
  const page = table[pte_index(addr)]!;
  return page === k.zeroPage || k.is_zone_device_page(page) ? NO_PAGE : page;
}

/** The pages of the range that are on the node, or those that are elsewhere. */
function pages_of({ nid }: Node, mm: MmStruct, { addr, npages }: DriverRange, onNode: boolean): Page[] {
  const found = new Set<Page>();
  for (let n = 0; n < npages; n++) {
    const page = mapped_page(mm, addr + n * PAGE_SIZE);
    if (page !== NO_PAGE && (mm.kernel.nodes.page_to_nid(page) === nid) === onNode) found.add(page);
  }
  return [...found];
}

/** Fault what is missing in, on the node. Context: mmap_lock held; may sleep. Return: how many faults, -EFAULT or -ENOMEM. */
function* bind(node: Node, mm: MmStruct, { addr, npages }: DriverRange): Task<number> {
  let faults = 0;
  for (let at = addr; at < addr + npages * PAGE_SIZE; at += PAGE_SIZE) {
    if (mapped_page(mm, at) !== NO_PAGE) continue;
    const vma = mm.vmas.vma_lookup(at);
    if (vma === null) return -EFAULT;
    const write = (vma.vm_flags & VM_WRITE) !== 0 ? FAULT_FLAG_WRITE : 0;
    const ret = yield* node.pages.binding(node.nid, () => handle_mm_fault(vma, at, write));
    if ((ret & VM_FAULT_ERROR) !== 0) return (ret & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT;
    faults++;
  }
  return faults;
}

/** Move the pages of the range to the node or away. Context: mmap_lock held; may sleep. Return: how many have moved. */
function* move(node: Node, mm: MmStruct, range: DriverRange, toNode: boolean): Task<number> {
  const { kernel: k } = mm;
  const folios = pages_of(node, mm, range, !toNode).filter((page) => folio_isolate_lru(k, page));
  const moving = (): Task<number> => migrate_pages(k, folios, 'MR_SYSCALL');
  const stay = yield* toNode ? node.pages.binding(node.nid, moving) : moving();
  return folios.length - stay;
}

function* serve(node: Node, mm: MmStruct, name: CoherentNodeRequest, range: DriverRange): Task<number> {
  yield* mm.mmap_lock.down_read('coherent_node_ioctl');
  let done: number;
  if (name === 'COUNT') done = pages_of(node, mm, range, true).length;
  else if (name === 'BIND') done = yield* bind(node, mm, range);
  else done = yield* move(node, mm, range, name === 'MOVE_TO_NODE');
  mm.mmap_lock.up_read();
  return done;
}

function* ioctl(node: Node, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const name = requests.get(cmd);
  if (name === undefined) return -ENOTTY;
  const request = yield* readDriverRange(mm, arg);
  if (typeof request === 'number') return request;
  const { bytes, range } = request;
  const about = { mm, addr: range.addr, pages: range.npages, name, device: 'coherent_node', file: 0 };
  const done = yield* telling({ ...about, ...told[name] }, serve(node, mm, name, range));
  if (done < 0) return done;
  putDriverAnswer(bytes, done, 0);
  return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
}

class CoherentNode implements Driver {
  readonly name = 'coherent_node';
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view = {};

  constructor(readonly node: Node) {
    const f_op: FileOperations = {
      name: this.name,
      // biome-ignore lint/correctness/useYield: opening may sleep; this one has no need to.
      *open(): Task<number> {
        return 0;
      },
      unlocked_ioctl: (_file: OpenFile, mm, cmd, arg) => ioctl(node, mm, cmd, arg),
    };
    this.files = new Map([[COHERENT_NODE_FILE, f_op]]);
  }
}

const helps: Readonly<Record<CoherentNodeRequest, string>> = {
  BIND: 'pages that are missing are made on the node',
  MOVE_TO_NODE: 'pages move to the node, those of files, too',
  MOVE_TO_SYSTEM: 'and back',
  COUNT: 'how many pages are on the node',
};

const steps: Readonly<Record<string, DriverStep>> = Object.fromEntries(
  Object.entries(coherentNodeRequests).map(([name, request]) => [
    name,
    {
      request,
      help: helps[name as CoherentNodeRequest],
      encode: ({ addr, pages, ptr }) => encodeDriverRange({ addr, npages: pages, ptr }),
      decode: coherentNodeAnswer,
    } satisfies DriverStep,
  ]),
);

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel: k }: DriverHost): Task<CoherentNode | number> {
  const nodes = k.severalNodes;
  // One node is the CPU's.
  if (nodes === null) return -ENXIO;
  const nid = k.nodes.count - 1;
  nodes.isolate_node(nid);
  return new CoherentNode({ pages: nodes, nid });
}

// biome-ignore lint/correctness/useYield: unloading may sleep; the node goes back to where it was.
function* unload({ node }: CoherentNode): Task {
  node.pages.isolate_node(null);
}

export const coherent_node: DriverModule<CoherentNode> = { ...coherent_node_info, steps, load, unload };
