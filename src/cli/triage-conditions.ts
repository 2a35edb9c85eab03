// SPDX-License-Identifier: GPL-2.0-only
/** Machines by the conditions that explain skips and failures, and what the suite shows on them. */
import type { SuiteSymptoms } from '../generations/bugs/suite-symptoms.js';
import { moduleAt } from '../machine/defaults.js';
import { describeMachine, type MachineDescription, type MachineOptions } from '../machine/description.js';
import type { TestFilter } from '../selftests/test_filter.js';
import { addressesOf, caseMachines } from '../triage/machines.js';
import { symptomsOf } from '../triage/symptoms.js';
import { type Measured, measure, type Shown } from './triage-measure.js';

/** As options of a machine. */
export const CONDITIONS: Readonly<Record<string, MachineOptions>> = Object.fromEntries(
  Object.entries(caseMachines).map(([id, machine]) => {
    const { spm: _, ...rest } = machine;
    return [id, { module: moduleAt(addressesOf(machine)), ...rest }];
  }),
);

export interface Case {
  readonly kernel: string;
  readonly condition: string;
  readonly bug?: string | undefined;
  /** The kernel has the bug: it is measured against the kernel without it. */
  readonly has?: boolean;
}

/** The machine on which a case shows. */
export function machineOfCase({ kernel, condition, bug, has }: Case): MachineDescription {
  const bugs = bug === undefined || has ? [] : [bug];
  return describeMachine({ kernel, seed: 0, bugs, ...CONDITIONS[condition] });
}

/** What a measured test shows. */
export function symptomsShown(shown: Shown): string[] {
  return symptomsOf({ ...shown, failed: shown.code === 1 });
}

const known = new Map<string, Measured>();

function measured(description: MachineDescription, key: string, filters: readonly TestFilter[]): Measured {
  const all = `${key} ${filters.map(({ name }) => name).join()}`;
  const before = known.get(all);
  if (before !== undefined) return before;
  const result = measure(description, filters);
  known.set(all, result);
  return result;
}

function loadText({ load }: Measured): string | undefined {
  if (load === undefined) return undefined;
  return 'ret' in load ? load.ret : `oops: ${load.oops}`;
}

/** What the suite shows with the bug and not without it, or on this machine at all; undefined when nothing. */
export function symptomRow(wanted: Case, filters: readonly TestFilter[] = []): SuiteSymptoms | undefined {
  const { kernel, condition, bug, has } = wanted;
  const plain = { kernel, condition };
  const asIs = measured(machineOfCase(plain), JSON.stringify(plain), filters);
  let [ill, well]: [Measured, Measured | undefined] = [asIs, undefined];
  if (bug !== undefined && has) {
    const fixed = describeMachine({ kernel, seed: 0, fixes: [bug], ...CONDITIONS[condition] });
    well = measure(fixed, filters);
  } else if (bug !== undefined) [ill, well] = [measure(machineOfCase(wanted), filters), asIs];
  const load = loadText(ill);
  if (well !== undefined && load !== undefined && loadText(well) === load) return undefined;
  const shows = new Map<string, string[]>();
  for (const test of ill.tests) {
    const other = well?.tests.find(({ name }) => name === test.name);
    const before = other === undefined ? [] : symptomsShown(other);
    for (const says of symptomsShown(test))
      if (!before.includes(says)) shows.set(says, [...(shows.get(says) ?? []), test.name]);
  }
  if (shows.size === 0 && load === undefined) return undefined;
  return {
    kernel,
    condition,
    ...(bug === undefined ? {} : { bug }),
    ...(load === undefined ? {} : { load }),
    shows: [...shows].map(([says, tests]) => ({ says, tests })),
  };
}
