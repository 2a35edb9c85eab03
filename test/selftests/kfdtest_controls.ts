// SPDX-License-Identifier: GPL-2.0-only
/** Ways in which a driver for AMD's GPUs is wrong, each of which some tests of kfdtest notice. */
import { AmdgpuVm } from '../../src/drivers/amdkfd/amdgpu_vm.js';
import { ResCursor } from '../../src/drivers/amdkfd/amdgpu_vram_mgr.js';
import type { AmdkfdModule } from '../../src/drivers/amdkfd/kfd_priv.js';
import type { Driver } from '../../src/kernel/module.js';
import type { Machine } from '../../src/machine/machine.js';
import type { MmuIntervalNotifierOps } from '../../src/mm/mmu_notifier.js';
import { copy_from_user } from '../../src/mm/uaccess.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { done } from '../../src/sim/task.js';
import { EEXIST } from '../../src/uapi/errno.js';
import * as uapi from '../../src/uapi/kfd_ioctl.js';

type Amdkfd = Driver & { readonly module: AmdkfdModule };

/** Makes the driver of a machine wrong. Return: what puts right what machines share. */
export type Break = (machine: Machine) => (() => void) | undefined;

const driverOf = (machine: Machine): Amdkfd =>
  [...machine.drivers].find(({ name }) => name === 'amdgpu') as Amdkfd;

const NR = 0xff;

/** Requests of one number are answered with what `answer` says, or by the driver where that is null. */
function answering(
  request: number,
  answer: (bytes: Uint8Array, driver: Amdkfd) => number | null,
  after: (driver: Amdkfd) => void = () => undefined,
): Break {
  return (machine) => {
    const driver = driverOf(machine);
    const fops = driver.files.get('/dev/kfd')!;
    const ioctl = fops.unlocked_ioctl!;
    Object.assign(fops, {
      *unlocked_ioctl(...args: Parameters<typeof ioctl>) {
        const [, mm, cmd, arg] = args;
        const isOne = (cmd & NR) === (request & NR);
        const bytes = isOne ? yield* copy_from_user(mm, arg, (cmd >>> 16) & 0x3fff) : null;
        const answered = bytes === null ? null : answer(bytes, driver);
        if (answered !== null) return answered;
        const ret = yield* ioctl(...args);
        after(driver);
        return ret;
      },
    });
    return undefined;
  };
}

const svm = (bytes: Uint8Array) => uapi.decodeStruct(uapi.KFD_SVM, bytes);

function setting(bytes: Uint8Array): readonly uapi.SvmAttribute[] {
  const { op, nattr } = svm(bytes);
  return op === uapi.KFD_IOCTL_SVM_OP_SET_ATTR ? uapi.decodeSvmAttributes(bytes, nattr) : [];
}

/** Attributes of this type are taken, and not kept. */
const forgets = (type: number): Break =>
  answering(uapi.AMDKFD_IOC_SVM(1), (bytes) =>
    setting(bytes).some((attr) => attr.type === type) ? 0 : null,
  );

/** Ranges that are registered are no place for others. */
const overlapsRefused = answering(uapi.AMDKFD_IOC_SVM(1), (bytes, { module }) => {
  const { start_addr, size } = svm(bytes);
  const [first, last] = [start_addr / 4096, (start_addr + size) / 4096 - 1];
  const ranges = [...module.processes.values()].flatMap(({ svms }) => [...svms.list]);
  const partial = ranges.some(
    (one) => one.start <= last && one.last >= first && one.last - one.start !== last - first,
  );
  return setting(bytes).length > 0 && partial ? -EEXIST : null;
});

/** A fork takes the right to write away, and the store that copies the page replaces it. */
const COW: ReadonlySet<string> = new Set(['MMU_NOTIFY_PROTECTION_PAGE', 'MMU_NOTIFY_CLEAR']);

/** Nothing is told of copies on write. */
const deafToCow: Break = (machine) => {
  let ops: MmuIntervalNotifierOps | undefined;
  let invalidate: MmuIntervalNotifierOps['invalidate'] | undefined;
  answering(
    uapi.AMDKFD_IOC_SVM(1),
    () => null,
    ({ module }) => {
      const [range] = [...module.processes.values()].flatMap(({ svms }) => [...svms.list]);
      if (range === undefined || ops !== undefined) return;
      ops = range.notifier.ops;
      invalidate = ops.invalidate;
      const heard = invalidate;
      ops.invalidate = (mni, told, seq) => (COW.has(told.event) ? done(true) : heard(mni, told, seq));
    },
  )(machine);
  return () => {
    if (ops !== undefined && invalidate !== undefined) ops.invalidate = invalidate;
  };
};

/** What leaves VRAM does so without its contents. */
const lostOnTheWayHome: Break = ({ kernel }) => {
  const copy_page = kernel.contents.copy_page.bind(kernel.contents);
  kernel.contents.copy_page = (to, from) => {
    if (kernel.is_zone_device_page(to) || !kernel.is_zone_device_page(from)) copy_page(to, from);
  };
  return undefined;
};

/** What GPUs copy and fill is somewhere else. */
const wrongPage: Break = (machine) => {
  const { translate } = AmdgpuVm.prototype;
  const scrap = machine.kernel.pages.alloc_page();
  AmdgpuVm.prototype.translate = function (...args) {
    return translate.apply(this, args) === NO_PAGE ? NO_PAGE : scrap;
  };
  return () => {
    AmdgpuVm.prototype.translate = translate;
  };
};

/** GPUs write where they may only read. */
const writesAnywhere: Break = () => {
  const { translate } = AmdgpuVm.prototype;
  AmdgpuVm.prototype.translate = function (addr) {
    return translate.call(this, addr, false);
  };
  return () => {
    AmdgpuVm.prototype.translate = translate;
  };
};

/** A hole of a range has no place in VRAM of its own: what follows is put there. */
const holeSkipped: Break = () => {
  const { next } = ResCursor.prototype;
  const begun = new WeakSet<ResCursor>();
  ResCursor.prototype.next = function () {
    if (begun.has(this)) next.call(this);
    begun.add(this);
  };
  return () => {
    ResCursor.prototype.next = next;
  };
};

/** Buffers in VRAM are never in anybody's way. */
const noEviction: Break = (machine) => {
  for (const { vram } of driverOf(machine).module.nodes) Object.assign(vram.lru, { push: () => 0 });
  return undefined;
};

/** Evictions are asked for, and nobody does them. */
const evictionStuck: Break = (machine) => {
  for (const { vram } of driverOf(machine).module.nodes) {
    const push = vram.lru.push.bind(vram.lru);
    Object.assign(vram.lru, {
      push(bo: (typeof vram.lru)[number]) {
        Object.assign(bo.eviction_work, { schedule_work: () => undefined });
        return push(bo);
      },
    });
  }
  return undefined;
};

/** Profilers are told nothing. */
const silent: Break = (machine) => {
  for (const { smi_clients } of driverOf(machine).module.nodes) {
    Object.assign(smi_clients, { push: () => 0 });
  }
  return undefined;
};

/** Packets are taken, and nobody does them. */
const idleGpu = answering(uapi.AMDKFD_IOC_SIM_SUBMIT, () => 0);

const modeAlwaysChanges = answering(uapi.AMDKFD_IOC_SET_XNACK_MODE, (bytes) => (bytes[3] === 0 ? 0 : null));
const anythingIsARange = answering(uapi.AMDKFD_IOC_SVM(1), (bytes) => (setting(bytes).length > 0 ? 0 : null));

/** A test, and what it notices; `only`: the variant that does anything. */
export interface Control {
  readonly test: string;
  readonly what: string;
  readonly breaks?: Break;
  /** A bug on a switch, on this kernel. */
  readonly bug?: { readonly id: string; readonly kernel: string; readonly params: Record<string, string> };
  readonly only?: 0 | 1;
}

const { KFD_IOCTL_SVM_ATTR_GRANULARITY, KFD_IOCTL_SVM_ATTR_PREFETCH_LOC } = uapi;

// What several tests notice.
const elsewhere = { what: 'a GPU that is elsewhere', breaks: wrongPage };
const unsplit = { what: 'ranges that are not split', breaks: overlapsRefused };
const idle = { what: 'a GPU that does nothing', breaks: idleGpu };
const loses = { what: 'VRAM that loses what it has', breaks: lostOnTheWayHome };
const crowded = { what: 'no eviction', breaks: noEviction };

/** At least one for each test. */
export const controls: readonly Control[] = [
  { test: 'BasicSystemMemTest', ...elsewhere },
  {
    test: 'SetGetAttributesTest',
    what: 'attributes not kept',
    breaks: forgets(KFD_IOCTL_SVM_ATTR_GRANULARITY),
  },
  { test: 'XNACKModeTest', what: 'a mode that changes under queues', breaks: modeAlwaysChanges },
  { test: 'InvalidRangeTest', what: 'nothing checked', breaks: anythingIsARange },
  { test: 'SplitSystemRangeTest', ...unsplit },
  { test: 'EvictSystemRangeTest', what: 'no notifier of COW', breaks: deafToCow },
  { test: 'PartialUnmapSysMemTest', ...elsewhere },
  { test: 'BasicVramTest', ...idle },
  { test: 'SplitVramRangeTest', ...unsplit },
  {
    test: 'PrefetchTest',
    what: 'a prefetch that is forgotten',
    breaks: forgets(KFD_IOCTL_SVM_ATTR_PREFETCH_LOC),
  },
  { test: 'MigrateTest', ...loses },
  {
    test: 'MigrateTest',
    what: 'private pages selected where they are generic',
    bug: { id: 'amdkfd-selects-private', kernel: 'v5-generic', params: { sim_topology: 'cpu' } },
  },
  { test: 'MigrateAccessInPlaceTest', ...idle },
  {
    test: 'MigrateGranularityTest',
    what: 'a granularity that is forgotten',
    breaks: forgets(KFD_IOCTL_SVM_ATTR_GRANULARITY),
  },
  { test: 'MigrateLargeBufTest', ...loses },
  { test: 'MigratePolicyTest', ...loses },
  { test: 'MultiGPUMigrationTest', ...elsewhere },
  { test: 'MultiGPUAccessInPlaceTest', ...elsewhere },
  { test: 'MultiThreadMigrationTest', ...loses },
  { test: 'MigrateFileBackedRangeTest', ...idle },
  { test: 'ReadOnlyRangeTest', what: 'a GPU that writes anywhere', breaks: writesAnywhere },
  { test: 'HMMProfilingEvent', what: 'nothing told', breaks: silent },
  { test: 'VramOvercommitTest', ...crowded },
  { test: 'VramOvercommitGiantRangeTest', ...crowded },
  { test: 'PrefaultPartialRangeTest', what: 'a hole that has no place', breaks: holeSkipped },
  { test: 'BasicTest', what: 'evictions that nobody does', breaks: evictionStuck, only: 1 },
  { test: 'QueueTest', ...idle, only: 1 },
];
