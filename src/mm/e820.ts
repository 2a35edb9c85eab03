// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where RAM and soft-reserved memory are (arch/x86/kernel/e820.c, drivers/firmware/efi/fake_mem.c).
 * Fidelity: simplified. Firmware tables, ACPI ranges and the usable part of the first megabyte are left out.
 */
import { UsageError } from '../sim/errors.js';
import { MAX_PAGES, PAGE_SIZE } from '../sim/memmap.js';
import {
  IORES_DESC_SOFT_RESERVED,
  IORESOURCE_BUSY,
  IORESOURCE_MEM,
  IORESOURCE_SYSTEM_RAM,
  IomemResource,
  insert_resource,
  MAX_PHYSMEM_BITS,
  Resource,
} from './resource.js';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** EFI_MEMORY_SP: memory for a special purpose, which the kernel leaves to a driver. */
export const EFI_MEMORY_SP = 0x40000;

/** What x86-64 processors have. */
const MIN_PHYS_BITS = 36;
const MAX_PHYS_BITS = 52;

const LOW_RAM_START = MiB;
const PCI_HOLE_START = 3 * GiB;
const PCI_HOLE_END = 4 * GiB;
const TiB = 2 ** 40;
/** What KASLR leaves for memory that is plugged in later (CONFIG_RANDOMIZE_MEMORY_PHYSICAL_PADDING). */
const KASLR_PADDING = 10 * TiB;
/** memremap_pages works in subsections of this size. */
const SUBSECTION_SIZE = 2 * MiB;
/** A dmirror chunk (DEVMEM_CHUNK_SIZE): less than that is no use to a device. */
const CHUNK_SIZE = 256 * MiB;
/** Half of the page numbers that there are: the other half is for devices. */
const MAX_MEMORY = (MAX_PAGES / 2) * PAGE_SIZE;
const DEFAULT_SPM_SIZE = GiB;
const HUGEPAGE_SIZE = 2 * MiB;
/** What a kernel and a test program need besides huge pages. */
const MIN_RAM = 64 * MiB;

export interface PhysRange {
  readonly start: number;
  /** Bytes. */
  readonly size: number;
}

export interface FakeMem extends PhysRange {
  readonly attribute: number;
}

export interface PhysicalRequest {
  /** Bytes of RAM, soft-reserved part included. */
  readonly memory: number;
  /** Ranges of --efi-fake-mem; when there are any, `spm` adds none. */
  readonly efiFakeMem?: readonly FakeMem[];
  /** spm_addr_dev0, spm_addr_dev1: each gets up to 1 GiB of soft-reserved memory. */
  readonly spm?: readonly (number | undefined)[];
  /** Whether they do, default true; otherwise there is at each what happens to be there: RAM, or nothing. */
  readonly spmMemory?: boolean;
  /** 2 MiB pages that are taken from RAM at boot. */
  readonly hugepages?: number;
  /** Bits of a physical address, default 46; the kernel uses no more than 46 of them. */
  readonly physBits?: number;
}

export interface PhysicalPlan {
  readonly ram: PhysRange[];
  readonly softReserved: PhysRange[];
  /** A device was given an address with no memory behind it. */
  readonly holes: boolean;
  /** Bits of a physical address. */
  readonly physBits: number;
}

interface NamedRange extends PhysRange {
  /** The option that it comes from. */
  readonly where: string;
}

function hex(addr: number): string {
  return `0x${addr.toString(16)}`;
}

function show(range: PhysRange): string {
  return `${hex(range.start)}-${hex(range.start + range.size - 1)}`;
}

function overlap(a: PhysRange, b: PhysRange): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

/** Throws UsageError unless device memory can start at `addr`. */
export function checkSpmAddress(addr: number, where: string): void {
  if (!Number.isSafeInteger(addr)) throw new UsageError(`${addr} is not an address`, where);
  if (addr < 0) throw new UsageError('an address cannot be negative', where);
  if (addr === 0) throw new UsageError('0 is not an address that device memory can have', where);
  if (addr < LOW_RAM_START) throw new UsageError(`${hex(addr)} is in the first megabyte`, where);
  if (addr % SUBSECTION_SIZE !== 0) throw new UsageError(`${hex(addr)} is not 2 MiB aligned`, where);
}

/** Where physical addresses that both the processor and the kernel know end. */
const physEnd = (physBits: number): number => 2 ** Math.min(physBits, MAX_PHYSMEM_BITS);

function checkRange(range: NamedRange, physBits: number): void {
  checkSpmAddress(range.start, range.where);
  if (range.size < CHUNK_SIZE) {
    throw new UsageError(`${show(range)} is smaller than 256 MiB, the size of a device chunk`, range.where);
  }
  if (range.size % SUBSECTION_SIZE !== 0) {
    throw new UsageError(`the size of ${show(range)} is not a multiple of 2 MiB`, range.where);
  }
  if (overlap(range, { start: PCI_HOLE_START, size: PCI_HOLE_END - PCI_HOLE_START })) {
    throw new UsageError(`${show(range)} is in the PCI hole, 0xc0000000-0xffffffff`, range.where);
  }
  if (range.start + range.size > physEnd(physBits)) {
    throw new UsageError(
      `${show(range)} is beyond the ${Math.min(physBits, MAX_PHYSMEM_BITS)}-bit physical addresses`,
      range.where,
    );
  }
}

function checkOverlaps(sorted: readonly NamedRange[]): void {
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1]!, sorted[i]!];
    if (overlap(a, b)) throw new UsageError(`${show(b)} overlaps ${show(a)}`, b.where);
  }
}

function fakeRanges(efiFakeMem: readonly FakeMem[]): NamedRange[] {
  return efiFakeMem.map(({ start, size, attribute }) => {
    if (attribute !== EFI_MEMORY_SP) {
      throw new UsageError(
        `attribute ${hex(attribute)}: only 0x40000 (special purpose) is known`,
        '--efi-fake-mem',
      );
    }
    return { start, size, where: '--efi-fake-mem' };
  });
}

/** 1 GiB at each address, less where the next one begins. */
function spmRanges(spm: readonly (number | undefined)[]): NamedRange[] {
  const starts = spm.flatMap((start, device) => {
    if (start === undefined) return [];
    const where = `spm_addr_dev${device}`;
    checkSpmAddress(start, where);
    return [{ start, where }];
  });
  return starts.map(({ start, where }) => {
    const next = Math.min(...starts.map((other) => other.start).filter((other) => other > start));
    return { start, where, size: Math.min(DEFAULT_SPM_SIZE, next - start) };
  });
}

/** A PC's RAM: up to 3 GiB, and the rest from 4 GiB. The first megabyte is the firmware's. */
function installedRam(memory: number): PhysRange[] {
  const low = Math.min(memory, PCI_HOLE_START);
  const ram = [{ start: LOW_RAM_START, size: low - LOW_RAM_START }];
  if (memory > low) ram.push({ start: PCI_HOLE_END, size: memory - low });
  return ram;
}

function subtract(range: PhysRange, hole: PhysRange): PhysRange[] {
  if (!overlap(range, hole)) return [range];
  const [end, holeEnd] = [range.start + range.size, hole.start + hole.size];
  const left = { start: range.start, size: hole.start - range.start };
  const right = { start: holeEnd, size: end - holeEnd };
  return [left, right].filter((part) => part.size > 0);
}

function checkPhysBits(physBits: number): void {
  if (Number.isInteger(physBits) && physBits >= MIN_PHYS_BITS && physBits <= MAX_PHYS_BITS) return;
  throw new UsageError(
    `${physBits} is not a width of physical addresses: ${MIN_PHYS_BITS} to ${MAX_PHYS_BITS} bits`,
    '--phys-bits',
  );
}

function checkMemory(memory: number): void {
  if (!Number.isSafeInteger(memory) || memory <= 0 || memory % SUBSECTION_SIZE !== 0) {
    throw new UsageError(`${memory} bytes is not a positive multiple of 2 MiB`, '--memory');
  }
  if (memory > MAX_MEMORY) {
    throw new UsageError(
      `${memory} bytes are more than ${MAX_MEMORY / GiB} GiB, the most that is simulated`,
      '--memory',
    );
  }
}

function checkRamReached(ram: readonly PhysRange[], memory: number, physBits: number): void {
  const { start, size } = ram.at(-1)!;
  if (start + size <= physEnd(physBits)) return;
  throw new UsageError(
    `${memory} bytes of RAM do not lie within ${physBits}-bit physical addresses`,
    '--phys-bits',
  );
}

function checkRamLeft(ram: readonly PhysRange[], hugepages: number): void {
  const left = ram.reduce((sum, range) => sum + range.size, LOW_RAM_START);
  const needed = MIN_RAM + hugepages * HUGEPAGE_SIZE;
  if (left >= needed) return;
  const huge = hugepages === 0 ? '' : `, ${hugepages * 2} MiB of it for ${hugepages} huge pages`;
  throw new UsageError(
    `too little RAM left: ${left / MiB} MiB, and ${needed / MiB} MiB are needed${huge}`,
    '--memory',
  );
}

/**
 * Lay out physical memory. Throws UsageError for what cannot be laid out, naming the option to blame.
 * Both lists are sorted by address; soft-reserved ranges are carved out of RAM, or lie beyond it.
 */
export function planPhysicalMemory(request: PhysicalRequest): PhysicalPlan {
  const { memory, efiFakeMem = [], spm = [], spmMemory = true, hugepages = 0 } = request;
  const { physBits = MAX_PHYSMEM_BITS } = request;
  checkMemory(memory);
  checkPhysBits(physBits);
  const atAddresses = spmRanges(spm);
  const named = efiFakeMem.length > 0 ? fakeRanges(efiFakeMem) : spmMemory ? atAddresses : [];
  const sorted = named.sort((a, b) => a.start - b.start);
  checkOverlaps(sorted);
  for (const range of sorted) checkRange(range, physBits);

  const softReserved = sorted.map(({ start, size }) => ({ start, size }));
  const installed = installedRam(memory);
  checkRamReached(installed, memory, physBits);
  const ram = softReserved.reduce((left, hole) => left.flatMap((range) => subtract(range, hole)), installed);
  checkRamLeft(ram, hugepages);
  const plan = { ram, softReserved, physBits };
  const holes = atAddresses.some(({ start }) => !hasMemory(plan, start));
  return { ...plan, holes };
}

/** Whether anything is at `addr`: RAM, or memory that is soft-reserved. */
export function hasMemory(
  { ram, softReserved }: Pick<PhysicalPlan, 'ram' | 'softReserved'>,
  addr: number,
): boolean {
  const isThere = ({ start, size }: PhysRange): boolean => addr >= start && addr < start + size;
  return ram.some(isThere) || softReserved.some(isThere);
}

/** What --efi-fake-mem would have to say for the soft-reserved ranges of `plan`. */
export function asFakeMem(plan: PhysicalPlan): FakeMem[] {
  return plan.softReserved.map((range) => ({ ...range, attribute: EFI_MEMORY_SP }));
}

/**
 * The last address that the kernel maps for itself. KASLR makes room for what moves by chance: where it does not spare
 * ZONE_DEVICE, the map ends 10 TiB behind the last TiB that has memory. Source: arch/x86/mm/kaslr.c kernel_randomize_memory.
 */
export function physmemEnd({ ram }: PhysicalPlan, trimmed: boolean): number {
  const end = 2 ** MAX_PHYSMEM_BITS;
  const { start, size } = ram.at(-1)!;
  return trimmed ? Math.min(end, Math.ceil((start + size) / TiB) * TiB + KASLR_PADDING) - 1 : end - 1;
}

/** The iomem resource tree of a machine with this memory, whose kernel maps what is up to `physmem_end`. */
export function buildIomem(plan: PhysicalPlan, physmem_end = physmemEnd(plan, false)): IomemResource {
  const root = new IomemResource(plan.physBits, physmem_end);
  const busyRam = (IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY) >>> 0;
  for (const { start, size } of plan.ram) {
    insert_resource(root, new Resource('System RAM', start, start + size - 1, busyRam));
  }
  for (const { start, size } of plan.softReserved) {
    const res = new Resource(
      'Soft Reserved',
      start,
      start + size - 1,
      IORESOURCE_MEM,
      IORES_DESC_SOFT_RESERVED,
    );
    insert_resource(root, res);
  }
  return root;
}
