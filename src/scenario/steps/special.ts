// SPDX-License-Identifier: GPL-2.0-only
/** The kernel's own pages in a program: the vdso and its data, which are special mappings. */
import type { Task } from '../../sim/task.js';
import { ARCH_MAP_VDSO_64 } from '../../uapi/mman.js';
import { addressOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  defineStep,
  type Making,
  nothingPlainer,
  notInC,
  type Population,
  plainNames,
} from './contract.js';
import { expectRet, regionName, stepSchema } from './fields.js';
import { command } from './words.js';

/** As many as any kernel maps. */
const PAGES = 8;

/** It takes the place of nothing: where a program has one already, there is no other. */
function drawVdso(making: Making, actor: Population): void {
  const region = making.regionToMap(actor);
  making.push({ as: actor.name, op: 'map_vdso', region });
  if (actor.regions.has(region)) return;
  actor.regions.set(region, PAGES);
}

const map_vdso = defineStep(stepSchema('map_vdso', { region: regionName }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(Math.min(0, yield* sys.arch_prctl(ARCH_MAP_VDSO_64, addressOf(step.region, 0))));
  },
  answers: () => answeredBy('map_vdso_once', 'EEXIST', 'ENOMEM'),
  concerns: 'call',
  maps: ({ region }) => ({ region, page: 0, pages: PAGES }),
  naming: plainNames,
  shell: {
    map_vdso: command(
      'REGION',
      'map the vdso: four pages of data, in 7.3 two of clocks, and two of code',
      [1, 1],
      ([region]) => ({ region }),
    ),
  },
  plainer: nothingPlainer,
  draws: { map_vdso: { change: drawVdso } },
  c: notInC('a real program has its vdso already'),
});

export const special = { map_vdso };
