// SPDX-License-Identifier: GPL-2.0-only
/**
 * What generated scenarios are made of: categories of steps, with the frequencies that the recordings of real
 * kernels have (steps in a thousand, without the look at everything that ends each scenario).
 */

import type { Generation } from '../generations/index.js';
import type { Weights } from '../scenario/dice.js';
import type { MachineBlock } from '../scenario/schema.js';
import type { Drawing, Surroundings } from '../scenario/steps/contract.js';
import { steps, type Token } from '../scenario/steps/index.js';

export interface Category extends Surroundings {
  /** Documents of this kind, in relation to the others. */
  readonly share: number;
  readonly steps: Weights<Token>;
  /** Where the machine is not that of the recordings. */
  readonly machine?: MachineBlock;
  /** Pages (first, how many) that half of the ranges of a large region have, as far as it reaches. */
  readonly spans?: readonly (readonly [number, number])[];
  /** How a process looks at its regions in the end; by snapshots of a device, unless told. */
  readonly looks?: readonly Token[];
  /** Has the kernel what the category is about? Any with devices that mirror has, unless told. */
  readonly where?: (generation: Generation) => boolean;
}

const SMALL = [1, 3, 4, 6, 8, 12, 16] as const;

/** What every category has much of. */
const common: Weights<Token> = {
  snapshot: 70,
  load: 70,
  store: 90,
  pagemap: 40,
  to_dev: 130,
  to_sys: 42,
  read: 70,
  write: 70,
  mprotect: 54,
  munmap: 16,
  dontneed: 14,
  mmap: 26,
  open: 12,
};

const readable: Surroundings['prot'] = { rw: 86, r: 9, none: 5 };

const base: Omit<Category, 'share'> = {
  steps: common,
  backing: { anon: 1 },
  shared: 0,
  prot: readable,
  pages: SMALL,
  devices: [0, 2],
};

const forks: Weights<Token> = { fork: 34, exit: 12, dontfork: 4, wipeonfork: 5, close: 5 };
const exclusives: Weights<Token> = { exclusive: 65, check_exclusive: 37 };
const pins: Weights<Token> = { pin: 36, unpin: 19, gup: 61 };
const areas: Weights<Token> = {
  mlock: 28,
  munlock: 12,
  populate_read: 24,
  populate_write: 18,
  free: 10,
  mremap: 6,
};
const huge: Weights<Token> = { hugepage: 14, nohugepage: 3, collapse: 4 };
const fileCalls: Weights<Token> = {
  truncate: 39,
  punch: 27,
  remove: 24,
  fread: 31,
  fwrite: 32,
  mincore: 20,
};
const transfers: Weights<Token> = { pread: 55, pwrite: 59, peek: 68, poke: 64 };
const remaps: Weights<Token> = {
  resize: 61,
  dontunmap: 3,
  mremap: 3,
  dontneed_locked: 13,
  willneed: 7,
  cold: 6,
};
const reclaims: Weights<Token> = { pageout: 109, cold: 12, free: 13, mincore: 5 };
const userfaults: Weights<Token> = {
  uffd: 3,
  uffd_register: 56,
  uffd_unregister: 5,
  uffd_copy: 28,
  uffd_zero: 11,
  uffd_wp: 30,
};
/** All that can become of huge pages, whatever they are of. */
const onHugePages: Weights<Token> = {
  ...common,
  ...forks,
  ...exclusives,
  ...pins,
  ...areas,
  ...huge,
  ...remaps,
  ...reclaims,
  ...userfaults,
};
const guards: Weights<Token> = { guard_install: 8, guard_remove: 5 };

/** Of kernels whose devices take huge pages whole: all of a region, a huge page, a half, and one across two. */
const onHugeDevices: Pick<Category, 'pages' | 'spans' | 'advised' | 'where'> = {
  pages: [512, 700, 1024],
  spans: [
    [0, 1024],
    [0, 512],
    [256, 256],
    [500, 30],
    [511, 1],
  ],
  advised: true,
  where: ({ behaviours }) => behaviours.migratesCompound,
};

function halved(weights: Weights<Token>): Weights<Token> {
  const half = Object.entries(weights).map(([token, weight = 0]) => [token, Math.ceil(weight / 2)]);
  return Object.fromEntries(half) as Weights<Token>;
}

/** Every draw, by the name that it is weighed under, with the step that it makes. */
export const draws: ReadonlyMap<string, { readonly op: string; readonly drawing: Drawing }> = new Map(
  Object.entries(steps).flatMap(([op, definition]) =>
    Object.entries<Drawing>(definition.draws).map(([token, drawing]) => [token, { op, drawing }]),
  ),
);

/** What steps ask for that the recordings have not. */
const others: Weights<Token> = Object.fromEntries(
  [...draws].flatMap(([token, { drawing }]) => (drawing.share === undefined ? [] : [[token, drawing.share]])),
);

export const categories: Readonly<Record<string, Category>> = {
  anon: { ...base, share: 40, steps: { ...common, close: 2 } },
  multidev: {
    ...base,
    share: 30,
    steps: { ...common, open: 30, release: 5, close: 2 },
    devices: [0, 1, 2, 3],
  },
  fork: { ...base, share: 30, steps: { ...common, ...forks, open: 24 }, shared: 8, devices: [0, 1, 2, 3] },
  exclusive: {
    ...base,
    share: 30,
    steps: { ...common, ...exclusives, fork: 7, exit: 3, open: 20 },
    backing: { anon: 90, file: 10 },
    shared: 9,
    devices: [0, 1, 2],
  },
  file: { ...base, share: 30, backing: { file: 75, anon: 25 }, shared: 20 },
  gup: {
    ...base,
    share: 30,
    steps: { ...common, ...pins, fork: 5 },
    backing: { anon: 90, file: 10 },
    shared: 10,
  },
  vma: { ...base, share: 30, steps: { ...common, ...areas }, backing: { anon: 80, file: 8, device: 12 } },
  thp: {
    ...base,
    share: 10,
    steps: { ...common, ...huge, exclusive: 11, fork: 7 },
    pages: [512, 700, 1024, 512, 700, 1024, 8],
    advised: true,
  },
  collapse: {
    ...base,
    share: 10,
    steps: { ...common, ...huge, collapse: 73, nohugepage: 5, fork: 11, gup: 7, mremap: 1 },
    shared: 7,
    pages: [512, 700, 1024, 512, 700, 1024, 512, 700, 8, 3],
    advised: true,
  },
  hugetlb: {
    ...base,
    share: 10,
    steps: { ...common, exclusive: 14 },
    backing: { hugetlb: 90, anon: 10 },
    shared: 28,
    pages: [512],
  },
  filex: {
    ...base,
    share: 17,
    steps: { ...common, ...fileCalls, exclusive: 14, fork: 10 },
    backing: { file: 89, anon: 11 },
    shared: 25,
  },
  // Files on a disk, of which no recording has any.
  disk: {
    ...base,
    share: 3,
    steps: { ...common, ...fileCalls, ...pins, ...transfers, pageout: 30, willneed: 20, mlock: 12, fork: 19 },
    backing: { disk: 85, anon: 8, file: 7 },
    shared: 60,
    pages: [...SMALL, ...SMALL, 64, 512],
    devices: [0, 1, 2, 3],
  },
  // Files of a DAX file system. By its name alone: nothing but steps of its own needs the devices.
  dax: {
    ...base,
    share: 0,
    steps: {
      ...common,
      ...fileCalls,
      ...forks,
      gup: 61,
      pin: 20,
      unpin: 10,
      fread_direct: 20,
      fwrite_direct: 20,
      cut_held: 30,
      mlock: 12,
      mremap: 10,
      mount: 10,
      umount: 10,
      unlink: 20,
    },
    backing: { dax: 75, disk: 10, anon: 15 },
    shared: 60,
    devices: [0, 1, 2, 3],
    machine: { modprobe: ['nd_pmem'] },
  },
  // Files on a disk that are written back. By its name alone: the frequencies of others are those of recordings without it.
  writeback: {
    ...base,
    share: 0,
    steps: {
      ...halved(common),
      ...fileCalls,
      store: 120,
      write: 100,
      fsync: 40,
      msync: 40,
      sync_file_range: 60,
      pageout: 50,
      fork: 19,
      exit: 8,
      pin: 12,
      unpin: 8,
      fread_direct: 10,
      fwrite_direct: 10,
      mremap: 6,
      mlock: 6,
    },
    backing: { disk: 88, anon: 8, file: 4 },
    shared: 80,
    pages: [...SMALL, ...SMALL, 64],
    devices: [0, 1, 2, 3],
    machine: { swap: '64M' },
  },
  // Pages of the kernel, and frames without a struct page, beside memory that migrates. By its name alone: the recordings have none.
  special: {
    ...base,
    share: 0,
    steps: {
      ...common,
      ...forks,
      ...pins,
      ...transfers,
      map_vdso: 60,
      exclusive: 20,
      mremap: 12,
      mlock: 6,
      pageout: 10,
      dontfork: 6,
    },
    backing: { anon: 70, device: 20, file: 10 },
    shared: 10,
    devices: [0, 1, 2, 3],
    machine: { swap: '64M' },
  },
  // Pages that the hardware loses, of memory, of files and of the swap cache. By its name alone: the recordings have none.
  hwpoison: {
    ...base,
    share: 0,
    steps: {
      ...common,
      ...forks,
      ...pins,
      ...transfers,
      hwpoison: 60,
      mce_kill: 20,
      soft_offline: 50,
      fork: 60,
      fread: 30,
      fwrite: 30,
      punch: 20,
      truncate: 10,
      fsync: 30,
      mincore: 20,
      populate_read: 15,
      pageout: 60,
      collapse: 20,
      exclusive: 20,
      mlock: 10,
      dontneed: 30,
    },
    backing: { anon: 42, file: 22, disk: 22, hugetlb: 14 },
    shared: 50,
    pages: [...SMALL, ...SMALL, 512],
    advised: true,
    devices: [0, 1, 2, 3],
    machine: { swap: '64M', hugepages: 6 },
  },
  // Memory cgroups with limits. By its name alone, as nothing but steps of its own needs them.
  memcg: {
    ...base,
    share: 0,
    steps: {
      ...halved(common),
      ...forks,
      mmap: 90,
      store: 200,
      to_dev: 120,
      pageout: 20,
      gup: 15,
      mkcgroup: 140,
      rmcgroup: 4,
      cgroup_join: 200,
      cgroup_limit: 100,
      cgroup_read: 160,
    },
    backing: { anon: 80, file: 20 },
    shared: 20,
    pages: [...SMALL, ...SMALL, 512],
    advised: true,
    devices: [0, 1, 2, 3],
    machine: { swap: '64M' },
  },
  io: {
    ...base,
    share: 20,
    steps: { ...common, ...transfers, ...exclusives, fork: 19, exit: 1, hugepage: 2 },
    backing: { anon: 91, file: 9 },
    shared: 11,
    pages: [...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, 512],
    devices: [0, 1, 2, 3],
    advised: true,
  },
  mremapx: {
    ...base,
    share: 20,
    steps: { ...common, ...remaps, mlock: 12, munlock: 7, fork: 8, hugepage: 1 },
    backing: { anon: 88, file: 12 },
    shared: 6,
    pages: [...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, 1024],
    advised: true,
  },
  swap: {
    ...base,
    share: 20,
    steps: { ...common, ...reclaims, ...exclusives, exclusive: 73, fork: 15, exit: 1, mlock: 7, gup: 12 },
    backing: { anon: 96, file: 4 },
    shared: 10,
    pages: [...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, 512, 1024],
    advised: true,
    machine: { swap: '256M' },
  },
  uffd: {
    ...base,
    share: 20,
    steps: { ...common, ...userfaults, exclusive: 7, fork: 14, gup: 15 },
    backing: { anon: 94, file: 6 },
    shared: 15,
    pages: [...SMALL, ...SMALL, ...SMALL, ...SMALL, 512, 1024],
    advised: true,
  },
  all: {
    ...base,
    share: 40,
    steps: {
      ...common,
      ...forks,
      ...exclusives,
      ...pins,
      ...areas,
      ...huge,
      release: 3,
      get_type: 2,
      open: 24,
      ...others,
    },
    backing: { anon: 84, file: 10, device: 4, hugetlb: 2 },
    shared: 10,
    pages: [...SMALL, ...SMALL, ...SMALL, 2, 512, 1024],
    devices: [0, 1, 2, 3],
  },
  guard: {
    ...base,
    share: 20,
    steps: {
      ...common,
      guard_install: 63,
      guard_remove: 43,
      gup: 11,
      fork: 11,
      populate_write: 8,
      populate_read: 4,
      mlock: 6,
      free: 6,
      mremap: 3,
      exit: 1,
    },
    backing: { anon: 91, file: 9 },
    pages: [...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, ...SMALL, 512, 1024, 1024],
    advised: true,
    where: ({ behaviours }) => behaviours.madviseGuards,
  },
  thpdev: {
    ...base,
    ...onHugeDevices,
    share: 60,
    steps: {
      ...common,
      to_dev: 245,
      to_sys: 70,
      fork: 19,
      collapse: 13,
      gup: 11,
      pin: 11,
      free: 8,
      mremap: 2,
    },
  },
  // Not among the recordings: huge device pages in parts, which several processes map.
  splitdev: {
    ...base,
    ...onHugeDevices,
    share: 20,
    steps: {
      ...common,
      ...forks,
      to_dev: 200,
      mprotect: 100,
      munmap: 50,
      dontneed: 40,
      fork: 60,
      exit: 25,
      mremap: 20,
      resize: 20,
      collapse: 10,
      exclusive: 20,
      gup: 20,
    },
    shared: 3,
    devices: [0, 1, 2, 3],
  },
  thpgup: {
    ...base,
    ...onHugeDevices,
    share: 20,
    steps: { ...common, gup: 63, pin: 42, unpin: 17, fork: 22, exclusive: 16, free: 10, mlock: 7, mremap: 3 },
  },
  err: {
    ...base,
    ...onHugeDevices,
    share: 20,
    steps: { ...common, to_dev: 178, flags: 87, read_unlocked: 56, fork: 11, mremap: 4 },
    where: ({ uapi }) => uapi.nr.FLAGS !== undefined,
  },
  // Not among the recordings: everything at once.
  every: {
    ...base,
    share: 20,
    steps: {
      ...common,
      ...halved({
        ...forks,
        ...exclusives,
        ...pins,
        ...areas,
        ...huge,
        ...fileCalls,
        ...transfers,
        ...remaps,
        ...reclaims,
        ...userfaults,
        ...guards,
      }),
      release: 2,
      get_type: 1,
    },
    backing: { anon: 55, file: 35, device: 4, hugetlb: 6 },
    shared: 20,
    pages: [...SMALL, ...SMALL, ...SMALL, 2, 512, 1024],
    devices: [0, 1, 2, 3],
    machine: { swap: '256M' },
  },
  // The same for huge device pages.
  everydev: {
    ...base,
    ...onHugeDevices,
    share: 20,
    steps: {
      ...onHugePages,
      collapse: 20,
      flags: 20,
      read_unlocked: 20,
      guard_install: 8,
      guard_remove: 5,
      release: 4,
      resize: 30,
      mremap: 20,
      pageout: 40,
      uffd_register: 20,
    },
    backing: { anon: 90, file: 10 },
    shared: 5,
    devices: [0, 1, 2, 3],
    machine: { swap: '256M' },
  },
  // Nor is this: little memory, all of which the device's backing pages can take.
  pressure: {
    ...base,
    share: 1,
    steps: { ...common, ...forks, release: 20 },
    pages: [12000, 12000, 8000, 16],
    devices: [0, 1],
    machine: { spm: [], memory: '64M', hugepages: 0 },
  },
  // The same with some swap: direct reclaim, what it leaves, and the OOM killer. By its name alone, as it takes long.
  reclaim: {
    ...base,
    share: 0,
    steps: {
      ...common,
      ...forks,
      ...reclaims,
      ...exclusives,
      ...pins,
      ...areas,
      ...fileCalls,
      store: 220,
      populate_write: 40,
      collapse: 8,
      hugepage: 14,
      release: 4,
    },
    backing: { anon: 80, file: 20 },
    shared: 20,
    pages: [9000, 7000, 5000, ...SMALL],
    advised: true,
    devices: [0, 1],
    machine: { spm: [], memory: '64M', hugepages: 0, swap: '32M' },
  },
  // Huge pages of files, and all that can happen to them. By its name alone.
  hugefile: {
    ...base,
    share: 0,
    steps: {
      ...onHugePages,
      ...fileCalls,
      collapse: 180,
      fork: 30,
      mremap: 20,
      pageout: 30,
      uffd_register: 12,
    },
    backing: { anon: 40, file: 60 },
    shared: 70,
    pages: [512, 700, 1024, 1024, 1536, 8],
    spans: [
      [0, 512],
      [0, 512],
      [512, 512],
      [0, 1024],
    ],
    devices: [0, 1, 2, 3],
    machine: { swap: '256M' },
    where: ({ behaviours }) => behaviours.madviseCollapses,
  },
  // Huge pages, of hugetlb's small pool above all, that move as a whole. By its name alone.
  hugemove: {
    ...base,
    share: 0,
    steps: {
      ...onHugePages,
      truncate: 10,
      punch: 20,
      remove: 10,
      fread: 6,
      fwrite: 8,
      move_whole: 150,
      fork: 60,
      exit: 20,
    },
    backing: { hugetlb: 70, anon: 30 },
    shared: 30,
    pages: [512, 1024, 1024, 1536],
    spans: [
      [0, 512],
      [0, 512],
      [512, 512],
      [0, 1024],
    ],
    advised: true,
    devices: [0, 2],
    machine: { hugepages: 4, swap: '256M' },
  },
  // Memory blocks that go out of use with all that lies there, and come back. By its name alone, as no recording has any.
  hotplug: {
    ...base,
    share: 0,
    steps: {
      ...halved(common),
      ...forks,
      ...pins,
      ...exclusives,
      store: 200,
      to_dev: 120,
      to_sys: 40,
      pageout: 30,
      mlock: 12,
      munlock: 6,
      hugepage: 14,
      collapse: 6,
      populate_write: 40,
      offline: 180,
      online: 60,
    },
    backing: { anon: 75, file: 18, hugetlb: 7 },
    shared: 20,
    pages: [...SMALL, ...SMALL, 512, 1024],
    advised: true,
    devices: [0, 1, 2, 3],
    // The seed has pages handed out that are not of the first block, which has a hole.
    machine: { swap: '64M', seed: 7 },
  },
  // A device that is a node, and policies of memory. By its name alone: other kernels have other devices.
  cdm: {
    ...base,
    share: 0,
    steps: {
      ...fileCalls,
      ...forks,
      ...huge,
      mmap: 60,
      store: 160,
      load: 70,
      mprotect: 30,
      munmap: 16,
      dontneed: 20,
      mlock: 6,
      mremap: 10,
      pageout: 20,
      gup: 20,
      get: 12,
      put: 16,
      open: 4,
      mbind: 90,
      set_mempolicy: 40,
      migrate_pages: 40,
      move_pages: 90,
      node_in: 110,
      node_out: 70,
      node_read: 60,
      node_write: 110,
    },
    backing: { anon: 45, file: 25, disk: 30 },
    shared: 50,
    pages: [...SMALL, ...SMALL, 512, 700],
    advised: true,
    devices: [],
    device: 'coherent_node',
    looks: ['move_pages', 'pagemap', 'load'],
    where: () => true,
    machine: { nodes: 2, modprobe: ['coherent_node'] },
  },
  // One module parameter alone, which no suite gives.
  parameter: { ...base, share: 1, devices: [0, 1, 2], machine: { spm: ['0x100000000'] } },
};
