// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which files on a disk are written back, under the checkers: nobody writes to a clean page unheard. */
import { forCategory } from './generated.js';

forCategory('writeback', 60, (t, runs) => {
  const synced = runs.flatMap(({ document, observation }) =>
    observation.results.filter((_, index) =>
      /^(?:fsync|msync|sync_file_range)$/.test(document.steps[index]!.op),
    ),
  );
  const written = synced.filter(({ ret }) => ret === 0).length;
  t.ok(written > 50, `files are written back: ${written}`);
  const unmapped = synced.filter(({ ret }) => ret === 'ENOMEM').length;
  t.ok(unmapped > 0, `where nothing is mapped, msync() says so: ${unmapped}`);
});
