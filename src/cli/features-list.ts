// SPDX-License-Identifier: GPL-2.0-only
/** The systems that `hmm-sim features` tells of, each with the document that proves it. */
import { packageFile } from './package-file.js';

export interface Feature {
  readonly name: string;
  readonly what: string;
  /** The kernels that have it, in words. */
  readonly since: string;
  /** Below examples. */
  readonly proof: string;
  /** A driver from outside of the tree that the proof needs, below examples. */
  readonly insmod?: string;
}

export const features: readonly Feature[] = [
  {
    name: 'private-memory',
    what: 'device memory that the CPU cannot reach; its touch brings pages home',
    since: 'all',
    proof: 'features/private-memory.yaml',
  },
  {
    name: 'generic-memory',
    what: 'device memory of type generic that migrates, as DEVICE_GENERIC v5 posted it',
    since: 'v5-generic alone',
    proof: 'features/generic-memory.yaml',
  },
  {
    name: 'coherent-memory',
    what: 'device memory that device and CPU share',
    since: 'v4-coherent and later',
    proof: 'features/coherent-memory.yaml',
  },
  {
    name: 'longterm-pins',
    what: 'no longterm pin stays on a device',
    since: '6.1 and later; v4-coherent refuses them',
    proof: 'features/longterm-pins.yaml',
  },
  {
    name: 'exclusive-access',
    what: 'atomic access of a device to a page of the system',
    since: 'v4-coherent and later',
    proof: 'features/exclusive-access.yaml',
  },
  {
    name: 'huge-device-pages',
    what: 'private memory in pages of 2 MiB',
    since: '7.3 alone',
    proof: 'features/huge-device-pages.yaml',
  },
  {
    name: 'hmm-mirror',
    what: 'address spaces mirrored, and pages migrated by callbacks, as HMM v25 had it',
    since: 'hmm-v25 alone',
    proof: 'features/hmm-mirror.yaml',
  },
  {
    name: 'cdm-memory',
    what: 'coherent memory of v25: pages of files go there, and nobody pins what is there',
    since: 'hmm-v25 alone',
    proof: 'features/cdm-memory.yaml',
  },
  {
    name: 'coherent-node',
    what: 'coherent device memory as a NUMA node, as proposed in 2016 (machine.modprobe); mainline has not taken it',
    since: 'all',
    proof: 'features/coherent-node.yaml',
  },
  {
    name: 'device-node-kernel',
    what: 'the kernel of that proposal: the last node is a device, on no zonelist but its own',
    since: 'rfc-cdm alone',
    proof: 'features/rfc-cdm.yaml',
  },
  {
    name: 'memory-policies',
    what: 'mbind(), set_mempolicy(), move_pages() and migrate_pages() between NUMA nodes (machine.nodes)',
    since: 'all',
    proof: 'features/memory-policies.yaml',
  },
  {
    name: 'amdkfd',
    what: 'shared virtual memory of AMD GPUs (machine.modprobe)',
    since: 'all',
    proof: 'drivers/amdgpu.yaml',
  },
  {
    name: 'amdkfd-coherent',
    what: 'the same where the CPU reaches the memory of the GPU',
    since: 'all; of type generic in v5-generic',
    proof: 'features/amdgpu-coherent.yaml',
  },
  {
    name: 'amdkfd-userptr',
    what: 'buffers of user pointers: a GPU has whatever pages the program has there',
    since: 'all; before 6.18 a buffer keeps what was unmapped',
    proof: 'features/amdgpu-userptr.yaml',
  },
  {
    name: 'nouveau',
    what: 'shared virtual memory of an NVIDIA GPU (machine.modprobe)',
    since: 'all',
    proof: 'drivers/nouveau.yaml',
  },
  {
    name: 'kvm_hv',
    what: 'secure guests of POWER (machine.modprobe)',
    since: 'all',
    proof: 'drivers/secure-guest.yaml',
  },
  {
    name: 'fs-dax',
    what: 'files of a DAX file system, cut off when nobody has their pages (machine.modprobe nd_pmem)',
    since: 'all',
    proof: 'features/fs-dax.yaml',
  },
  {
    name: 'dax-references',
    what: 'idle pages of such files without a reference, as generic/413 needs it',
    since: 'v5-generic and 7.3; one reference elsewhere',
    proof: 'features/dax-references.yaml',
  },
  {
    name: 'device-dax',
    what: 'persistent memory mapped as it is (machine.modprobe device_dax)',
    since: 'all; in v5-generic get_user_pages() oopses',
    proof: 'features/device-dax.yaml',
  },
  {
    name: 'memory-cgroups',
    what: 'limits of what processes may have, reclaim and the OOM killer of a cgroup; device pages are charged',
    since: 'all',
    proof: 'features/memory-cgroups.yaml',
  },
  {
    name: 'device-charges',
    what: 'charges of device pages move with a process to another cgroup',
    since: 'all up to 6.12, which leaves those of private pages behind; no charge moves in 7.3',
    proof: 'features/device-charges.yaml',
  },
  {
    name: 'write-back',
    what: 'dirty pages of files on a disk are written back, no device writes to a clean one unheard, and clean ones may go',
    since: 'all',
    proof: 'features/write-back.yaml',
  },
  {
    name: 'memory-failure',
    what: 'pages of memory, of files and of the swap cache that the hardware loses (MADV_HWPOISON, MADV_SOFT_OFFLINE)',
    since: 'all; who asks for it is killed at once in 6.12 and later',
    proof: 'features/memory-failure.yaml',
  },
  {
    name: 'hugetlb-failure',
    what: 'huge pages of the pool that the hardware loses; a file keeps them, so that no other page comes in their place',
    since: 'all; kept by their files in 6.1 and later',
    proof: 'features/hugetlb-failure.yaml',
  },
  {
    name: 'early-kill',
    what: 'who asked for it (PR_MCE_KILL, vm.memory_failure_early_kill) is told at once of memory that is lost',
    since: 'all',
    proof: 'features/early-kill.yaml',
  },
  {
    name: 'special-mappings',
    what: 'pages of the kernel in a program (vdso): they never migrate, and no device reads those without a struct page',
    since: 'all; in 7.3 the data of the vdso have struct pages',
    proof: 'features/special-mappings.yaml',
  },
  {
    name: 'insmod',
    what: 'drivers of your own (--insmod)',
    since: 'all',
    proof: 'drivers/mirror.scenario',
    insmod: 'drivers/mirror.js',
  },
];

/** The path of a file below examples. */
export const exampleFile = (name: string): string => packageFile(`examples/${name}`);
