// SPDX-License-Identifier: GPL-2.0-only
/** amdgpu with amdkfd, as a machine knows it. */
import type { FileOperations } from '../../fs/file.js';
import type {
  Device,
  DeviceAccess,
  DeviceEntry,
  Driver,
  DriverHost,
  DriverModule,
  DriverView,
} from '../../kernel/module.js';
import {
  IORES_DESC_SOFT_RESERVED,
  IORESOURCE_MEM,
  insert_resource,
  lookup_resource,
  Resource,
} from '../../mm/resource.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { gpuIdOf } from '../../uapi/kfd_sim.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { amdgpu_driver_kms_fops } from './amdgpu_drv.js';
import { AmdgpuVramMgr } from './amdgpu_vram_mgr.js';
import { kfd_fops } from './kfd_chardev.js';
import { kgd2kfd_init_zone_device, svm_migrate_fini } from './kfd_migrate.js';
import type { AmdkfdModule, KfdNode } from './kfd_priv.js';
import { gpuFileOf } from './kfd_process.js';
import { APERTURES, ASICS, amdgpu_info, GPUS_MAX, TOPOLOGIES } from './modinfo.js';
import { amdgpu_steps } from './steps.js';

/** Where the first GPU has its aperture that the CPU maps, and how far from it the next one: beyond all RAM that there can be. */
const APER_BASE = 2 ** 44;
const APER_DISTANCE = 2 ** 40;

/** VRAM of each GPU, in MiB, and how much of it is used by default: little, so that it runs full soon. */
const VRAM_MIB = 4096;
const VRAM_LIMIT_MIB = 1024;
const MIB = 2 ** 20;

class AmdkfdView implements DriverView {
  readonly devices: readonly Device[];

  constructor(private readonly module: AmdkfdModule) {
    this.devices = module.nodes.map(({ gpuidx }) => ({
      name: `gpu${gpuidx}`,
      minor: gpuidx,
      migrate_to_ram: 'svm_migrate_to_ram',
    }));
  }

  deviceOf(page: Page): Device | null {
    const at = this.module.nodes.findIndex(({ pgmap }) => {
      if (pgmap === null) return false;
      return page >= pgmap.firstPage && page < pgmap.firstPage + pgmap.nr_pages;
    });
    return this.devices[at] ?? null;
  }

  accesses(mm: MmStruct, addr: number): DeviceAccess[] {
    const p = this.module.processes.get(mm);
    if (p === undefined) return [];
    return p.pdds.flatMap(({ vm, dev }) => {
      const device = this.devices[dev.gpuidx]!;
      const may = (write: boolean): boolean =>
        vm !== null && vm.translate(addr / PAGE_SIZE, write) !== NO_PAGE;
      if (!may(false)) return [];
      return [{ device, access: may(true) ? 'rw' : 'r' }];
    });
  }

  knows(file: number, addr: number): boolean {
    const p = [...this.module.processes.values()].find((one) => gpuFileOf(one) === file);
    return (
      p?.pdds.some(({ vm }) => vm !== null && vm.translate(addr / PAGE_SIZE, false) !== NO_PAGE) ?? false
    );
  }

  /** Of what is mapped now: what was invalidated keeps what was there until it is mapped again, and no queue runs meanwhile. */
  *entries(): Iterable<DeviceEntry> {
    for (const { mm, pdds, svms, process_info } of this.module.processes.values()) {
      if (mm === null || svms.evicted_ranges > 0 || (process_info?.evicted_bos ?? 0) > 0) continue;
      for (const { vm, dev } of pdds) {
        for (const { addr, page, write } of vm?.entries() ?? []) {
          const userptr = vm!.cpu_page(addr);
          yield { device: this.devices[dev.gpuidx]!, mm, addr: userptr * PAGE_SIZE, page, write };
        }
      }
    }
  }
}

class Amdkfd implements Driver {
  readonly name = 'amdgpu';
  readonly files: ReadonlyMap<string, FileOperations>;
  readonly view: DriverView;

  constructor(
    readonly module: AmdkfdModule,
    host: DriverHost,
  ) {
    this.view = new AmdkfdView(module);
    const files = new Map([['/dev/kfd', kfd_fops(module, host)]]);
    for (const node of module.nodes)
      files.set(`/dev/dri/renderD${128 + node.gpuidx}`, amdgpu_driver_kms_fops(node));
    this.files = files;
  }
}

interface Params {
  readonly gpus: number;
  readonly topology: (typeof TOPOLOGIES)[number];
  readonly vram: number;
  readonly asic: (typeof ASICS)[number];
  readonly aperture: (typeof APERTURES)[number];
  readonly noretry: boolean;
  readonly granularity: number;
}

/** Return: what the parameters say, null where that cannot be. */
function parse(params: Readonly<Record<string, string>>): Params | null {
  const number = (name: string, fallback: number): number => Number(params[name] ?? fallback);
  const topology = TOPOLOGIES.find((name) => name === (params.sim_topology ?? 'pcie'));
  const gpus = number('sim_gpus', 1);
  const asic = ASICS.find((name) => name === (params.sim_asic ?? 'mi200'));
  const aperture = APERTURES.find((name) => name === (params.sim_aperture ?? 'reserved'));
  const limit = number('vramlimit', VRAM_LIMIT_MIB);
  const vram = number('sim_vram', VRAM_MIB);
  if (asic === undefined || aperture === undefined || !(vram >= 2 && vram * MIB <= APER_DISTANCE))
    return null;
  if (topology === undefined || !(gpus >= 1 && gpus <= GPUS_MAX)) return null;
  return {
    gpus,
    topology,
    asic,
    aperture,
    vram: (limit === 0 ? vram : Math.min(limit, vram)) * MIB,
    noretry: number('noretry', 1) !== 0,
    granularity: number('svm_default_granularity', 9),
  };
}

function new_node(module: AmdkfdModule, gpuidx: number, params: Params, hive: object): KfdNode {
  const { topology, vram, asic, noretry } = params;
  const isApu = topology === 'apu';
  return {
    module,
    gpuidx,
    id: gpuIdOf(gpuidx),
    hive: topology === 'hive' || topology === 'cpu' ? hive : null,
    connected_to_cpu: topology === 'cpu',
    aper_base: APER_BASE + gpuidx * APER_DISTANCE,
    isGfx9: asic !== 'polaris',
    isApu,
    noretry,
    vram_size: vram,
    pgmap: null,
    vram: new AmdgpuVramMgr(isApu ? 0 : vram / PAGE_SIZE),
    smi_clients: [],
  };
}

/** amdgpu_amdkfd_gpuvm_init_mem_limits(): what is left of system memory for ranges, in pages. */
function max_system_mem_limit(pages: number): number {
  const reserve = (3 * 2 ** 29) / PAGE_SIZE;
  const most = pages - Math.floor(pages / 64);
  return most < 2 * reserve ? Math.floor(most / 2) : most - reserve;
}

/** svm_range_set_max_pages(): a large range is made of ranges of this many pages, by the GPU's memory. */
function svm_range_max_pages(vram: number): number {
  const pages = Math.min(Math.max(vram / 2 ** 17, 2 ** 9), 2 ** 18);
  return 2 ** Math.floor(Math.log2(pages));
}

/** What firmware tells of VRAM that the processor reaches: memory for whoever asks for it by name. */
function reserve_aperture({ module: { kernel }, aper_base, vram_size }: KfdNode): void {
  if (lookup_resource(kernel.iomem, aper_base) !== null) return;
  const end = aper_base + vram_size - 1;
  const reserved = new Resource('Soft Reserved', aper_base, end, IORESOURCE_MEM, IORES_DESC_SOFT_RESERVED);
  insert_resource(kernel.iomem, reserved);
}

// biome-ignore lint/correctness/useYield: loading may sleep; this has no need to.
function* load(host: DriverHost, given: Readonly<Record<string, string>>): Task<Amdkfd | number> {
  const params = parse(given);
  if (params === null) return -EINVAL;
  const { kernel } = host;
  const module: AmdkfdModule = {
    kernel,
    nodes: [],
    processes: new Map(),
    svm_bos: [null],
    freeBoIds: [],
    max_svm_range_pages: svm_range_max_pages(params.vram),
    default_granularity: params.granularity,
    max_system_mem_limit: max_system_mem_limit(kernel.firstDevicePage),
    system_mem_used: 0,
  };
  const hive = {};
  for (let gpuidx = 0; gpuidx < params.gpus; gpuidx++) {
    const node = new_node(module, gpuidx, params, hive);
    module.nodes.push(node);
    if (node.connected_to_cpu && params.aperture === 'reserved') reserve_aperture(node);
    // A GPU whose memory has no struct pages has no SVM, and is there all the same.
    const r = kgd2kfd_init_zone_device(node);
    if (r !== 0) kernel.printk(`amdgpu: failed to register HMM device memory: ${r}`);
  }
  return new Amdkfd(module, host);
}

function* unload({ module }: Amdkfd): Task {
  for (const node of module.nodes) yield* svm_migrate_fini(node);
}

export const amdgpu: DriverModule<Amdkfd> = { ...amdgpu_info, steps: amdgpu_steps, load, unload };
