// SPDX-License-Identifier: GPL-2.0-only
/** What a tracepoint of the kernel told. */
import type { Tracepoint } from '../generations/tracepoints.js';

/** Bytes where the field says where they stand. */
export type FieldValue = number | bigint | Uint8Array;

/** A tracepoint that was passed. */
export interface KernelEvent {
  readonly tracepoint: Tracepoint;
  /** In the order of its fields. */
  readonly values: readonly FieldValue[];
  /** As the kernel's trace file has it. */
  readonly line: string;
}
