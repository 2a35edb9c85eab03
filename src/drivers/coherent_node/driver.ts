// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: "Define coherent device memory node" (2016), a proposal that mainline has not taken: memory of a device that the
 * CPU reaches is a NUMA node, with pages as any others, on no zonelist. Who wants memory there says so, and pages of any
 * kind move there and back. Fidelity: simplified: the node is the last one of the machine's RAM; who copies is the CPU.
 */
import type { FileOperations, OpenFile } from '../../fs/file.js';
import type { CommandKind } from '../../kernel/driver-events.js';
import type { Driver, DriverHost, DriverModule, DriverStep } from '../../kernel/module.js';
import { telling } from '../../kernel/told-command.js';
import { folio_isolate_lru } from '../../mm/lru.js';
import { this_node } from '../../mm/mempolicy.js';
import { migrate_pages } from '../../mm/migrate_pages.js';
import { mapped_page } from '../../mm/move_pages.js';
import type { DeviceNodeRules, NodePages } from '../../mm/page_alloc_nodes.js';
import { compound_head, folio_nr_pages } from '../../mm/page_flags.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import {
  COHERENT_NODE_FILE,
  type CoherentNodeRequest,
  coherentNodeAnswer,
  coherentNodeRequests,
} from '../../uapi/coherent_node.js';
import { type DriverRange, encodeDriverRange, putDriverAnswer } from '../../uapi/driver_range.js';
import { EFAULT, ENOTTY, ENXIO } from '../../uapi/errno.js';
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
  MOVE_TO_NODE: { does: 'migrate', toDevice: true, fn: 'migrate_pages' },
  MOVE_TO_SYSTEM: { does: 'migrate', fn: 'migrate_pages' },
  READ: { does: null, fn: 'handle_mm_fault' },
  WRITE: { does: null, fn: 'handle_mm_fault' },
};

/**
 * What the proposal lets be done with the node: policies name it and system calls move pages there, who prefers it gets other
 * memory when it is full, and its pages are reclaimed as any.
 */
const COHERENT_NODE: DeviceNodeRules = { policies: true, moves: true, fallsBack: true, reclaims: true };

/** The folio of system memory that is mapped at `addr`; NO_PAGE for none. Context: mmap_lock held. */
function mapped_folio(mm: MmStruct, addr: number): Page {
  const vma = mm.vmas.vma_lookup(addr);
  const page = vma === null ? NO_PAGE : mapped_page(vma, addr);
  return page <= 0 ? NO_PAGE : compound_head(mm.kernel.mem, page);
}

/** The folios of the range that are on the node, or those that are elsewhere. */
function folios_of({ nid }: Node, mm: MmStruct, { addr, npages }: DriverRange, onNode: boolean): Page[] {
  const found = new Set<Page>();
  for (let n = 0; n < npages; n++) {
    const folio = mapped_folio(mm, addr + n * PAGE_SIZE);
    if (folio !== NO_PAGE && (mm.kernel.nodes.page_to_nid(folio) === nid) === onNode) found.add(folio);
  }
  return [...found];
}

/**
 * migrate_virtual_range(): the pages of the range, whoever maps them, to the node or away. Context: may sleep. Return: base
 * pages that have moved.
 */
function* migrate_virtual_range(node: Node, mm: MmStruct, range: DriverRange, toNode: boolean): Task<number> {
  const { kernel: k } = mm;
  yield* mm.mmap_lock.down_read('migrate_virtual_range');
  const folios = folios_of(node, mm, range, !toNode).filter((folio) => folio_isolate_lru(k, folio));
  mm.mmap_lock.up_read();
  const pages = folios.reduce((sum, folio) => sum + folio_nr_pages(k.mem, folio), 0);
  const stay = yield* migrate_pages(k, folios, 'MR_SYSCALL', toNode ? () => this_node(node.nid) : null);
  return pages - stay;
}

/**
 * The device reads or writes the range at the addresses of the process, through its page tables (ATS): what is missing is
 * faulted in, and protection holds. Context: may sleep. Return: pages; -EFAULT where one may not.
 */
function* device_access(mm: MmStruct, { addr, npages, ptr }: DriverRange, write: boolean): Task<number> {
  for (let n = 0; n < npages; n++) {
    const [there, buffer] = [addr + n * PAGE_SIZE, ptr + n * PAGE_SIZE];
    const bytes = yield* copy_from_user(mm, write ? buffer : there, PAGE_SIZE);
    if (bytes === null) return -EFAULT;
    if (!(yield* copy_to_user(mm, write ? there : buffer, bytes))) return -EFAULT;
  }
  return npages;
}

function serve(node: Node, mm: MmStruct, name: CoherentNodeRequest, range: DriverRange): Task<number> {
  if (name === 'READ' || name === 'WRITE') return device_access(mm, range, name === 'WRITE');
  return migrate_virtual_range(node, mm, range, name === 'MOVE_TO_NODE');
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
  MOVE_TO_NODE: 'pages move to the node, those of files, too',
  MOVE_TO_SYSTEM: 'and back',
  READ: 'the device reads pages at the addresses of the process',
  WRITE: 'the device writes them',
};

const steps: Readonly<Record<string, DriverStep>> = Object.fromEntries(
  Object.entries(coherentNodeRequests).map(([name, request]) => [
    name,
    {
      request,
      help: helps[name as CoherentNodeRequest],
      encode: ({ addr, pages, ptr }) => encodeDriverRange({ addr, npages: pages, ptr }),
      decode: coherentNodeAnswer,
      ...(name === 'READ' ? { fillsBuffer: true } : {}),
    } satisfies DriverStep,
  ]),
);

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load({ kernel: k }: DriverHost): Task<CoherentNode | number> {
  const nodes = k.severalNodes;
  // One node is the CPU's.
  if (nodes === null) return -ENXIO;
  const nid = k.nodes.count - 1;
  nodes.isolate_node({ nid, rules: COHERENT_NODE });
  return new CoherentNode({ pages: nodes, nid });
}

// biome-ignore lint/correctness/useYield: unloading may sleep; the node goes back to where it was.
function* unload({ node }: CoherentNode): Task {
  node.pages.isolate_node(null);
}

export const coherent_node: DriverModule<CoherentNode> = { ...coherent_node_info, steps, load, unload };
