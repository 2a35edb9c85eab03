// SPDX-License-Identifier: GPL-2.0-only
/** What a shell has that only takes steps: nobody opens documents, nobody looks back. */
import type { ShellOptions } from '../../src/shell/shell.js';

function nobody(): never {
  throw new Error('nobody asked for this');
}

export const outside: Pick<ShellOptions, 'open' | 'views'> = {
  open: nobody,
  views: { why: nobody, page: nobody, show: nobody },
};
