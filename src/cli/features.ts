// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim features`: the systems that are simulated, and whether their proofs pass. */
import type { Command } from 'commander';
import { totalsLine } from '../report/ktap.js';
import { failureOf } from '../report/scenario-outcome.js';
import { MachinePool } from '../session/machine-pool.js';
import { runOn } from '../session/runner.js';
import { Setups } from '../session/setup.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { exampleFile, type Feature, features } from './features-list.js';
import { loadDrivers } from './insmod.js';
import { readScenarioFileNow } from './scenario-files.js';
import { breathe, printLine } from './terminal.js';

export function configure(command: Command): void {
  command
    .option('--verify', 'run what proves each of them; exit 1 when one does not')
    .action(async ({ verify }: { verify?: true }) => {
      if (!verify) {
        listLines().forEach(printLine);
        return;
      }
      process.exitCode = (await verifyFeatures(printLine)) ? EXIT_OK : EXIT_FAILED;
    });
}

/** One line a system, below a heading. */
function listLines(): string[] {
  const rows = [
    ['FEATURE', 'KERNELS', 'PROOF', ''],
    ...features.map(({ name, since, proof, what }) => [name, since, `examples/${proof}`, what]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)) + 2);
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('')
      .trimEnd(),
  );
}

/** What is not as the proof expects, in one line; undefined when all is. */
async function complaintOf({ proof, insmod }: Feature): Promise<string | undefined> {
  const { file, mistakes } = readScenarioFileNow(exampleFile(proof));
  const [mistake] = mistakes;
  if (mistake !== undefined) return `${mistake.where}: ${mistake.message}`;
  const drivers = await loadDrivers(insmod === undefined ? [] : [exampleFile(insmod)]);
  const setups = new Setups({ check: true, insmod: drivers });
  for (const loaded of file.loaded.documents) {
    const { document } = loaded;
    const failure = failureOf(loaded, runOn(new MachinePool(), setups.of(document), document));
    if (failure !== undefined) return `step ${failure.step}: ${failure.differs}`;
  }
  return undefined;
}

/** Prints TAP, a proof as soon as it is known. Return: whether every proof passes. */
async function verifyFeatures(print: (line: string) => void): Promise<boolean> {
  let fail = 0;
  print('TAP version 13');
  print(`1..${features.length}`);
  for (const [index, feature] of features.entries()) {
    const complaint = await complaintOf(feature);
    if (complaint !== undefined) fail++;
    print(`${complaint === undefined ? 'ok' : 'not ok'} ${index + 1} ${feature.name}`);
    print(`# examples/${feature.proof}${complaint === undefined ? '' : `: ${complaint}`}`);
    await breathe();
  }
  print(totalsLine({ pass: features.length - fail, fail, skip: 0 }));
  return fail === 0;
}
