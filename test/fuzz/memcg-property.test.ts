// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of memory cgroups under the checkers: no campaign draws the category. */
import { forCategory } from './generated.js';

forCategory('memcg', 60, (t, runs) => {
  const answers = runs.flatMap(({ observation }) => observation.results.map(({ answer = '' }) => answer));
  const charged = answers.filter((answer) => /anon \d/.test(answer)).length;
  const reached = answers.filter((answer) => /max \d/.test(answer)).length;
  t.ok(charged > 0, `pages are charged: ${charged}`);
  t.ok(reached > 0, `a limit is reached: ${reached}`);
});
