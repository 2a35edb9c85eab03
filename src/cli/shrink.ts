// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim shrink`: the least scenario that still shows what a larger one does. */
import { type Command, Option } from 'commander';
import { generateScenario } from '../fuzz/generate.js';
import { goalFor, type Laboratory } from '../fuzz/goals.js';
import { recordedTest } from '../record/suite.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { MachinePool } from '../session/machine-pool.js';
import { Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { checkOutputs } from './files/outputs.js';
import { statusLine as status } from './progress.js';
import { ReportFile } from './report-file.js';
import { addChoiceOptions, type ChoiceOptions, chooseScenarios } from './scenario-choice.js';
import { shrinkTowards, tidy } from './shrinking.js';
import { checkFilters } from './smoke-filters.js';
import { onInterrupt, printErrorLine, printNow } from './terminal.js';
import { DEFAULT_GENERATION, parseKernel, parseNumber } from './values.js';

export interface ShrinkFlags extends ChoiceOptions {
  readonly while?: string;
  readonly notEqualTo?: string;
  readonly check?: boolean;
  readonly out?: string;
}

export function configure(command: Command): void {
  addChoiceOptions(command)
    .addHelpText(
      'after',
      '\nFILE can be seed:N, the scenario that fuzz makes of seed N, or suite:TEST, what a test of the suite does\n(recorded without --bug and --fix, so that they are what is wrong).',
    )
    .option(
      '--while <what>',
      "keep oops, hang, load, checker, internal, fail, or as 'step 5 ret == ENOENT' (default: what is wrong)",
    )
    .addOption(
      new Option('--not-equal-to <kernel>', 'keep that this kernel answers differently')
        .conflicts('while')
        .argParser((text) => parseKernel(text, '--not-equal-to')),
    )
    .option('--check', 'run the invariant checkers after every step')
    .option('--out <file>', 'write the scenario there instead of to standard output')
    .action((file: string, flags: ShrinkFlags) =>
      runCommandLine(flags.seed ?? 0, () => shrinkCommand(file, flags)),
    );
}

function generated(file: string, { kernel = DEFAULT_GENERATION }: ChoiceOptions): ScenarioDocument {
  return generateScenario(parseNumber(file.slice('seed:'.length), 'seed'), { kernel });
}

/** What the test does where nothing is wrong with it. */
function fromSuite(file: string, { kernel = DEFAULT_GENERATION, seed }: ChoiceOptions): ScenarioDocument {
  const name = file.slice('suite:'.length);
  const machine = new Setups({ seed }).of({ kernel });
  checkFilters(hmmTests(machine.generation), [{ option: 'r', name }]);
  return recordedTest(name, machine);
}

async function chosen(file: string, options: ChoiceOptions): Promise<ScenarioDocument> {
  const scenarios = await chooseScenarios(file, options);
  if (scenarios.length === 1) {
    const { loaded, setup } = scenarios[0]!;
    return { ...loaded.document, kernel: setup.generation.id as ScenarioDocument['kernel'] };
  }
  throw new UsageError(`${scenarios.length} scenarios in ${file}: name one of them`, '--name');
}

async function documentOf(file: string, flags: ShrinkFlags): Promise<ScenarioDocument> {
  if (file.startsWith('seed:')) return generated(file, flags);
  return file.startsWith('suite:') ? fromSuite(file, flags) : chosen(file, flags);
}

/** The scenario with everything in it that the command line says about its machine. */
export async function toShrink(file: string, flags: ShrinkFlags): Promise<ScenarioDocument> {
  const document = await documentOf(file, flags);
  const machine = {
    ...document.machine,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.bug.length === 0 ? {} : { bugs: [...(document.machine?.bugs ?? []), ...flags.bug] }),
    ...(flags.fix.length === 0 ? {} : { fixes: [...(document.machine?.fixes ?? []), ...flags.fix] }),
  };
  return Object.keys(machine).length === 0 ? document : { ...document, machine };
}

/** The machine without what the command line says is wrong with it. */
function withoutBugs(document: ScenarioDocument): ScenarioDocument {
  const { bugs: _, fixes: __, ...machine } = document.machine ?? {};
  return { ...document, machine };
}

function laboratory(file: string, flags: ShrinkFlags): Laboratory {
  const check = flags.check || flags.while === 'checker';
  const sound = file.startsWith('suite:') ? { sound: withoutBugs } : {};
  const lab = { source: new MachinePool(), setups: new Setups({ check }), ...sound };
  if (flags.notEqualTo === undefined) return lab;
  const setups = new Setups({ kernel: flags.notEqualTo, check });
  return { ...lab, other: { setups, document: (document) => document } };
}

function asText(
  { name, kernel, source, steps, ...rest }: ScenarioDocument,
  file: string,
  from: number,
): string {
  const told = `shrunk from ${file}, ${from} steps: ${source}`;
  return writeYaml({ name, kernel, source: told, ...rest, steps });
}

/** Return: the exit status. Throws UsageError. */
async function shrinkCommand(file: string, flags: ShrinkFlags): Promise<number> {
  checkOutputs([['--out', flags.out]], () => [file]);
  const document = await toShrink(file, flags);
  const goal = goalFor(laboratory(file, flags), document, flags.while);
  const out = flags.out === undefined ? undefined : new ReportFile(flags.out, '--out');
  const write = (text: string) => (out === undefined ? printNow(text) : out.write(text));
  const before = document.steps.length;
  let best = goal.document;
  const stopListening = onInterrupt(() => {
    status.clear();
    write(asText(tidy(goal.finish(best)), file, before));
    printErrorLine('hmm-sim: interrupted; this is the smallest so far');
  });
  printErrorLine(`shrinking ${before} steps: ${goal.text}`);
  try {
    const found = await shrinkTowards(goal, {
      limit: Number.POSITIVE_INFINITY,
      progress({ runs, best: smallest }) {
        best = smallest;
        status.show(`${smallest.steps.length} of ${before} steps after ${runs} runs`);
      },
    });
    status.clear();
    write(asText(found.document, file, before));
    const left = found.document.steps.length;
    printErrorLine(`${left === 1 ? '1 step is' : `${left} steps are`} left after ${found.runs} runs`);
  } finally {
    stopListening();
  }
  return EXIT_OK;
}
