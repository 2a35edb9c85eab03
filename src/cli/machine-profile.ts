// SPDX-License-Identifier: GPL-2.0-only
/** --machine, of every command that boots machines. */
import { Option } from 'commander';
import { MACHINE_PROFILES, PROFILE_NAMES, type ProfileName } from '../machine/profiles.js';

export interface ProfileFlags {
  readonly machine?: ProfileName;
}

const ABOUT = PROFILE_NAMES.map((name) => `${name}: ${MACHINE_PROFILES[name].about}`).join('; ');

/** `more`: what the option is to documents, where there are some. */
export function profileOption(more = ''): Option {
  return new Option('--machine <name>', `a machine that is known by a name (${ABOUT})${more}`).choices([
    ...PROFILE_NAMES,
  ]);
}

/** The same where options of the machine have defaults of their own: those of the name stand in their place. */
export function profileOfOptions(): Option {
  const option = profileOption();
  const check = option.parseArg!;
  return option.argParser((text, previous) => {
    const name = check(text, previous as never) as ProfileName;
    const { thp, swap, nodes } = MACHINE_PROFILES[name];
    option.implies({ thp, swap, nodes });
    return name;
  });
}
