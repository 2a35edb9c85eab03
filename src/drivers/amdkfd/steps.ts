// SPDX-License-Identifier: GPL-2.0-only
/** Requests of /dev/kfd and of the render nodes as steps of documents, one attribute each. A step's word is a node, or the value. */
import type { DriverStep, StepAnswer } from '../../kernel/module.js';
import { encodeDriverRange } from '../../uapi/driver_range.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import {
  type AmdgpuRequest,
  amdgpuAnswer,
  amdgpuRequests,
  locationName,
  locationOf,
} from '../../uapi/kfd_sim.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

/** What a step's word is where it has none: the first GPU. */
const FIRST_GPU = 1;

const svmStep = (op: number, type: number, valueFor: (word: number | undefined) => number) => ({
  request: uapi.AMDKFD_IOC_SVM(1),
  encode: ({ addr, pages, word }: Parameters<DriverStep['encode']>[0]) =>
    uapi.encodeSvm(op, addr, pages * PAGE_SIZE, [{ type, value: valueFor(word) }]),
});

const node = (word = FIRST_GPU): number => locationOf(word);
const number = (word = 0): number => word;

const set = (help: string, type: number, valueFor: typeof node): DriverStep => ({
  ...svmStep(uapi.KFD_IOCTL_SVM_OP_SET_ATTR, type, valueFor),
  help,
});

const get = (
  help: string,
  type: number,
  name: (attr: uapi.SvmAttribute) => string,
  valueFor: typeof node = number,
): DriverStep => ({
  ...svmStep(uapi.KFD_IOCTL_SVM_OP_GET_ATTR, type, valueFor),
  help,
  decode: (bytes): StepAnswer => ({ answer: name(uapi.decodeSvmAttributes(bytes, 1)[0]!) }),
});

const ACCESS_NAMES: Readonly<Record<number, string>> = {
  [uapi.KFD_IOCTL_SVM_ATTR_ACCESS]: 'ACCESS',
  [uapi.KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE]: 'ACCESS_IN_PLACE',
  [uapi.KFD_IOCTL_SVM_ATTR_NO_ACCESS]: 'NO_ACCESS',
};

const location = ({ value }: uapi.SvmAttribute): string => locationName(value);

/** XNACK's mode is a signed word; -1 asks. */
const xnackWord = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
};

const {
  KFD_IOCTL_SVM_ATTR_PREFETCH_LOC: PREFETCH_LOC,
  KFD_IOCTL_SVM_ATTR_PREFERRED_LOC: PREFERRED_LOC,
  KFD_IOCTL_SVM_ATTR_SET_FLAGS: SET_FLAGS,
  KFD_IOCTL_SVM_ATTR_CLR_FLAGS: CLR_FLAGS,
  KFD_IOCTL_SVM_ATTR_GRANULARITY: GRANULARITY,
  KFD_IOCTL_SVM_ATTR_ACCESS: ACCESS,
  KFD_IOCTL_SVM_ATTR_ACCESS_IN_PLACE: ACCESS_IN_PLACE,
  KFD_IOCTL_SVM_ATTR_NO_ACCESS: NO_ACCESS,
} = uapi;

const kfd_steps: Readonly<Record<string, DriverStep>> = {
  PREFETCH: set('pages go to a node: 0 the processor, 1 the first GPU', PREFETCH_LOC, node),
  PREFER: set('where pages should be when a GPU faults; 4294967295 for nowhere', PREFERRED_LOC, node),
  ACCESS: set('a GPU may access the range, and pages go to it', ACCESS, node),
  ACCESS_IN_PLACE: set('a GPU may access the range, where its pages are', ACCESS_IN_PLACE, node),
  NO_ACCESS: set('a GPU may not access the range', NO_ACCESS, node),
  SET_FLAGS: set('flags of the range are set', SET_FLAGS, number),
  CLR_FLAGS: set('flags of the range are cleared', CLR_FLAGS, number),
  GRANULARITY: set('how many pages move with the one that faulted, as a power of two', GRANULARITY, number),
  GET_PREFETCH: get('where pages were prefetched to', PREFETCH_LOC, location),
  GET_PREFERRED: get('where pages should be', PREFERRED_LOC, location),
  GET_ACCESS: get('what a GPU may do', ACCESS, ({ type }) => ACCESS_NAMES[type]!, node),
  GET_FLAGS: get('flags that all of the range has', SET_FLAGS, ({ value }) => `FLAGS_${value.toString(16)}`),
  GET_GRANULARITY: get('the granularity', GRANULARITY, ({ value }) => `ORDER_${value}`),
  XNACK: {
    request: uapi.AMDKFD_IOC_SET_XNACK_MODE,
    help: 'whether GPUs retry accesses that fault: 1 or 0',
    encode: ({ word = 1 }) => xnackWord(word),
  },
  GET_XNACK: {
    request: uapi.AMDKFD_IOC_SET_XNACK_MODE,
    help: 'whether GPUs retry',
    encode: () => xnackWord(-1),
    decode: ([mode]) => ({ answer: mode === 0 ? 'OFF' : 'ON' }),
  },
};

const helps: Readonly<Record<AmdgpuRequest, string>> = {
  ACQUIRE_VM: "the process's GPU has the page table of this file",
  GPU_READ: 'the GPU reads pages',
  GPU_WRITE: 'the GPU writes pages: WORD, WORD + 1 ...',
  ALLOC_USERPTR: "the program's pages are a buffer for GPUs, at the same address",
  FREE_USERPTR: 'the buffer that begins there is one no more',
  MAP_USERPTR: 'the GPU has the buffer that begins there in its page table',
  UNMAP_USERPTR: 'the GPU has it there no more',
};

const gpu_steps: Readonly<Record<string, DriverStep>> = Object.fromEntries(
  Object.entries(amdgpuRequests).map(([name, request]) => [
    name,
    {
      request,
      help: helps[name as AmdgpuRequest],
      encode: ({ addr, pages, ptr }) => encodeDriverRange({ addr, npages: pages, ptr }),
      ...(name.startsWith('GPU_') ? { decode: amdgpuAnswer } : {}),
      fillsBuffer: name === 'GPU_READ',
    } satisfies DriverStep,
  ]),
);

export const amdgpu_steps: Readonly<Record<string, DriverStep>> = { ...kfd_steps, ...gpu_steps };
