// SPDX-License-Identifier: GPL-2.0-only
/** All generations, by id. */
import { hmmV25 } from './kernels/hmm-v25.js';
import { linux61 } from './kernels/linux-6.1.js';
import { linux612 } from './kernels/linux-6.12.js';
import { linux73 } from './kernels/linux-7.3.js';
import { rfcCdm } from './kernels/rfc-cdm.js';
import { v4Coherent } from './kernels/v4-coherent.js';
import { v5Generic } from './kernels/v5-generic.js';
import type { Generation } from './types.js';

export const generations: readonly Generation[] = [
  rfcCdm,
  hmmV25,
  v5Generic,
  v4Coherent,
  linux61,
  linux612,
  linux73,
];

/** Their ids as a type, for programs. A test holds them to the list above. */
export const KERNELS = ['rfc-cdm', 'hmm-v25', 'v5-generic', 'v4-coherent', '6.1', '6.12', '7.3'] as const;

export type KernelId = (typeof KERNELS)[number];

export const DEFAULT_GENERATION = v5Generic.id;

/** The generation that `id` names, or undefined. */
export function generationById(id: string): Generation | undefined {
  return generations.find((generation) => generation.id === id);
}

export type { Generation } from './types.js';
