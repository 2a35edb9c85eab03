// SPDX-License-Identifier: GPL-2.0-only
/** A scenario as a grid: pages by steps, and in each cell where the page is after the step and who may use it. */
import type { Machine } from '../machine/machine.js';
import { addressOf } from '../scenario/actor.js';
import { differencesOf } from '../scenario/compare.js';
import { processesOf } from '../scenario/names.js';
import { answerText, rangeText, stepText } from '../scenario/place.js';
import type { StepResult } from '../scenario/result.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { definitionOf } from '../scenario/steps/index.js';
import { unmetLog, unmetText } from '../scenario/verdict.js';
import { Session, type TakenStep } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { NO_PAGE } from '../sim/memmap.js';
import { observePage, type PageState } from '../watch/observe.js';

/** What a cell is coloured by. Local and remote are seen from the grid's device. */
export type Tone =
  | 'unmapped'
  | 'none'
  | 'zero'
  | 'system'
  | 'huge-local'
  | 'huge-remote'
  | 'private-local'
  | 'private-remote'
  | 'coherent-local'
  | 'coherent-remote'
  | 'exclusive'
  | 'migrating'
  | 'swapped'
  | 'hwpoison'
  | 'dax';

export interface Cell {
  readonly tone: Tone;
  readonly state: PageState;
  /** Another page than after the step before. */
  readonly moved: boolean;
  /** Somebody in the kernel has the page's lock, or keeps it without a pin. */
  readonly kept: 'locked' | 'held' | null;
}

export interface GridColumn {
  /** Number of the step. */
  readonly step: number;
  /** "open", "MIGRATE_TO_DEV" ... */
  readonly head: string;
  readonly text: string;
  readonly answer: string;
  /** Who took it. */
  readonly process: string;
  readonly result: StepResult;
  readonly warnings: readonly string[];
  /** What the document expects otherwise. */
  readonly differs: string | undefined;
}

export interface GridRow {
  /** "p0 r0[3]", or "p0 r0[4..9]" for pages that are alike all the time. */
  readonly name: string;
  /** One a column; null while the process does not exist. */
  readonly cells: readonly (Cell | null)[];
}

export interface Grid {
  readonly title: string;
  readonly kernel: string;
  /** Name of the device that local and remote are told from: the first that the scenario opens. */
  readonly device: string;
  /** Does this kernel call its addressable device memory generic instead of coherent? */
  readonly generic: boolean;
  readonly columns: readonly GridColumn[];
  readonly rows: readonly GridRow[];
  /** What the kernel log does not say as the document expects. */
  readonly unmet: string | undefined;
  /** Pages that are left out, because regions are large. */
  readonly hidden: number;
}

/** Pages of one region that are looked at. */
const MAX_PAGES = 1024;

/** How many pages of each region are mapped at some time, by region. */
function regionSizes(steps: readonly Step[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const step of steps) {
    const range = definitionOf(step).maps?.(step);
    if (range === undefined) continue;
    sizes.set(range.region, Math.max(sizes.get(range.region) ?? 0, range.page + range.pages));
  }
  return sizes;
}

/** The first device that the scenario opens; where it opens none, the machine's first. */
function firstDevice(machine: Machine, steps: readonly Step[]): string {
  for (const step of steps) {
    const name = definitionOf(step).opens?.(step);
    if (name !== undefined) return name;
  }
  return machine.drivers.first()?.name ?? 'none';
}

function toneOf(state: PageState, device: string): Tone {
  const { where } = state;
  const local = state.device?.name === device;
  if (where === 'private' && state.level === 'pmd') return local ? 'huge-local' : 'huge-remote';
  if (where === 'private') return local ? 'private-local' : 'private-remote';
  if (where === 'coherent') return local ? 'coherent-local' : 'coherent-remote';
  return where;
}

/** Cells that look alike and mean the same, whatever pages they are. */
function sameCell(a: Cell | null, b: Cell | null): boolean {
  if (a === null || b === null) return a === b;
  const devices = (cell: Cell): string => JSON.stringify(cell.state.devices);
  return (
    a.tone === b.tone &&
    a.moved === b.moved &&
    a.kept === b.kept &&
    a.state.device === b.state.device &&
    a.state.cpu === b.state.cpu &&
    a.state.pte === b.state.pte &&
    devices(a) === devices(b)
  );
}

interface Track {
  readonly process: string;
  readonly region: string;
  readonly page: number;
  readonly cells: (Cell | null)[];
}

function isEmpty({ cells }: Track): boolean {
  return cells.every((cell) => cell === null || cell.tone === 'unmapped');
}

/** Rows of neighbours that are alike in every column become one. */
function merge(tracks: readonly Track[]): GridRow[] {
  const rows: GridRow[] = [];
  for (let i = 0; i < tracks.length; ) {
    const first = tracks[i]!;
    let n = 1;
    while (i + n < tracks.length && continues(first, tracks[i + n]!, n)) n++;
    rows.push({ name: `${first.process} ${rangeText(first.region, first.page, n)}`, cells: first.cells });
    i += n;
  }
  return rows;
}

function continues(first: Track, next: Track, n: number): boolean {
  if (next.process !== first.process || next.region !== first.region) return false;
  return next.page === first.page + n && first.cells.every((cell, i) => sameCell(cell, next.cells[i]!));
}

function head(step: Step): string {
  if (step.op !== 'ioctl') return step.op;
  return step.cmd === 'MIGRATE' ? `MIGRATE ${step.toDevice ? 'to dev' : 'to sys'}` : step.cmd;
}

/** Take the steps of `document` on a fresh machine with the module loaded, and draw every page after every step. */
export function drawScenario(machine: Machine, setup: MachineSetup, document: ScenarioDocument): Grid {
  const { steps } = document;
  const session = new Session(machine, setup.generation);
  const device = firstDevice(machine, steps);
  const sizes = regionSizes(steps);
  const tracks = [...processesOf(steps)].flatMap((process) =>
    [...sizes].flatMap(([region, pages]) =>
      Array.from({ length: Math.min(pages, MAX_PAGES) }, (_, page): Track => {
        return { process, region, page, cells: [] };
      }),
    ),
  );
  const taken: TakenStep[] = [];
  for (const one of session.takeAll(steps)) {
    taken.push(one);
    for (const track of tracks) track.cells.push(cellOf(machine, session, track, device));
  }
  const unmet = unmetLog(document, machine);
  const hidden = [...sizes.values()].reduce((sum, pages) => sum + Math.max(0, pages - MAX_PAGES), 0);
  const rows = merge(tracks.filter((track) => !isEmpty(track)));
  const { id: kernel, behaviours } = setup.generation;
  const generic = behaviours.genericPagesAreMigratable;
  return {
    title: document.name,
    kernel,
    device,
    generic,
    columns: columnsOf(document, taken),
    rows,
    unmet: unmet === undefined ? undefined : unmetText(unmet),
    hidden,
  };
}

function columnsOf(document: ScenarioDocument, taken: readonly TakenStep[]): GridColumn[] {
  const results = taken.map(({ result }) => result);
  const differences = new Map(differencesOf(document, results).map((one) => [one.step, one]));
  return taken.map(({ index, step, result, warnings }) => {
    const difference = differences.get(index);
    return {
      step: index,
      head: head(step),
      text: stepText(step),
      answer: [answerText(result), ...warnings.map((text) => `WARNING ${text}`)].join('; '),
      process: step.as ?? 'p0',
      result,
      warnings,
      differs: difference === undefined ? undefined : unmetText({ kind: 'step', ...difference }),
    };
  });
}

function cellOf(machine: Machine, session: Session, track: Track, device: string): Cell | null {
  const pid = session.actor(track.process)?.process.pid;
  const mm = pid === undefined ? undefined : machine.process(pid)?.mm;
  if (mm === undefined || mm === null) return null;
  const state = observePage(machine, mm, addressOf(track.region, track.page));
  const before = track.cells.at(-1)?.state.pfn ?? -1;
  const moved = before >= 0 && state.pfn >= 0 && state.pfn !== before;
  return { tone: toneOf(state, device), state, moved, kept: keptOf(machine, state) };
}

function keptOf({ drivers }: Machine, { page, folio }: PageState): Cell['kept'] {
  if (page === NO_PAGE) return null;
  if (drivers.lockerOf(folio) !== null) return 'locked';
  return drivers.holderOf(folio)?.pinned === false ? 'held' : null;
}
