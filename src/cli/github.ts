// SPDX-License-Identifier: GPL-2.0-only
/** What GitHub Actions is told without being asked: annotations where a test failed, and JUnit for later steps. */
import { join } from 'node:path';

export const inActions = (): boolean => process.env.GITHUB_ACTIONS === 'true';

const escaped = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

export interface Annotation {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly message: string;
}

/** The line that makes one in GitHub Actions. For stderr: stdout is for TAP. */
export function annotationLine({ file, line, title, message }: Annotation): string {
  return `::error file=${property(file)},line=${line},title=${property(title)}::${escaped(message)}`;
}

/** Where JUnit goes: what the user says, or among the runner's files. */
export function junitPath(option: string | undefined, command: string): string | undefined {
  const { RUNNER_TEMP: directory } = process.env;
  if (option !== undefined || !inActions() || directory === undefined) return option;
  return join(directory, `hmm-sim-${command}-${process.pid}.xml`);
}
