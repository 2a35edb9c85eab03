// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios on little memory and some swap, under the checkers: direct reclaim and the OOM killer. */
import { forCategory } from './generated.js';

forCategory('reclaim', 25, (t, runs) => {
  const gone = runs.filter(({ observation }) => JSON.stringify(observation.results).includes('"S"'));
  t.ok(gone.length > 2, 'pages are on the swap device');
});
