// SPDX-License-Identifier: GPL-2.0-only
/** --category: which scenarios are made up. */
import { categoriesOf } from '../fuzz/generate.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';

/** Throws UsageError where the kernel has no such scenarios. */
export function demandCategory(category: string, kernel: string): void {
  const known = categoriesOf(kernel);
  if (known.includes(category)) return;
  const hint = didYouMean(category, known);
  throw new UsageError(
    `"${category}" is none of ${kernel}${hint}, expected one of ${known.join(', ')}`,
    '--category',
  );
}
