// SPDX-License-Identifier: GPL-2.0-only
/** fs/dax.c, and the file systems above it. */
import { type Entries, NEVER } from './entry.js';

export const dax = {
  daxPagesUnreferenced: {
    what: 'an idle page of a DAX file has no reference; before, it had one',
    source: 'mm/memremap.c free_zone_device_folio',
    since: ['6.15'],
    postings: { 'v5-generic': true },
    witness: { kernel: '7.3', program: 'references of an idle page of a DAX file' },
  },
  daxPagesAreNormal: {
    what: 'who maps a page of a DAX file has a reference of it, which is not in use for that; before, entries were special',
    source: 'fs/dax.c dax_busy_page',
    since: ['6.15'],
    witness: { kernel: '7.3', program: 'references of a mapped page of a DAX file' },
  },
  daxTruncateWaits: {
    what: 'ext4, xfs and fuse wait until nobody has a page of a DAX file before they cut pages off',
    source: 'fs/ext4/inode.c ext4_break_layouts',
    witness: { kernel: '6.12', scenario: 'bugs/dax-truncate-early' },
  },
  daxWaitsUnmapped: {
    what: 'they wait for the pages of a file that nobody maps any more, too',
    source: 'fs/dax.c dax_layout_busy_page_range',
    since: ['6.15'],
    witness: { kernel: '7.3', program: 'truncate of a DAX file that was unmapped, a page of which is kept' },
  },
  fuseBreaksWholeFile: {
    what: 'fuse waits for any page of the file; before, for the first one alone',
    source: 'fs/fuse/dir.c fuse_do_setattr',
    since: ['6.15', '6.12.117', '6.1.192'],
    witness: { kernel: '6.12', program: 'truncate of a DAX file of fuse, the second page of which is kept' },
  },
  ext4WaitsBeforePunch: {
    what: 'ext4 waits before it looks whether a hole is behind the end of the file',
    source: 'fs/ext4/extents.c ext4_fallocate',
    since: ['6.15', '6.12.117'],
    witness: { kernel: '6.12', program: 'a hole behind the end of a DAX file, a page of which is kept' },
  },
  daxEvictionWaits: {
    what: 'so does the end of an inode',
    source: 'fs/dax.c dax_break_layout_final',
    since: ['6.15'],
    witness: { kernel: '7.3', program: 'the last close of an unlinked DAX file, a page of which is kept' },
  },
  devdaxPagesAreFreed: {
    what: 'page_free is called for pages of device-dax, which has none',
    source: 'mm/memremap.c free_device_page',
    postings: { 'v5-generic': true },
    since: NEVER,
    witness: { kernel: 'v5-generic', scenario: 'bugs/devdax-page-free' },
  },
  tryGetTakesFreeDevicePages: {
    what: 'try_get_page() takes a page of a device that has no reference',
    source: 'include/linux/mm.h try_get_page',
    postings: { 'v5-generic': true },
    since: NEVER,
    witness: { kernel: 'v5-generic', scenario: 'bugs/free-dax-page-warns' },
  },
  directIoPins: {
    what: 'direct I/O pins the pages of its buffer; before, it had references',
    source: 'lib/iov_iter.c iov_iter_extract_pages',
    since: ['6.5'],
    witness: { kernel: '6.12', program: 'direct I/O into a buffer' },
  },
} as const satisfies Entries;
