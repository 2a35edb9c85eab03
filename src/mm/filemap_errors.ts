// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: lib/errseq.c, and what mm/filemap.c makes of it: that pages of a file could not be kept is told once to whoever has
 * it open. Fidelity: ported.
 */
import { EIO } from '../uapi/errno.js';
import type { AddressSpace, MappableFile } from './types.js';

/** An errseq_t: an errno below, whether it has been seen, and how often there was one above. */
const ERRNO_MASK = 0xfff;
const SEEN = 0x1000;
const COUNT = 0x2000;

/** An error that nobody has seen yet is one with the next. */
function errseq_set(old: number, err: number): number {
  const next = (old & ~(ERRNO_MASK | SEEN)) | -err;
  return (old & SEEN) === 0 ? next : next + COUNT;
}

/** Something of the file is lost. */
export function mapping_set_error(mapping: AddressSpace, err: number): void {
  mapping.wb_err = errseq_set(mapping.wb_err, err);
  mapping.as_eio ||= err === -EIO;
}

/** What fsync() answers of it: an error that this open file has not been told of yet. Return: 0 or -errno. */
export function file_check_and_advance_wb_err(file: MappableFile): number {
  const mapping = file.mapping!;
  mapping.as_eio = false;
  if (mapping.wb_err === file.f_wb_err) return 0;
  mapping.wb_err |= SEEN;
  file.f_wb_err = mapping.wb_err;
  return -(mapping.wb_err & ERRNO_MASK);
}

/** What is told to the next one who asks, whoever that is (AS_EIO). Return: 0 or -EIO. */
export function filemap_check_errors(mapping: AddressSpace): number {
  const failed = mapping.as_eio;
  mapping.as_eio = false;
  return failed ? -EIO : 0;
}
