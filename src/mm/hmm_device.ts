// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hmm.c, the class hmm_device of v25: devices for drivers that have none, to gather memories under. Fidelity:
 * simplified: a number and a name, for which drivers put files into sysfs.
 */
import { EBUSY } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';

const HMM_DEVICE_MAX = 256;

/** struct hmm_device. */
export class HmmDevice {
  constructor(
    private readonly taken: Set<HmmDevice>,
    readonly minor: number,
    readonly drvdata: object,
  ) {}

  /** dev_name(). */
  get name(): string {
    return `hmm_device${this.minor}`;
  }

  /** The last reference goes: so does its number. */
  hmm_device_put(): void {
    this.taken.delete(this);
  }
}

/** Per machine, hmm_device_mask. */
const taken = new WeakMap<Kernel, Set<HmmDevice>>();

/** A device with the lowest free number. Return: -EBUSY where all are taken. */
export function hmm_device_new(k: Kernel, drvdata: object): HmmDevice | number {
  const devices = taken.get(k) ?? new Set<HmmDevice>();
  taken.set(k, devices);
  const minors = new Set([...devices].map(({ minor }) => minor));
  for (let minor = 0; minor < HMM_DEVICE_MAX; minor++) {
    if (minors.has(minor)) continue;
    const device = new HmmDevice(devices, minor, drvdata);
    devices.add(device);
    return device;
  }
  return -EBUSY;
}
