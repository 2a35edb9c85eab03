// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim bugs --verify`: each scenario passes on its kernel, and reports what the bug's switch makes of it. */
import { type Bug, hasBug } from '../generations/bugs/index.js';
import { totalsLine } from '../report/ktap.js';
import { failureOf } from '../report/scenario-outcome.js';
import type { LoadedDocument } from '../scenario/load.js';
import { MachinePool } from '../session/machine-pool.js';
import { runOn } from '../session/runner.js';
import { type Overrides, Setups } from '../session/setup.js';
import { packageFile } from './package-file.js';
import { readScenarioFileNow } from './scenario-files.js';
import { breathe } from './terminal.js';

/** The scenario that shows the bug. */
export function bugScenario({ id }: Bug): LoadedDocument {
  const { file, mistakes } = readScenarioFileNow(packageFile(`test/bugs/${id}.yaml`));
  const [mistake] = mistakes;
  if (mistake !== undefined) throw new Error(`${mistake.where}: ${mistake.message}`);
  return file.loaded.documents[0]!;
}

/** What is not as the scenario expects, in one line; undefined when all is. */
function report(loaded: LoadedDocument, overrides: Overrides): string | undefined {
  const setup = new Setups(overrides).of(loaded.document);
  const failure = failureOf(loaded, runOn(new MachinePool(), setup, loaded.document));
  if (failure === undefined) return undefined;
  return failure.step === undefined ? failure.differs : `step ${failure.step}: ${failure.differs}`;
}

interface Verdict {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

function verify(bug: Bug): Verdict {
  const loaded = bugScenario(bug);
  const { generation } = new Setups().of(loaded.document);
  const fixes = hasBug(generation, bug);
  const check = bug.check ?? false;
  const without = report(loaded, { check });
  const turned = report(loaded, { check, ...(fixes ? { fixes: [bug.id] } : { bugs: [bug.id] }) });
  const option = `${check ? '--check ' : ''}${fixes ? '--fix' : '--bug'} ${bug.id}`;
  if (without !== undefined) return { ok: false, lines: [`without ${option}: ${without}`] };
  const seen = `${option}: ${turned ?? 'nothing differs'}`;
  if (turned === bug.shows) return { ok: true, lines: [seen] };
  return { ok: false, lines: [seen, `expected: ${bug.shows}`] };
}

/** Prints TAP, a bug as soon as it is known. Return: whether every bug behaves. */
export async function verifyBugs(bugs: readonly Bug[], print: (line: string) => void): Promise<boolean> {
  let failed = 0;
  print('TAP version 13');
  print(`1..${bugs.length}`);
  for (const [index, bug] of bugs.entries()) {
    const { ok, lines } = verify(bug);
    if (!ok) failed++;
    print(`${ok ? 'ok' : 'not ok'} ${index + 1} ${bug.id}`);
    for (const line of lines) print(`# ${line}`);
    await breathe();
  }
  print(totalsLine({ pass: bugs.length - failed, fail: failed, skip: 0 }));
  return failed === 0;
}
