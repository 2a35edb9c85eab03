// SPDX-License-Identifier: GPL-2.0-only
/** Calls all of them, whatever the others do: a report that cannot be written costs no other. Throws the first error. */
export function allOf(...calls: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const call of calls) {
    try {
      call();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
