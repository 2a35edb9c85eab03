// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim explain`: why each page of a scenario did, or did not do, what was asked. */
import type { Command } from 'commander';
import { type FollowedPage, parseFollowed } from '../explain/follow.js';
import { processesOf, regionsOf } from '../scenario/names.js';
import { UsageError } from '../sim/errors.js';
import { elsewhere } from './elsewhere.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import type { ExplainNews, ExplainOrder } from './explain-worker.js';
import { runCommandLine } from './failure.js';
import { checkOutputs } from './files/outputs.js';
import { addChoiceOptions, type ChoiceOptions, type Chosen, chooseScenarios } from './scenario-choice.js';
import { breathe, onInterrupt, printLine } from './terminal.js';
import { namesOfInputs } from './text-files.js';
import { TraceFiles, type TraceFlags } from './trace-file.js';
import { parseNumber, TRACE_FUNCTIONS_HELP, TRACE_HELP } from './values.js';

export interface ExplainFlags extends ChoiceOptions, TraceFlags {
  readonly step?: number;
  readonly page?: FollowedPage;
  readonly locks?: true;
  readonly json?: true;
}

const JSON_HELP =
  'one JSON object a line for each step: name, kernel, step, run, result, because, pages (page, verdict, fn, reason, text, from, to); with --page: changes, now';

export function configure(command: Command): void {
  addChoiceOptions(command)
    .option('--step <n>', 'only this step, counted from 0', (text) => parseNumber(text, '--step'))
    .option('--page <rX[P]>', 'follow one page of p0 (or pN:rX[P]) through all steps', (text) =>
      parseFollowed(text, '--page'),
    )
    .option('--locks', 'tell who holds which lock where a step sleeps, or may sleep')
    .option('--trace <file>', TRACE_HELP)
    .option('--trace-functions <file>', TRACE_FUNCTIONS_HELP)
    .option('--json', JSON_HELP)
    .action((file: string, flags: ExplainFlags) =>
      runCommandLine(flags.seed ?? 0, () => explain(file, flags)),
    );
}

function checkStep(chosen: readonly Chosen[], step: number | undefined): void {
  if (step === undefined) return;
  const most = Math.max(...chosen.map(({ loaded }) => loaded.document.steps.length));
  if (step < most) return;
  throw new UsageError(`there is no step ${step}; the last one is ${most - 1}`, '--step');
}

/** A page that no scenario speaks of has no history. */
function checkPage(chosen: readonly Chosen[], page: FollowedPage | undefined): void {
  if (page === undefined) return;
  const documents = chosen.map(({ loaded }) => loaded.document);
  const { process, region, page: index } = page;
  if (!documents.some((document) => processesOf(document.steps).has(process))) {
    throw new UsageError(`there is no process ${process}`, '--page');
  }
  const reach = Math.max(0, ...documents.map(({ steps }) => regionsOf(steps).get(region) ?? 0));
  if (reach === 0) throw new UsageError(`nothing is mapped as ${region}`, '--page');
  if (index >= reach)
    throw new UsageError(
      `nothing is mapped at ${region}[${index}]; the last page is ${region}[${reach - 1}]`,
      '--page',
    );
}

/** Return: the exit status. Throws UsageError. */
async function explain(file: string, flags: ExplainFlags): Promise<number> {
  const outputs = { '--trace': flags.trace, '--trace-functions': flags.traceFunctions };
  checkOutputs(Object.entries(outputs), () => namesOfInputs([file]));
  const chosen = await chooseScenarios(file, flags);
  checkStep(chosen, flags.step);
  checkPage(chosen, flags.page);
  const trace = new TraceFiles(flags);
  const stopListening = onInterrupt(() => trace.close());
  let died = false;
  const tell = (news: ExplainNews): void => {
    news.lines.forEach(printLine);
    died ||= news.died;
  };
  const order: ExplainOrder = { chosen: chosen.map(({ loaded }) => loaded), flags, trace: trace.order };
  try {
    await elsewhere(new URL('./explain-worker.js', import.meta.url), order, { tell, turn: breathe });
  } finally {
    stopListening();
    trace.close();
  }
  return died ? EXIT_FAILED : EXIT_OK;
}
