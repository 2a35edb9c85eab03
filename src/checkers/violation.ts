// SPDX-License-Identifier: GPL-2.0-only
/** How the checkers say what they have found. */
import { InvariantViolation } from '../sim/errors.js';

export function violation(checker: string, finding: string): InvariantViolation {
  return new InvariantViolation(checker, finding);
}

export const hex = (value: number): string => `0x${value.toString(16)}`;
