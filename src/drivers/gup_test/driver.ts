// SPDX-License-Identifier: GPL-2.0-only
/** gup_test as a machine knows it: built in (CONFIG_GUP_TEST=y). */
import type { Driver, DriverHost } from '../../kernel/module.js';
import { GupTest } from './gup_test.js';

const name = 'gup_test';

export function gup_test_init({ kernel }: DriverHost): Driver {
  const { f_op, longterm } = new GupTest(kernel);
  return {
    name,
    files: new Map([['/sys/kernel/debug/gup_test', f_op]]),
    view: {
      holderOf: (folio) => (longterm.holds(folio) ? { name, mm: longterm.owner, pinned: true } : null),
    },
  };
}
