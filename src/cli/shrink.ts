// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim shrink`: the least scenario that still shows what a larger one does. */
import { type Command, Option } from 'commander';
import { generateScenario } from '../fuzz/generate.js';
import { forDrivers } from '../fuzz/outside.js';
import { generationById } from '../generations/index.js';
import { recordedTest } from '../record/suite.js';
import type { MachineBlock, ScenarioDocument } from '../scenario/schema.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { elsewhere } from './elsewhere.js';
import { EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { checkOutputs } from './files/outputs.js';
import { demandCategory } from './fuzz-category.js';
import { loadDrivers } from './insmod.js';
import { statusLine as status } from './progress.js';
import { ReportFile } from './report-file.js';
import { addChoiceOptions, type ChoiceOptions, chooseScenarios } from './scenario-choice.js';
import type { ShrinkNews, ShrinkOrder } from './shrink-worker.js';
import { checkFilters } from './smoke-filters.js';
import { breathe, onInterrupt, printErrorLine, printNow } from './terminal.js';
import { DEFAULT_GENERATION, parseKernel, parseNumber } from './values.js';

export interface ShrinkFlags extends ChoiceOptions {
  readonly while?: string;
  readonly notEqualTo?: string;
  readonly check?: boolean;
  readonly category?: string;
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
      "keep oops, hang, load, warning, checker, internal, fail, or as 'step 5 ret == ENOENT', or 'ret == ENOENT' of the last step that answers so (default: what is wrong)",
    )
    .addOption(
      new Option('--not-equal-to <kernel>', 'keep that this kernel answers differently')
        .conflicts('while')
        .argParser((text) => parseKernel(text, '--not-equal-to')),
    )
    .option('--check', 'run the invariant checkers after every step')
    .option('--category <name>', 'of seed:N: the kind of scenarios that fuzz was told to make')
    .option('--out <file>', 'write the scenario there instead of to standard output')
    .action((file: string, flags: ShrinkFlags) =>
      runCommandLine(flags.seed ?? 0, () => shrinkCommand(file, flags)),
    );
}

async function generated(
  file: string,
  { kernel = DEFAULT_GENERATION, insmod, category }: ShrinkFlags,
): Promise<ScenarioDocument> {
  if (category !== undefined) demandCategory(category, kernel);
  const seed = parseNumber(file.slice('seed:'.length), 'seed');
  const drivers = await loadDrivers(insmod);
  return forDrivers(
    generateScenario(seed, { kernel, ...(category === undefined ? {} : { category }) }),
    seed,
    drivers,
    generationById(kernel)!,
  );
}

/** What the test does where nothing is wrong with it. */
function fromSuite(file: string, { kernel = DEFAULT_GENERATION, seed }: ChoiceOptions): ScenarioDocument {
  const name = file.slice('suite:'.length);
  const machine = new Setups({ seed }).of({ kernel });
  checkFilters(hmmTests(machine.generation), [{ option: 'r', name }], 'suite');
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
  if (flags.category !== undefined)
    throw new UsageError(`${file} is no scenario that fuzz makes: expected seed:N`, '--category');
  return file.startsWith('suite:') ? fromSuite(file, flags) : chosen(file, flags);
}

/** What the command line says of bugs takes back what the document says. */
function listed(
  key: 'bugs' | 'fixes',
  own: readonly string[] = [],
  said: readonly string[],
  not: readonly string[],
): MachineBlock {
  if (said.length + not.length === 0) return {};
  const ids = new Set([...own.filter((id) => !not.includes(id)), ...said]);
  return ids.size + own.length === 0 ? {} : { [key]: [...ids] };
}

/** The scenario with everything in it that the command line says about its machine. */
function asSaid(document: ScenarioDocument, flags: ShrinkFlags): ScenarioDocument {
  const machine = {
    ...document.machine,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...listed('bugs', document.machine?.bugs, flags.bug, flags.fix),
    ...listed('fixes', document.machine?.fixes, flags.fix, flags.bug),
  };
  return Object.keys(machine).length === 0 ? document : { ...document, machine };
}

/** Written at once: what an interrupt leaves must be whole. */
class Smallest {
  #file: ReportFile | undefined;

  constructor(readonly out: string | undefined) {}

  /** Said before the work begins, not after it. Throws UsageError or HostError. */
  check(): void {
    if (this.out !== undefined) this.#file = new ReportFile(this.out, '--out');
  }

  write(text: string): void {
    if (this.#file === undefined) printNow(text);
    else this.#file.write(text);
  }
}

/** Return: the exit status. Throws UsageError. */
async function shrinkCommand(file: string, flags: ShrinkFlags): Promise<number> {
  checkOutputs([['--out', flags.out]], () => [file]);
  const own = await documentOf(file, flags);
  const document = asSaid(own, flags);
  const sound = flags.bug.length + flags.fix.length === 0 ? undefined : (own.machine ?? {});
  const before = document.steps.length;
  const { notEqualTo, check = false, insmod } = flags;
  const output = new Smallest(flags.out);
  let smallest: ShrinkNews = { steps: before, runs: 0, text: '' };
  const stopListening = onInterrupt(() => {
    status.clear();
    if (smallest.text === '') return printErrorLine('hmm-sim: interrupted');
    output.write(smallest.text);
    printErrorLine('hmm-sim: interrupted; this is the smallest so far');
  });
  const tell = (news: ShrinkNews): void => {
    if (news.goal === undefined) {
      status.show(`${news.steps} of ${before} steps after ${news.runs} runs`);
    } else {
      output.check();
      printErrorLine(`shrinking ${before} steps: ${news.goal}`);
    }
    smallest = news;
  };
  const { while: condition, category } = flags;
  const order: ShrinkOrder = { file, document, sound, condition, notEqualTo, check, category, insmod };
  try {
    await elsewhere(new URL('./shrink-worker.js', import.meta.url), order, { tell, turn: breathe });
    status.clear();
    output.write(smallest.text);
    const left = smallest.steps;
    printErrorLine(`${left === 1 ? '1 step is' : `${left} steps are`} left after ${smallest.runs} runs`);
  } finally {
    stopListening();
  }
  return EXIT_OK;
}
