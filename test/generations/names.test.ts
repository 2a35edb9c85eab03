// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { kernelName } from '../../src/generations/names.js';

const at = (version: string, ...names: string[]): string[] => names.map((name) => kernelName(name, version));

t.test('renamed functions, by version', async (t) => {
  const ours = ['grab_fast', 'map_file_page', 'copy_present_pte', 'migrate_coherent', 'follow_huge_pmd'];
  t.strictSame(at('6.1.192', ...ours), [
    'gup_pte_range',
    'do_set_pte',
    'copy_present_pte',
    'migrate_device_coherent_page',
    'follow_trans_huge_pmd',
  ]);
  t.strictSame(at('6.12.117', ...ours), [
    'gup_fast_pte_range',
    'set_pte_range',
    'copy_present_ptes',
    'migrate_device_coherent_folio',
    'follow_huge_pmd',
  ]);
  t.strictSame(at('6.8.3', ...ours), [
    'gup_pte_range',
    'set_pte_range',
    'copy_present_pte',
    'migrate_device_coherent_page',
    'follow_trans_huge_pmd',
  ]);
});

t.test("parts of a kernel function, and functions that are the kernel's", async (t) => {
  t.strictSame(at('6.1.192', 'collect_page', 'do_swap_page', 'toString'), [
    'migrate_vma_collect_pmd',
    'do_swap_page',
    'toString',
  ]);
});
