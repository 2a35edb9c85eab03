// SPDX-License-Identifier: GPL-2.0-only
/** Machines that are known by a name: what they are where nobody says otherwise. Pure data. */
import type { ThpMode } from '../mm/kernel.js';
import { MACHINE_DEFAULTS } from './defaults.js';

export interface MachineProfile {
  /** One line for help texts. */
  readonly about: string;
  readonly thp: ThpMode;
  /** Bytes. */
  readonly swap: number;
  /** NUMA nodes. */
  readonly nodes: number;
  /** The default module is part of the kernel image: what it is given stands on the kernel's command line. */
  readonly builtin: boolean;
  /** oops=panic: the machine ends with the first oops, and with it whatever else was to run. */
  readonly panicOnOops: boolean;
}

/**
 * By name. Of a machine's four processors and CONFIG_DEBUG_VM nothing is said here: every machine has one processor and
 * those checks.
 */
export const MACHINE_PROFILES = {
  'mm-ci': {
    about: 'the module built in, no special purpose memory, --thp always, --swap 2G, --nodes 2, oops=panic',
    thp: 'always',
    swap: 2 * 2 ** 30,
    nodes: 2,
    builtin: true,
    panicOnOops: true,
  },
} as const satisfies Readonly<Record<string, MachineProfile>>;

export type ProfileName = keyof typeof MACHINE_PROFILES;

export const PROFILE_NAMES = Object.keys(MACHINE_PROFILES) as readonly ProfileName[];

/** What a machine of no name is in these respects. */
const PLAIN: Omit<MachineProfile, 'about'> = {
  thp: MACHINE_DEFAULTS.thp,
  swap: MACHINE_DEFAULTS.swap,
  nodes: MACHINE_DEFAULTS.nodes,
  builtin: false,
  panicOnOops: false,
};

/** The defaults of a machine of that name, or of any other. */
export const profileNamed = (name: ProfileName | null): Omit<MachineProfile, 'about'> =>
  name === null ? PLAIN : MACHINE_PROFILES[name];
