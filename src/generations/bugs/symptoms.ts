// SPDX-License-Identifier: GPL-2.0-only
/** What bugs and conditions make of the suite. Written by scripts/suite-symptoms.js: measured, not derived. */
import type { FoldedSymptoms } from './suite-symptoms.js';

export const measuredSymptoms: readonly FoldedSymptoms[] = [
  {
    cases: ['v5-generic no-module'],
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.open_close',
          'hmm.anon_read',
          'hmm.anon_read_prot',
          'hmm.anon_write',
          'hmm.anon_write_prot',
          'hmm.anon_write_child',
          'hmm.anon_write_child_shared',
          'hmm.anon_write_huge',
          'hmm.anon_write_hugetlbfs',
          'hmm.file_read',
          'hmm.file_write',
          'hmm.migrate',
          'hmm.migrate_fault',
          'hmm.migrate_shared',
          'hmm.migrate_multiple',
          'hmm.anon_read_multiple',
          'hmm.anon_teardown',
          'hmm.compound',
          'hmm.migrate_ping_pong',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: ['hmm2.migrate_mixed', 'hmm2.snapshot', 'hmm2.double_map'],
      },
    ],
  },
  {
    cases: ['v5-generic spm-without-memory'],
    load: 'oops: dmirror_allocate_chunk',
    shows: [],
  },
  {
    cases: ['v5-generic spm', 'v5-generic thp-always'],
    bug: 'generic-forced-private',
    shows: [
      {
        says: 'Expected m[5] (34) == HMM_DMIRROR_PROT_DEV_GENERIC | HMM_DMIRROR_PROT_WRITE (66)',
        tests: ['hmm2.snapshot'],
      },
    ],
  },
  {
    cases: ['v5-generic spm', 'v5-generic private', 'v5-generic thp-always'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected hmm_is_private_device(self->fd, &is_private) (-16) == 0 (0)',
        tests: ['hmm.migrate_multiple'],
      },
      {
        says: 'Expected hmm_is_private_device(self->fd0, &is_private) (-16) == 0 (0)',
        tests: ['hmm2.snapshot'],
      },
    ],
  },
  {
    cases: ['v5-generic spm', 'v5-generic private', 'v5-generic thp-always'],
    bug: 'freed-page-on-lru',
    shows: [
      {
        says: 'warns: folio_lruvec',
        tests: ['hmm.migrate'],
      },
    ],
  },
  {
    cases: ['v4-coherent thp-always', '6.1 thp-always', '6.12 thp-always'],
    shows: [
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: [
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_coherent.exclusive',
          'hmm.hmm_device_coherent.exclusive_mprotect',
          'hmm.hmm_device_coherent.exclusive_cow',
        ],
      },
    ],
  },
  {
    cases: ['v4-coherent no-module'],
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: ['v4-coherent spm-without-memory'],
    shows: [
      {
        says: 'Expected ptr[i] (0) == i (1)',
        tests: [
          'hmm.hmm_device_coherent.migrate',
          'hmm.hmm_device_coherent.migrate_fault',
          'hmm.hmm_device_coherent.migrate_multiple',
        ],
      },
    ],
  },
  {
    cases: ['v4-coherent spm', 'v4-coherent thp-always'],
    bug: 'coherent-minor-unset',
    load: 'ENOMEM',
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: [
      'v4-coherent spm',
      'v4-coherent thp-always',
      '6.1 spm',
      '6.1 thp-always',
      '6.12 spm',
      '6.12 thp-always',
    ],
    bug: 'generic-to-system-noop',
    shows: [
      {
        says: 'Expected buffer->cpages (0) == npages (1024)',
        tests: ['hmm.hmm_device_coherent.migrate_multiple'],
      },
    ],
  },
  {
    cases: ['v4-coherent spm', 'v4-coherent thp-always'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
      },
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound', 'hmm.hmm_device_coherent.compound'],
      },
      {
        says: 'oopses: dmirror_do_read',
        tests: ['hmm2.hmm2_device_private.snapshot', 'hmm2.hmm2_device_coherent.snapshot'],
      },
    ],
  },
  {
    cases: ['v4-coherent private'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap'],
      },
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound'],
      },
      {
        says: 'oopses: dmirror_do_read',
        tests: ['hmm2.hmm2_device_private.snapshot'],
      },
    ],
  },
  {
    cases: ['v4-coherent thp-always', '6.1 thp-always', '6.12 thp-always'],
    bug: 'exclusive-thp-tail',
    shows: [
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: [
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_coherent.exclusive',
          'hmm.hmm_device_coherent.exclusive_mprotect',
          'hmm.hmm_device_coherent.exclusive_cow',
        ],
      },
    ],
  },
  {
    cases: [
      'v4-coherent spm',
      'v4-coherent thp-always',
      '6.1 spm',
      '6.1 thp-always',
      '6.12 spm',
      '6.12 thp-always',
      '7.3 spm',
      '7.3 thp-always',
    ],
    bug: 'mixedmap-rejected',
    shows: [
      {
        says: 'Expected m[0] (255) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
      },
    ],
  },
  {
    cases: ['v4-coherent private', '6.1 private', '6.12 private', '7.3 private'],
    bug: 'mixedmap-rejected',
    shows: [
      {
        says: 'Expected m[0] (255) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap'],
      },
    ],
  },
  {
    cases: [
      'v4-coherent spm',
      'v4-coherent private',
      '6.1 spm',
      '6.1 private',
      '6.12 spm',
      '6.12 private',
      '6.12 thp-always',
    ],
    bug: 'freed-page-on-lru',
    shows: [
      {
        says: 'warns: folio_lruvec',
        tests: ['hmm.hmm_device_private.migrate'],
      },
    ],
  },
  {
    cases: ['v4-coherent thp-always'],
    bug: 'freed-page-on-lru',
    shows: [
      {
        says: 'warns: folio_lruvec',
        tests: [
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_coherent.migrate',
          'hmm2.hmm2_device_private.migrate_mixed',
        ],
      },
    ],
  },
  {
    cases: ['6.1 no-module', '6.12 no-module'],
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_file_private',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_release',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_private.hmm_gup_test',
          'hmm.hmm_device_private.hmm_cow_in_device',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: ['6.1 spm-without-memory', '6.12 spm-without-memory'],
    shows: [
      {
        says: 'Expected ptr[i] (0) == i (1)',
        tests: [
          'hmm.hmm_device_coherent.migrate',
          'hmm.hmm_device_coherent.migrate_file_private',
          'hmm.hmm_device_coherent.migrate_fault',
          'hmm.hmm_device_coherent.migrate_release',
          'hmm.hmm_device_coherent.migrate_multiple',
          'hmm.hmm_device_coherent.hmm_gup_test',
          'hmm2.hmm2_device_coherent.double_map',
        ],
      },
    ],
  },
  {
    cases: ['6.1 spm', '6.1 thp-always', '6.12 spm', '6.12 thp-always'],
    bug: 'coherent-minor-unset',
    load: 'ENOMEM',
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_file_private',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_release',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_private.hmm_gup_test',
          'hmm.hmm_device_private.hmm_cow_in_device',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: ['6.1 spm', '6.1 thp-always', '6.12 spm', '6.12 thp-always'],
    bug: 'chunk-result-inverted',
    shows: [
      {
        says: 'Expected ret (-2) == 0 (0)',
        tests: ['hmm.hmm_device_private.migrate_multiple', 'hmm.hmm_device_coherent.migrate_multiple'],
        after: [
          {
            tests: ['hmm.hmm_device_private.migrate_multiple'],
            earlier: ['hmm.hmm_device_private.migrate_release'],
          },
          {
            tests: ['hmm.hmm_device_coherent.migrate_multiple'],
            earlier: ['hmm.hmm_device_coherent.migrate_release'],
          },
        ],
      },
    ],
  },
  {
    cases: ['6.1 private', '6.12 private', '7.3 private'],
    bug: 'chunk-result-inverted',
    shows: [
      {
        says: 'Expected ret (-2) == 0 (0)',
        tests: ['hmm.hmm_device_private.migrate_multiple'],
        after: [
          {
            tests: ['hmm.hmm_device_private.migrate_multiple'],
            earlier: ['hmm.hmm_device_private.migrate_release'],
          },
        ],
      },
    ],
  },
  {
    cases: ['6.1 spm', '6.1 thp-always', '6.12 spm', '6.12 thp-always'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
      },
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: [
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_coherent.compound',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_coherent.snapshot',
        ],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[0] (0)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[i] (0)',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device', 'hmm.hmm_device_coherent.hmm_cow_in_device'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL | HMM_DMIRROR_PROT_WRITE (66) == m[0] (0)',
        tests: ['hmm.hmm_device_coherent.hmm_gup_test'],
      },
    ],
  },
  {
    cases: ['6.1 private', '6.12 private'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap'],
      },
      {
        says: 'Expected ret (-16) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound', 'hmm2.hmm2_device_private.snapshot'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[0] (0)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[i] (0)',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device'],
      },
    ],
  },
  {
    cases: ['6.1 spm', '6.1 thp-always'],
    bug: 'stale-foll-longterm',
    shows: [
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (34)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'warns: gup_fast_fallback',
        tests: ['hmm.hmm_device_private.hmm_gup_test', 'hmm.hmm_device_coherent.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (66)',
        tests: ['hmm.hmm_device_coherent.hmm_gup_test'],
      },
    ],
  },
  {
    cases: ['6.1 private'],
    bug: 'stale-foll-longterm',
    shows: [
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (34)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'warns: gup_fast_fallback',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
    ],
  },
  {
    cases: ['6.1 spm', '6.1 private', '6.1 thp-always', '6.12 spm', '6.12 private', '6.12 thp-always'],
    bug: 'private-subpage-from-entry',
    shows: [
      {
        says: 'oopses: try_to_migrate_one',
        tests: ['hmm.hmm_device_private.migrate_release', 'hmm.hmm_device_private.hmm_cow_in_device'],
      },
    ],
  },
  {
    cases: [
      '6.1 spm',
      '6.1 private',
      '6.1 thp-always',
      '6.12 spm',
      '6.12 private',
      '6.12 thp-always',
      '7.3 spm',
      '7.3 private',
      '7.3 thp-always',
    ],
    bug: 'foreign-private-refused',
    shows: [
      {
        says: 'Expected ret (-14) == 0 (0)',
        tests: ['hmm2.hmm2_device_private.double_map'],
      },
    ],
  },
  {
    cases: [
      '6.1 spm',
      '6.1 private',
      '6.1 thp-always',
      '6.12 spm',
      '6.12 private',
      '6.12 thp-always',
      '7.3 spm',
      '7.3 private',
      '7.3 thp-always',
    ],
    bug: 'spurious-zap-warning',
    shows: [
      {
        says: 'warns: zap_pte_range',
        tests: ['hmm.hmm_device_private.migrate_file_private'],
      },
    ],
  },
  {
    cases: ['6.1 thp-always'],
    bug: 'freed-page-on-lru',
    shows: [
      {
        says: 'warns: folio_lruvec',
        tests: [
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.hmm_gup_test',
          'hmm.hmm_device_coherent.hmm_gup_test',
        ],
      },
    ],
  },
  {
    cases: ['6.12 spm', '6.12 thp-always', '7.3 spm'],
    bug: 'stale-foll-longterm',
    shows: [
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (34)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'warns: is_valid_gup_args',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (66)',
        tests: ['hmm.hmm_device_coherent.hmm_gup_test'],
      },
    ],
  },
  {
    cases: ['6.12 private', '7.3 private', '7.3 thp-always'],
    bug: 'stale-foll-longterm',
    shows: [
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[2] (34)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'warns: is_valid_gup_args',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
    ],
  },
  {
    cases: ['7.3 spm', '7.3 no-hugepages'],
    shows: [
      {
        says: 'warns: pagemap_range',
        tests: [
          'hmm.hmm_device_coherent.anon_write_child',
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.benchmark_thp_migration',
        ],
      },
      {
        says: 'Expected ret (-12) == 0 (0)',
        tests: ['hmm.hmm_device_coherent.migrate_anon_huge_err'],
      },
    ],
  },
  {
    cases: ['7.3 thp-always'],
    shows: [
      {
        says: 'warns: pagemap_range',
        tests: [
          'hmm.hmm_device_coherent.anon_write_child',
          'hmm.hmm_device_coherent.migrate',
          'hmm.hmm_device_coherent.migrate_fault',
          'hmm.hmm_device_coherent.migrate_release',
          'hmm.hmm_device_coherent.hmm_gup_test',
          'hmm.hmm_device_coherent.hmm_cow_in_device',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero_err',
          'hmm.hmm_device_coherent.benchmark_thp_migration',
          'hmm2.hmm2_device_coherent.snapshot',
        ],
        after: [
          {
            tests: [
              'hmm.hmm_device_coherent.hmm_gup_test',
              'hmm.hmm_device_coherent.hmm_cow_in_device',
              'hmm.hmm_device_coherent.migrate_anon_huge_zero_err',
              'hmm2.hmm2_device_coherent.snapshot',
            ],
            earlier: ['hmm.hmm_device_coherent.migrate_release', 'hmm.hmm_device_coherent.migrate_multiple'],
          },
        ],
      },
      {
        says: 'Expected buffer->cpages (0) == npages (1024)',
        tests: ['hmm.hmm_device_coherent.migrate_multiple'],
        after: [
          {
            tests: ['hmm.hmm_device_coherent.migrate_multiple'],
            earlier: ['hmm.hmm_device_coherent.migrate_release'],
          },
        ],
      },
      {
        says: 'Expected ret (-2) == 0 (0)',
        tests: [
          'hmm.hmm_device_coherent.hmm_gup_test',
          'hmm.hmm_device_coherent.hmm_cow_in_device',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm2.hmm2_device_coherent.snapshot',
        ],
        after: [
          {
            tests: [
              'hmm.hmm_device_coherent.hmm_gup_test',
              'hmm.hmm_device_coherent.hmm_cow_in_device',
              'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
              'hmm.hmm_device_coherent.migrate_remap_fault',
              'hmm2.hmm2_device_coherent.snapshot',
            ],
            earlier: ['hmm.hmm_device_coherent.migrate_release', 'hmm.hmm_device_coherent.migrate_multiple'],
          },
        ],
      },
      {
        says: 'oopses: dmirror_migrate_to_device',
        tests: [
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero_err',
        ],
        after: [
          {
            tests: [
              'hmm.hmm_device_coherent.migrate_anon_huge_err',
              'hmm.hmm_device_coherent.migrate_anon_huge_zero_err',
            ],
            earlier: ['hmm.hmm_device_coherent.migrate_release', 'hmm.hmm_device_coherent.migrate_multiple'],
          },
        ],
      },
      {
        says: 'Expected run_migration_benchmark(self->fd, 1, test_sizes[i], iterations, &thp_results) (-2) == 0 (0)',
        tests: ['hmm.hmm_device_coherent.benchmark_thp_migration'],
        after: [
          {
            tests: ['hmm.hmm_device_coherent.benchmark_thp_migration'],
            earlier: ['hmm.hmm_device_coherent.migrate_release', 'hmm.hmm_device_coherent.migrate_multiple'],
          },
        ],
      },
    ],
  },
  {
    cases: ['7.3 thp-never'],
    shows: [
      {
        says: 'Expected ret (-2) == 0 (0)',
        tests: [
          'hmm.hmm_device_private.migrate_anon_huge_err',
          'hmm.hmm_device_private.migrate_anon_huge_zero_err',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero_err',
        ],
      },
      {
        says: 'warns: pagemap_range',
        tests: [
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
        ],
      },
    ],
  },
  {
    cases: ['7.3 no-module'],
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_file_private',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_release',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_private.hmm_gup_test',
          'hmm.hmm_device_private.hmm_cow_in_device',
          'hmm.hmm_device_private.migrate_anon_huge_empty',
          'hmm.hmm_device_private.migrate_anon_huge_zero',
          'hmm.hmm_device_private.migrate_anon_huge_free',
          'hmm.hmm_device_private.migrate_anon_huge_fault',
          'hmm.hmm_device_private.migrate_partial_unmap_fault',
          'hmm.hmm_device_private.migrate_remap_fault',
          'hmm.hmm_device_private.migrate_anon_huge_err',
          'hmm.hmm_device_private.migrate_anon_huge_zero_err',
          'hmm.hmm_device_private.benchmark_thp_migration',
          'hmm.hmm_device_private.userfaultfd_read',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: ['7.3 spm-without-memory'],
    shows: [
      {
        says: 'Expected ptr[i] (0) == i (1)',
        tests: [
          'hmm.hmm_device_coherent.anon_write_child',
          'hmm.hmm_device_coherent.migrate',
          'hmm.hmm_device_coherent.migrate_file_private',
          'hmm.hmm_device_coherent.migrate_fault',
          'hmm.hmm_device_coherent.migrate_release',
          'hmm.hmm_device_coherent.migrate_multiple',
          'hmm.hmm_device_coherent.hmm_gup_test',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm2.hmm2_device_coherent.double_map',
        ],
      },
      {
        says: 'warns: pagemap_range',
        tests: [
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
          'hmm.hmm_device_coherent.benchmark_thp_migration',
        ],
      },
    ],
  },
  {
    cases: ['7.3 spm', '7.3 thp-always'],
    bug: 'coherent-minor-unset',
    load: 'ENOMEM',
    shows: [
      {
        says: 'Expected self->fd (-1) >= 0 (0)',
        tests: [
          'hmm.hmm_device_private.open_close',
          'hmm.hmm_device_private.anon_read',
          'hmm.hmm_device_private.anon_read_prot',
          'hmm.hmm_device_private.anon_write',
          'hmm.hmm_device_private.anon_write_prot',
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.anon_write_huge',
          'hmm.hmm_device_private.anon_write_hugetlbfs',
          'hmm.hmm_device_private.file_read',
          'hmm.hmm_device_private.file_write',
          'hmm.hmm_device_private.migrate',
          'hmm.hmm_device_private.migrate_file_private',
          'hmm.hmm_device_private.migrate_fault',
          'hmm.hmm_device_private.migrate_release',
          'hmm.hmm_device_private.migrate_shared',
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.anon_read_multiple',
          'hmm.hmm_device_private.anon_teardown',
          'hmm.hmm_device_private.mixedmap',
          'hmm.hmm_device_private.compound',
          'hmm.hmm_device_private.exclusive',
          'hmm.hmm_device_private.exclusive_mprotect',
          'hmm.hmm_device_private.exclusive_cow',
          'hmm.hmm_device_private.hmm_gup_test',
          'hmm.hmm_device_private.hmm_cow_in_device',
          'hmm.hmm_device_private.migrate_anon_huge_empty',
          'hmm.hmm_device_private.migrate_anon_huge_zero',
          'hmm.hmm_device_private.migrate_anon_huge_free',
          'hmm.hmm_device_private.migrate_anon_huge_fault',
          'hmm.hmm_device_private.migrate_partial_unmap_fault',
          'hmm.hmm_device_private.migrate_remap_fault',
          'hmm.hmm_device_private.migrate_anon_huge_err',
          'hmm.hmm_device_private.migrate_anon_huge_zero_err',
          'hmm.hmm_device_private.benchmark_thp_migration',
          'hmm.hmm_device_private.userfaultfd_read',
        ],
      },
      {
        says: 'Expected self->fd0 (-1) >= 0 (0)',
        tests: [
          'hmm2.hmm2_device_private.migrate_mixed',
          'hmm2.hmm2_device_private.snapshot',
          'hmm2.hmm2_device_private.double_map',
        ],
      },
    ],
  },
  {
    cases: ['7.3 spm'],
    bug: 'chunk-result-inverted',
    shows: [
      {
        says: 'Expected ret (-2) == 0 (0)',
        tests: ['hmm.hmm_device_private.migrate_multiple', 'hmm.hmm_device_coherent.migrate_multiple'],
        after: [
          {
            tests: ['hmm.hmm_device_private.migrate_multiple'],
            earlier: ['hmm.hmm_device_private.migrate_release'],
          },
          {
            tests: ['hmm.hmm_device_coherent.migrate_multiple'],
            earlier: ['hmm.hmm_device_coherent.migrate_release'],
          },
        ],
      },
      {
        says: 'oopses: dmirror_devmem_alloc_page',
        tests: [
          'hmm.hmm_device_coherent.anon_write_child',
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.benchmark_thp_migration',
        ],
      },
    ],
  },
  {
    cases: ['7.3 thp-always'],
    bug: 'chunk-result-inverted',
    shows: [
      {
        says: 'oopses: dmirror_migrate_to_device',
        tests: ['hmm.hmm_device_private.migrate_multiple'],
        after: [
          {
            tests: ['hmm.hmm_device_private.migrate_multiple'],
            earlier: ['hmm.hmm_device_private.migrate_release'],
          },
        ],
      },
      {
        says: 'oopses: dmirror_devmem_alloc_page',
        tests: [
          'hmm.hmm_device_coherent.anon_write_child',
          'hmm.hmm_device_coherent.migrate',
          'hmm.hmm_device_coherent.migrate_fault',
          'hmm.hmm_device_coherent.migrate_release',
          'hmm.hmm_device_coherent.migrate_multiple',
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
          'hmm.hmm_device_coherent.migrate_partial_unmap_fault',
          'hmm.hmm_device_coherent.migrate_remap_fault',
          'hmm.hmm_device_coherent.migrate_anon_huge_err',
          'hmm.hmm_device_coherent.benchmark_thp_migration',
        ],
      },
      {
        says: 'warns: pagemap_range',
        tests: [
          'hmm.hmm_device_coherent.migrate_multiple',
          'hmm.hmm_device_coherent.migrate_anon_huge_empty',
          'hmm.hmm_device_coherent.migrate_anon_huge_zero',
          'hmm.hmm_device_coherent.migrate_anon_huge_free',
          'hmm.hmm_device_coherent.migrate_anon_huge_fault',
        ],
      },
    ],
  },
  {
    cases: ['7.3 spm'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
      },
      {
        says: 'Expected ret (-95) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound', 'hmm.hmm_device_coherent.compound'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[0] (0)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[i] (0)',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device', 'hmm.hmm_device_coherent.hmm_cow_in_device'],
      },
      {
        says: 'Expected m[i] (0) == HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE | HMM_DMIRROR_PROT_PMD (38)',
        tests: ['hmm.hmm_device_private.migrate_anon_huge_fault'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL | HMM_DMIRROR_PROT_WRITE (66) == m[0] (0)',
        tests: ['hmm.hmm_device_coherent.hmm_gup_test'],
      },
      {
        says: 'Expected ret (-14) == 0 (0)',
        tests: ['hmm2.hmm2_device_private.snapshot', 'hmm2.hmm2_device_coherent.snapshot'],
      },
    ],
  },
  {
    cases: ['7.3 private'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap'],
      },
      {
        says: 'Expected ret (-95) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[0] (0)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[i] (0)',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device'],
      },
      {
        says: 'Expected m[i] (0) == HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE | HMM_DMIRROR_PROT_PMD (38)',
        tests: ['hmm.hmm_device_private.migrate_anon_huge_fault'],
      },
      {
        says: 'Expected ret (-14) == 0 (0)',
        tests: ['hmm2.hmm2_device_private.snapshot'],
      },
    ],
  },
  {
    cases: ['7.3 thp-always'],
    bug: 'ioctl-4-collision',
    shows: [
      {
        says: 'Expected m[0] (0) == HMM_DMIRROR_PROT_READ (1)',
        tests: ['hmm.hmm_device_private.mixedmap', 'hmm.hmm_device_coherent.mixedmap'],
      },
      {
        says: 'Expected ret (-95) == 0 (0)',
        tests: ['hmm.hmm_device_private.compound', 'hmm.hmm_device_coherent.compound'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[0] (0)',
        tests: ['hmm.hmm_device_private.hmm_gup_test'],
      },
      {
        says: 'Expected HMM_DMIRROR_PROT_WRITE (2) == m[i] (0)',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device'],
      },
      {
        says: 'Expected m[i] (0) == HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE | HMM_DMIRROR_PROT_PMD (38)',
        tests: ['hmm.hmm_device_private.migrate_anon_huge_fault'],
      },
      {
        says: 'Expected ret (-14) == 0 (0)',
        tests: ['hmm2.hmm2_device_private.snapshot'],
      },
    ],
  },
  {
    cases: ['7.3 spm', '7.3 private'],
    bug: 'private-subpage-from-entry',
    shows: [
      {
        says: 'oopses: try_to_migrate_one',
        tests: [
          'hmm.hmm_device_private.anon_write_child',
          'hmm.hmm_device_private.anon_write_child_shared',
          'hmm.hmm_device_private.migrate_release',
          'hmm.hmm_device_private.hmm_cow_in_device',
        ],
        after: [
          {
            tests: ['hmm.hmm_device_private.anon_write_child_shared'],
            earlier: ['hmm.hmm_device_private.anon_write_child'],
          },
        ],
      },
      {
        says: 'times out',
        tests: [
          'hmm.hmm_device_private.migrate_multiple',
          'hmm.hmm_device_private.migrate_partial_unmap_fault',
          'hmm.hmm_device_private.migrate_remap_fault',
        ],
        after: [
          {
            tests: ['hmm.hmm_device_private.migrate_multiple'],
            earlier: ['hmm.hmm_device_private.migrate_release'],
          },
        ],
      },
    ],
  },
  {
    cases: ['7.3 thp-always'],
    bug: 'private-subpage-from-entry',
    shows: [
      {
        says: 'oopses: try_to_migrate_one',
        tests: ['hmm.hmm_device_private.hmm_cow_in_device'],
      },
      {
        says: 'times out',
        tests: [
          'hmm.hmm_device_private.migrate_partial_unmap_fault',
          'hmm.hmm_device_private.migrate_remap_fault',
        ],
      },
    ],
  },
  {
    cases: ['7.3 spm', '7.3 private', '7.3 thp-always'],
    bug: 'freed-page-on-lru',
    shows: [
      {
        says: 'warns: folio_lruvec',
        tests: ['hmm.hmm_device_private.anon_write_child'],
      },
    ],
  },
];
