// SPDX-License-Identifier: GPL-2.0-only
/** What the shell tells of its session by running it again: explain, one page's history, the grid. */
import { explainedLines, explainScenario } from '../explain/explain.js';
import { followedLine, followedText, parseFollowed } from '../explain/follow.js';
import { drawScenario } from '../explain/show-grid.js';
import type { Machine } from '../machine/machine.js';
import { gridText, type TonePainter } from '../report/grid-text.js';
import { processesOf, regionsOf } from '../scenario/names.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { bootMachine } from '../session/machine-pool.js';
import { acquireFor } from '../session/runner.js';
import type { MachineSetup } from '../session/setup.js';
import type { Views } from '../shell/shell.js';
import { UsageError } from '../sim/errors.js';

export interface Screen {
  readonly width: number;
  readonly paint: TonePainter;
}

const boot = (setup: MachineSetup, document: ScenarioDocument): Machine =>
  acquireFor({ acquire: bootMachine }, setup, document).machine as Machine;

function why(setup: MachineSetup, document: ScenarioDocument, locks: boolean): string[] {
  const step = document.steps.length - 1;
  const explained = explainScenario(boot(setup, document), setup, document, { step, locks });
  return [...explained].flatMap(explainedLines);
}

function page(setup: MachineSetup, document: ScenarioDocument, word: string): string[] {
  const followed = parseFollowed(word, 'page');
  const { process, region } = followed;
  if (!processesOf(document.steps).has(process))
    throw new UsageError(`there is no process ${process}`, 'page');
  if (!regionsOf(document.steps).has(region)) throw new UsageError(`nothing is mapped as ${region}`, 'page');
  const lines = [...followedText(boot(setup, document), setup, document, followed)];
  return [followedLine(followed), ...lines.flat()];
}

export function viewsOn(screen: () => Screen): Views {
  return {
    why,
    page,
    show: (setup, document) => gridText(drawScenario(boot(setup, document), setup, document), screen()),
  };
}
