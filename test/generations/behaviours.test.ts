// SPDX-License-Identifier: GPL-2.0-only
/** What each kernel does: every value, as its version and its posting give it. */
import t from 'tap';
import { type Entry, type Resolvable, valueIn } from '../../src/generations/behaviours/entry.js';
import { behaviourNames, registry, resolve } from '../../src/generations/behaviours/index.js';
import { generations } from '../../src/generations/index.js';

/** In the order v5-generic, v4-coherent, 6.1, 6.12, 7.3. */
const VALUES = {
  coldKeepsWorkingset: [false, false, false, true, true],
  rotationsCost: [false, false, false, true, true],
  cacheTrimIsGivenUp: [false, false, false, true, true],
  hopelessUntilBalanced: [false, false, false, false, true],
  ext4WritesForReclaim: [true, true, true, false, false],
  kswapdWritesFiles: [true, true, true, true, false],
  costsComeOfCounters: [false, false, false, false, true],
  injectedErrorsKill: [false, false, false, true, true],
  shmemKeepsPoisoned: [false, true, true, true, true],
  hugetlbKeepsPoisoned: [false, false, true, true, true],
  onlineRefusesPoisoned: [false, false, false, true, true],
  unsplitThpKills: [false, false, false, true, true],
  poisonChecksKind: [false, false, false, false, true],
  memcgStocks: [1, 1, 1, 1, 7],
  chargesMove: [true, true, true, true, false],
  moveChargeFindsPrivate: [true, true, true, true, true],
  moveChargeSkipsMapped: [false, false, false, true, true],
  splitRemapsZeroPages: [false, false, false, true, true],
  movePagesSeesHoles: [false, false, false, true, true],
  splitKeepsDirtyBit: [false, false, false, true, true],
  mprotectUpgradesPmd: [false, false, false, true, true],
  mprotectUpgradesCleanPte: [false, false, false, true, true],
  mprotectNotifiesByPud: [false, false, false, true, true],
  mprotectUnaccounts: [false, false, false, true, true],
  thpAlignedMmap: [false, false, false, true, true],
  madviseFreeKeepsWholeFolios: [false, false, false, true, true],
  wpReusesLargeFolios: [true, true, true, false, false],
  wpReusesOwnedFolios: [false, false, false, false, true],
  populateWalksVmas: [true, true, true, false, false],
  pagemapExclusiveOnlyPresent: [false, false, false, true, true],
  follLongterm: [0x10000, 0x10000, 0x10000, 0x100, 0x100],
  kaslrEndsFreeRegions: [false, false, false, false, false],
  gupLongtermUnlocks: [false, false, false, true, true],
  gupLongtermSparesFiles: [false, false, false, true, true],
  readaheadSyncApart: [false, false, false, true, true],
  daxPagesUnreferenced: [true, false, false, false, true],
  daxPagesAreNormal: [false, false, false, false, true],
  daxTruncateWaits: [true, true, true, true, true],
  vvarPagesAreNormal: [false, false, false, false, true],
  daxWaitsUnmapped: [false, false, false, false, true],
  fuseBreaksWholeFile: [false, false, true, true, true],
  ext4WaitsBeforePunch: [false, false, false, true, true],
  daxEvictionWaits: [false, false, false, false, true],
  devdaxPagesAreFreed: [true, false, false, false, false],
  tryGetTakesFreeDevicePages: [true, false, false, false, false],
  directIoPins: [false, false, false, true, true],
  ext4LargeFolios: [false, false, false, false, true],
  readaheadEndsAligned: [false, false, false, false, true],
  readaheadEndsUnmarked: [false, false, false, false, true],
  gupUnsharesFilePages: [false, false, false, true, true],
  gupTestLongtermPins: [false, false, false, true, true],
  gupRefusesInternalFlags: [false, false, false, true, true],
  splitPmdRefusesHugetlb: [false, false, false, true, true],
  gupSplitsHugetlb: [false, false, false, false, false],
  longtermMigratesCoherent: [false, false, true, true, true],
  hugetlbZapRestoresReserve: [false, false, false, true, true],
  hugetlbUnsharingKeepsWp: [false, false, false, true, true],
  uffdWpOfFiles: [false, false, true, true, true],
  hmmWalksMixedmap: [false, true, true, true, true],
  hmmFaultsForeignPrivate: [false, false, true, true, true],
  faultsUnderVmaLock: [false, false, false, true, true],
  migrateToRamResultCounts: [true, true, true, true, true],
  zapWarnsByFolio: [true, true, true, true, true],
  collectKeepsDirtyBit: [false, false, true, true, true],
  finalizeFreesOffLru: [true, true, true, true, true],
  exclusiveByPage: [true, false, false, false, true],
  subpageOfEntryApart: [true, true, true, true, true],
  walkChecksPrivatePmds: [true, true, true, true, true],
  oomDumpsKindsOfRss: [false, false, false, true, true],
  closeEvicts: [false, false, true, true, true],
  mirrorGoneFails: [false, false, true, true, true],
  devmemFaultReportsOom: [false, false, false, false, true],
  evictNeverFailsToAllocate: [true, true, true, true, true],
  toSystemArraysFreed: [true, true, true, true, true],
  exclusiveNeedsAllPages: [true, false, true, true, true],
  faultMirrorsOwnPrivatePage: [true, true, true, true, true],
  spmSelectsType: [true, false, false, false, false],
  pagemapTypeFollowsDevice: [true, true, true, true, true],
  coherentMinorKnown: [true, true, true, true, true],
  nullResourceChecked: [false, true, true, true, true],
  spmMinorsSwapped: [true, true, true, true, true],
  failedDeviceStays: [false, false, true, true, false],
  genericHasBackingPage: [true, false, false, false, false],
  genericToSystemIsNoop: [true, false, false, false, false],
  snapshotReportsOrder: [true, true, true, true, true],
  coherentHasSides: [false, true, true, true, true],
  toSystemCountsPages: [false, true, true, true, true],
  ioctl4IsGetMemDevType: [true, true, true, true, true],
  npagesOverflowChecked: [false, false, false, false, false],
  hmmDmirrorAlias: [false, true, false, false, false],
  freeDevicePagesUnreferenced: [true, false, true, true, true],
  genericPagesAreMigratable: [true, false, false, false, false],
  madvisePopulates: [false, true, true, true, true],
  madviseTakesLocked: [false, false, true, true, true],
  madviseCollapses: [false, false, true, true, true],
  hmmTestsKnowFollLongterm: [true, true, true, true, true],
  programsKnowFollLongterm: [true, true, false, true, true],
  collectRefusesPinned: [false, false, true, true, true],
  checkCountsDevicePages: [false, false, true, true, true],
  deviceFileMaps: [false, true, true, true, true],
  faultSelectsByType: [false, true, true, true, true],
  chunkResultInverted: [true, false, false, false, false],
  removalEvicts: [false, false, true, true, true],
  usedDevicePagesReferencedTwice: [true, true, false, false, false],
  devicePagesHoldPgmap: [false, true, true, true, true],
  uffdWpFollowsPageProt: [false, false, false, true, true],
  uffdWpSpansVmas: [false, false, false, true, true],
  collapseBusyWhenArmed: [false, false, false, true, true],
  swapinMapsWritable: [false, false, false, true, true],
  migrateFreesSwapCache: [false, false, false, true, true],
  wpReplacesHugeZero: [false, false, false, false, true],
  collapseSkipsFragments: [false, false, false, false, true],
  collapseAllowsReadOnly: [false, false, false, false, true],
  collapsePassesNoTable: [false, false, false, false, true],
  collapseRetractsEverywhere: [false, false, false, true, true],
  collapseFileLeavesWatchedHoles: [false, false, false, true, true],
  collapseMapsAnew: [false, false, false, false, true],
  setPmdAsksForThp: [false, false, false, true, true],
  anonShmemFaultsMapFolio: [false, false, false, true, true],
  fileFaultsMapFolio: [false, false, false, false, true],
  madviseGuards: [false, false, false, false, true],
  faultLocksDevicePage: [false, false, false, false, true],
  dontneedFreesTables: [false, false, false, false, true],
  pagemapHugeZeroHasNoPage: [false, false, false, false, true],
  procMemForces: [true, true, true, true, false],
  hugetlbVmaLock: [false, false, true, true, true],
  hugetlbWalkLocksVma: [false, false, false, true, true],
  hmmFaultsOutsideWalk: [false, false, false, false, true],
  hmmReportsOom: [false, false, false, false, true],
  migratesCompound: [false, false, false, false, true],
  exclusiveEntriesMap: [false, false, false, false, true],
  migrateSplitsInWalk: [false, false, false, false, true],
  uffdModesAreKept: [false, false, false, false, true],
  migrateBatchPages: [64, 64, 64, 64, 512],
  faultBatchPages: [64, 64, 64, 64, 32],
  driverSelectsCompound: [false, false, false, false, true],
  holesAreWritable: [true, true, true, true, false],
  exclusivePageErrors: [false, false, false, false, true],
  toSystemStopsWithoutMemory: [false, false, false, false, true],
  driverTakesFlags: [false, false, false, false, true],
  driverReadsUnlocked: [false, false, false, false, true],
  amdkfdClearsHoles: [false, false, false, false, false],
  amdkfdClonesHeldOnly: [false, false, false, false, false],
  amdkfdCountsMigrated: [false, false, false, false, true],
  amdgpuWalksByParts: [false, false, false, true, true],
  amdgpuReadsSequenceOnce: [false, false, false, true, true],
  amdgpuRetriesWalks: [true, true, true, false, false],
  amdkfdForgetsUserPages: [false, false, false, false, true],
  kfdTellsFailedMigrations: [false, false, false, false, true],
  amdkfdLooksUpAperture: [true, false, false, false, false],
  amdkfdSelectsByMemory: [true, true, true, true, true],
  nouveauNamesFaultPage: [true, true, true, true, true],
  nouveauZeroesReturnPage: [false, false, true, true, true],
  nouveauUnlocksToRetry: [false, false, true, true, true],
  driversUseMirrors: [false, false, false, false, false],
  mirrorsHearOfTheEnd: [false, false, false, false, false],
  collectChecksOwner: [true, true, true, true, true],
  collectOffersFileHoles: [false, false, false, false, false],
  publicPagesTakeFiles: [false, false, false, false, false],
  gupRefusesPublic: [false, false, false, false, false],
  faultReferencesDevicePage: [true, true, true, true, true],
};

/** Of hmm-v25, and of rfc-cdm before it: where they are not as v4-coherent. */
const OLDEST = {
  shmemKeepsPoisoned: false,
  moveChargeFindsPrivate: false,
  madvisePopulates: false,
  programsKnowFollLongterm: false,
  hmmWalksMixedmap: false,
  driversUseMirrors: true,
  mirrorsHearOfTheEnd: true,
  collectChecksOwner: false,
  collectOffersFileHoles: true,
  publicPagesTakeFiles: true,
  gupRefusesPublic: true,
  faultReferencesDevicePage: false,
  exclusiveByPage: true,
  exclusiveNeedsAllPages: true,
  deviceFileMaps: false,
  faultSelectsByType: false,
  snapshotReportsOrder: false,
  hmmDmirrorAlias: false,
};

t.test('every value of every generation', async (t) => {
  t.strictSame(
    generations.map(({ id }) => id),
    ['rfc-cdm', 'hmm-v25', 'v5-generic', 'v4-coherent', '6.1', '6.12', '7.3'],
  );
  const [nodes, oldest, ...others] = generations;
  const { behaviours: coherent } = others[1]!;
  for (const { id, behaviours } of [nodes!, oldest!])
    t.strictSame(behaviours, { ...coherent, ...OLDEST }, id);
  others.forEach(({ id, behaviours }, column) => {
    t.strictSame(
      behaviours,
      Object.fromEntries(Object.entries(VALUES).map(([name, row]) => [name, row[column]])),
      id,
    );
  });
});

t.test('a kernel in between needs its version only', async (t) => {
  const { mprotectUpgradesPmd, mprotectUnaccounts, populateWalksVmas, follLongterm, exclusiveByPage } =
    resolve({
      version: '6.6.30',
    });
  t.strictSame(
    { mprotectUpgradesPmd, mprotectUnaccounts, populateWalksVmas, follLongterm, exclusiveByPage },
    {
      mprotectUpgradesPmd: true,
      mprotectUnaccounts: false,
      populateWalksVmas: true,
      follLongterm: 0x100,
      exclusiveByPage: false,
    },
  );
  t.equal(resolve({ version: '6.15' }).exclusiveByPage, true);
});

t.test('since, until, values and postings of an entry', async (t) => {
  const text = { what: 'x', source: 'mm/x.c x' };
  const at = (entry: Resolvable, ...versions: string[]) =>
    versions.map((version) => valueIn(entry, { version }));
  t.strictSame(at(text, '2.6', '6.12'), [true, true]);
  t.strictSame(at({ ...text, since: ['6.2'] }, '6.1.192', '6.2', '6.12'), [false, true, true]);
  t.strictSame(at({ ...text, until: ['6.9'] }, '6.8.12', '6.9', '6.12'), [true, false, false]);
  t.strictSame(at({ ...text, since: ['6.2'], until: ['6.9'] }, '6.1', '6.2', '6.8', '6.9'), [
    false,
    true,
    true,
    false,
  ]);
  const except = { since: ['5.14'], until: ['6.1', '5.15.9'] };
  t.strictSame(at({ ...text, except }, '5.13', '5.14', '5.15.9', '5.16', '6.1'), [
    true,
    false,
    true,
    false,
    true,
  ]);
  t.strictSame(at({ ...text, since: [] }, '5.14', '9.0'), [false, false]);
  t.strictSame(at({ ...text, values: [7, 9], since: ['6.3'] }, '6.2.1', '6.3'), [7, 9]);
  const posted: Resolvable = { ...text, since: ['6.2'], postings: { early: true } };
  t.equal(valueIn(posted, { version: '6.1', posting: 'early' }), true);
  t.equal(valueIn(posted, { version: '6.1', posting: 'other' }), false);
});

t.test('each entry says what it is and which function decides', async (t) => {
  const entries: Readonly<Record<string, Entry>> = registry;
  const kernelFile = /^(?:(?:arch\/x86|mm|fs|lib|include|drivers)\/[\w/-]+\.[ch]|cover letter\b)/;
  const posted = generations.map(({ id }) => id).filter((id) => /^(?:v|hmm-)/.test(id));
  for (const name of behaviourNames) {
    const { what, source, postings = {} } = entries[name]!;
    t.not(what, '', name);
    t.match(source, kernelFile, name);
    t.strictSame(
      Object.keys(postings).filter((posting) => !posted.includes(posting)),
      [],
      `${name} knows its postings`,
    );
  }
});
