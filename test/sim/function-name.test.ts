// SPDX-License-Identifier: GPL-2.0-only
/** Names of functions as the source has them. */
import t from 'tap';
import { sourceName } from '../../src/sim/function-name.js';

t.test('what bundling puts behind a name', async (t) => {
  for (const [name, source] of [
    ['zap_pte_range', 'zap_pte_range'],
    ['zap_pte_range$1', 'zap_pte_range'],
    ['Walk$12.step', 'Walk.step'],
    ['$own', '$own'],
  ] as const)
    t.equal(sourceName(name), source);
});
