// SPDX-License-Identifier: GPL-2.0-only
/** All generations, by id. */
import { linux61 } from './linux-6.1.js';
import { linux612 } from './linux-6.12.js';
import type { Generation } from './types.js';
import { v4Coherent } from './v4-coherent.js';
import { v5Generic } from './v5-generic.js';

export const generations: readonly Generation[] = [v5Generic, v4Coherent, linux61, linux612];

export const DEFAULT_GENERATION = v5Generic.id;

/** The generation that `id` names, or undefined. */
export function generationById(id: string): Generation | undefined {
  return generations.find((generation) => generation.id === id);
}

export type { Generation } from './types.js';
