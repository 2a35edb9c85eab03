// SPDX-License-Identifier: GPL-2.0-only
/** Steps that no sane program takes: what the kernel refuses is as much its behaviour as what it does. */

import type { Dice } from '../scenario/dice.js';
import { MAX_PAGES, type Step } from '../scenario/schema.js';
import type { Population } from '../scenario/steps/contract.js';

/** Page counts whose size in bytes is zero, negative, or more than there is. */
const NPAGES = [
  '0',
  '5',
  '2049',
  '0x10000000000000',
  '0x0fffffffffffff',
  '0x10000000000001',
  '0xfffffffffffffff',
  '0xffffffffffffffff',
];

const OFFSETS = [
  0,
  0,
  4096,
  1,
  2048,
  4095,
  2 ** 30,
  2 ** 45,
  2 ** 46,
  -4096,
  '-0x200000001000',
  '0xfffffffffffff000',
];
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99, 255];

/** A step of `actor` that makes no sense, or hardly any. */
export function nonsense(dice: Dice, actor: Population, word: number): Step {
  const as = actor.name;
  const [region, size] = dice.pick([...actor.regions]);
  const fd = actor.fds[0] ?? 'd0';
  const somewhere = { region, page: dice.below(size), pages: 1 };
  const past = { region, page: size - 1, pages: 3 };
  const kinds: (() => Step)[] = [
    () => ({ as, op: 'ioctl', cmd: 'READ', fd: 'd99', ...somewhere }),
    () => ({ as, op: 'ioctl', cmd: 'SNAPSHOT', fd, region, page: 0, pages: 0 }),
    () => ({ as, op: 'ioctl', cmd: 'SNAPSHOT', fd, region, page: 0, pages: 2100 }),
    () => ({ as, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd, ...past }),
    () => ({ as, op: 'ioctl', cmd: 'WRITE', fd, ...past, word }),
    () => ({ as, op: 'ioctl', cmd: 'EXCLUSIVE', fd, ...past }),
    () => ({ as, op: 'ioctl', cmd: 'READ', fd, region: 'r9', page: 0, pages: 2 }),
    () => ({ as: 'p9', op: 'load', ...somewhere }),
    () => ({ as, op: 'open', fd: 'd98', device: dice.pick([4, 9, 255]) }),
    () => ({ as, op: 'open', fd, device: 0 }),
    () => ({ as, op: 'close', fd: 'd99' }),
    () => ({ as, op: 'mmap', region, pages: 0, prot: 'rw', share: 'private', backing: 'anon' }),
    () => ({ as, op: 'mmap', region: 'r9', pages: 3, prot: 'rw', share: 'shared', backing: 'hugetlb' }),
    () => ({
      as,
      op: 'mmap',
      region: 'r9',
      pages: 2,
      prot: 'rw',
      share: 'private',
      backing: 'device',
      fd: 'd99',
    }),
    () => ({ as, op: 'munmap', region, page: 0, pages: 0 }),
    () => ({ as, op: 'munmap', ...past, pages: MAX_PAGES }),
    () => ({ as, op: 'mprotect', ...past, prot: 'r' }),
    () => ({ as, op: 'madvise', ...past, advice: 'populate_write' }),
    () => ({ as, op: 'mremap', ...past, to: { region, page: 1 } }),
    () => ({ as, op: 'mlock', ...past }),
    () => ({ as, op: 'gup', region, page: size, pages: 1, kind: 'pin_longterm' }),
    () => ({ as, op: 'gup', region, page: 0, pages: 0, kind: 'basic' }),
    () => ({ as, op: 'pin', ...past, write: true }),
    () => ({ as, op: 'unpin' }),
    () => ({ as, op: 'store', ...past, word }),
    () => ({ as, op: 'pagemap', region, page: 0, pages: 0 }),
    () => ({ as, op: 'truncate', region: 'r9', pages: 1 }),
    () => ({ as, op: 'truncate', region, pages: MAX_PAGES }),
    () => ({ as, op: 'punch', region, page: 0, pages: 0 }),
    () => ({ as, op: 'punch', ...past, pages: MAX_PAGES }),
    () => ({ as, op: 'fread', region, page: MAX_PAGES, pages: 1 }),
    () => ({ as, op: 'fwrite', region, page: size + 9, pages: 2, word }),
    () => ({ as, op: 'fwrite', ...somewhere, buffer: { region: 'r9', page: 0 } }),
    () => ({ as, op: 'read', ...past, word }),
    () => ({ as, op: 'write', region, page: 0, pages: 0 }),
    () => ({ as, op: 'peek', of: 'p9', ...somewhere }),
    () => ({ as, op: 'poke', of: as, ...past, word }),
    () => ({ as, op: 'poke', of: 'p9', ...somewhere, word, force: true }),
    () => ({ as, op: 'mincore', ...past }),
    () => ({ as, op: 'mremap', ...somewhere, toPages: MAX_PAGES }),
    () => ({ as, op: 'mremap', ...past, toPages: 1 }),
    () => ({ as, op: 'mremap', region, page: 0, pages: 0, toPages: 4 }),
    () => ({ as, op: 'mremap', ...past, to: { region: 'r9', page: 1 }, dontunmap: true }),
    () => ({
      as,
      op: 'madvise',
      ...somewhere,
      advice: dice.pick(['guard_install', 'guard_remove', 'remove']),
    }),
    () => ({
      as,
      op: 'madvise',
      ...past,
      advice: dice.pick(['pageout', 'cold', 'willneed', 'dontneed_locked']),
    }),
    () => ({ as, op: 'uffd' }),
    () => ({ as, op: 'uffd_register', region, page: 0, pages: 0, mode: ['missing'] }),
    () => ({ as, op: 'uffd_register', ...past, mode: ['wp'] }),
    () => ({ as, op: 'uffd_unregister', region: 'r9', page: 0, pages: 1 }),
    () => ({ as, op: 'uffd_copy', ...past, word }),
    () => ({ as, op: 'uffd_zero', region, page: 0, pages: 0 }),
    () => ({ as, op: 'uffd_wp', ...past, wp: true }),
  ];
  const raw = (): Step => {
    const nr = dice.pick(NUMBERS);
    return { as, op: 'ioctl_raw', fd, nr, region, offset: dice.pick(OFFSETS), npages: dice.pick(NPAGES) };
  };
  return dice.once(4) ? raw() : dice.pick(kinds)();
}
