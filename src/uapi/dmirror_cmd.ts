// SPDX-License-Identifier: GPL-2.0-only
/** struct hmm_dmirror_cmd (lib/test_hmm_uapi.h): what every dmirror ioctl passes and gets back. */
import { exactU64At, putU32, putU64, type U64, u32At, u64At } from '../sim/bytes.js';
import { type CMember, CStruct } from './c_struct.js';

export interface DmirrorFields {
  addr: U64;
  ptr: U64;
  npages: U64;
  cpages: number;
  faults: number;
  /** 0 where the struct has no such member. */
  zone_device_type: number;
  /** The way that MIGRATE goes; false where the ioctl says it. */
  alloc_to_devmem: boolean;
}

/** What the caller of an ioctl fills in; the rest of the struct is zeros. */
export type DmirrorRequest = Pick<DmirrorFields, 'addr' | 'ptr' | 'npages'> &
  Partial<Pick<DmirrorFields, 'alloc_to_devmem'>>;

/** What the driver answers in the struct. */
export type DmirrorAnswer = Pick<DmirrorFields, 'cpages' | 'faults' | 'zone_device_type'>;

type Member = CMember<keyof DmirrorFields>;

/** The members that every generation has. */
const COMMON: readonly Member[] = [
  { name: 'addr', type: 'uint64_t' },
  { name: 'ptr', type: 'uint64_t' },
  { name: 'npages', type: 'uint64_t' },
  { name: 'cpages', type: 'uint64_t' },
  { name: 'faults', type: 'uint64_t' },
];

const common = new CStruct('hmm_dmirror_cmd', COMMON);
const ADDR = common.offset('addr');
const PTR = common.offset('ptr');
const NPAGES = common.offset('npages');
const CPAGES = common.offset('cpages');
const FAULTS = common.offset('faults');

/** The struct of one generation: its layout, and its members to and from bytes. */
export class DmirrorStruct extends CStruct<keyof DmirrorFields> {
  /** Offsets, or -1 where there is no such member. */
  private readonly type: number;
  private readonly direction: number;
  private readonly typeIsLong: boolean;

  constructor(extra: readonly Member[] = []) {
    super('hmm_dmirror_cmd', [...COMMON, ...extra]);
    this.type = this.field('zone_device_type')?.offset ?? -1;
    this.direction = this.field('alloc_to_devmem')?.offset ?? -1;
    this.typeIsLong = this.field('zone_device_type')?.type === 'uint64_t';
  }

  get hasZoneDeviceType(): boolean {
    return this.type >= 0;
  }

  get hasAllocToDevmem(): boolean {
    return this.direction >= 0;
  }

  /** `bytes`: of the struct's size, all of which are written. Return: `bytes`. */
  encode(bytes: Uint8Array, request: DmirrorRequest): Uint8Array {
    bytes.fill(0);
    putU64(bytes, ADDR, request.addr);
    putU64(bytes, PTR, request.ptr);
    putU64(bytes, NPAGES, request.npages);
    if (this.direction >= 0 && request.alloc_to_devmem) putU32(bytes, this.direction, 1);
    return bytes;
  }

  decode(bytes: Uint8Array): DmirrorFields {
    return {
      addr: exactU64At(bytes, ADDR),
      ptr: exactU64At(bytes, PTR),
      npages: exactU64At(bytes, NPAGES),
      cpages: u64At(bytes, CPAGES),
      faults: u64At(bytes, FAULTS),
      zone_device_type: this.type < 0 ? 0 : u32At(bytes, this.type),
      alloc_to_devmem: this.direction >= 0 && u32At(bytes, this.direction) !== 0,
    };
  }

  /** What the driver changes: the counts, and the type unless it is 0, which no device has. */
  putAnswer(bytes: Uint8Array, answer: DmirrorAnswer): void {
    putU64(bytes, CPAGES, answer.cpages);
    putU64(bytes, FAULTS, answer.faults);
    if (this.type < 0 || answer.zone_device_type === 0) return;
    if (this.typeIsLong) putU64(bytes, this.type, answer.zone_device_type);
    else putU32(bytes, this.type, answer.zone_device_type);
  }
}
