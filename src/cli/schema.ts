// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim schema`: the JSON Schema of scenario documents. */
import type { Command } from 'commander';
import { scenarioJsonSchema } from '../scenario/schema.js';
import { printText } from './terminal.js';

export function configure(command: Command): void {
  command.action(() => printText(schemaText()));
}

export function schemaText(): string {
  return JSON.stringify(scenarioJsonSchema(), null, 2);
}
