// SPDX-License-Identifier: GPL-2.0-only
/** What every key of a document means, for editors and the reference: the one table for both. */

/** A name of a few words, and a sentence. */
export interface Text {
  readonly title: string;
  readonly description: string;
}

const text = (title: string, description: string): Text => ({ title, description });

/** Keys of the document. */
export const DOCUMENT: Readonly<Record<string, Text>> = {
  version: text('version', 'Version of the format; there is 1 only, and it may be left out.'),
  name: text('name', 'What the scenario is called, in one line; results are told under this name.'),
  kernel: text('kernel', 'The kernel that it runs on; quote 6.1 and 6.12. v5-generic where it is left out.'),
  source: text(
    'source',
    'Where its expectations are from: a recording, a run, a report. Nothing is made of it.',
  ),
  machine: text('machine', 'What the machine is like before the module is loaded.'),
  load: text('load', 'What loading test_hmm does, where that is not 0: a ret, or an oops.'),
  dmesg: text('dmesg', 'Texts that lines of the kernel log have, in this order.'),
  warnings: text('warnings', 'The kernel functions that warn, all of them, in this order.'),
  steps: text('steps', 'What the processes do, one step after the other.'),
};

/** Keys of the machine block. */
export const MACHINE: Readonly<Record<string, Text>> = {
  profile: text(
    'profile',
    'mm-ci: a machine as linux-mm tests on, whose module is built in and has no special purpose memory, with THP always, 2 GiB of swap, two nodes and oops=panic; other keys go before it.',
  ),
  spm: text('spm', 'spm_addr_dev0 and spm_addr_dev1: where the memory of the two coherent devices begins.'),
  spmMemory: text('spmMemory', 'false: no memory is reserved at the spm addresses.'),
  memory: text('memory', 'RAM: bytes, or a string as "6G".'),
  modprobe: text(
    'modprobe',
    'Modules of other drivers that are loaded, with their parameters: kvm_hv, "kvm_hv,sim_secmem=4194304".',
  ),
  swap: text('swap', 'A swap device of that size, a RAM disk: bytes, or a string as "256M".'),
  hugepages: text('hugepages', 'Huge pages of 2 MiB in the pool.'),
  thp: text('thp', 'Transparent huge pages: always, madvise (for what asks for them), or never.'),
  physBits: text(
    'physBits',
    'Bits of a physical address, 46 where it is left out: private device memory lies at their end.',
  ),
  kaslr: text(
    'kaslr',
    'true: the kernel has its own maps at addresses of chance; no kernel here gives up physical addresses for that.',
  ),
  nodes: text(
    'nodes',
    'NUMA nodes, 1 where it is left out: the RAM is shared out among them, in order of address; the processor is on the first.',
  ),
  module: text('module', 'false: test_hmm is not loaded.'),
  bugs: text('bugs', 'Bugs that this kernel does not have and is to have; "hmm-sim bugs" lists them.'),
  fixes: text('fixes', 'Bugs that this kernel has and is not to have.'),
  seed: text('seed', 'Decides what a real machine leaves to chance; 0 where it is left out.'),
};

/** Keys of steps, whichever have them; those of one step alone under "op.key". */
export const FIELDS: Readonly<Record<string, Text>> = {
  op: text('op', 'What is done: a step, or a command of the driver by its name; in any case.'),
  cmd: text('cmd', 'The command of the driver, with or without HMM_DMIRROR_; in any case.'),
  as: text('as', 'The process that acts; p0 where it is left out, others after a fork.'),
  expect: text('expect', 'What the step answers. Keys that it does not name are free.'),
  fd: text('fd', 'An open device file of the process, by the name that open gave it.'),
  'mmap.fd': text('fd', 'The open device file that is mapped (backing: device).'),
  device: text(
    'device',
    "Minor number of /dev/hmm_dmirrorN, or that path; the name of another driver's device file.",
  ),
  region: text('region', 'A region of memory, or pages of it: r0, r0[2], r0[1..3], r0[1..].'),
  page: text('page', 'The first page, counted from the beginning of the region.'),
  pages: text('pages', 'How many pages; all of the region where neither page nor pages is there.'),
  prot: text('prot', 'Protection: none, r, w, rw, or PROT_READ|PROT_WRITE.'),
  share: text('share', 'private or shared, as MAP_PRIVATE and MAP_SHARED.'),
  backing: text(
    'backing',
    'What is mapped: anonymous memory, huge pages, a memfd, a file on a disk (ext4), a file of a DAX file system, or a device file.',
  ),
  disk: text('disk', 'The persistent memory device (nd_pmem): pmem0 or pmem1.'),
  'mmap.disk': text('disk', 'The device whose file system has the file (backing: dax), pmem0 unless told.'),
  'unlink.disk': text('disk', 'The device whose file system has the file, pmem0 unless told.'),
  cgroup: text('cgroup', 'A memory cgroup: c0, c1 ...; memory/c0 is one of the first hierarchy.'),
  limit: text('limit', 'How much may be charged: bytes, 64K, 1M, 1G; max: no limit.'),
  'cgroup_moves.value': text(
    'value',
    'What comes along with a process: 1 anonymous memory, 2 files, 3 both; 0 nothing.',
  ),
  fs: text('fs', 'The file system: ext4, xfs, or fuse.'),
  replace: text('replace', 'true: what is mapped there may go, as with MAP_FIXED.'),
  flags: text('flags', 'Flags of mmap() instead of share, backing and replace: MAP_PRIVATE|MAP_ANONYMOUS.'),
  advice: text('advice', 'What madvise() is told, with or without MADV_.'),
  to: text('to', 'Where the pages go: a place, as r1[2] or as a mapping of region and page.'),
  word: text('word', 'The 32-bit word that fills page i, counted up: word + i.'),
  'load.word': text('word', 'The word that is expected first; each one that differs is "mixed", else "ok".'),
  step: text('step', 'Word i is word + i * step, so that no two words of a page are alike.'),
  offset: text('offset', 'The first word of the pages that is accessed.'),
  words: text('words', 'How many words are accessed.'),
  add: text('add', 'Added to each word once it is loaded and compared, and written back.'),
  toPages: text('toPages', 'How many pages the mapping is to have, where it stays where it is.'),
  dontunmap: text('dontunmap', 'true: what is moved stays mapped, empty (MREMAP_DONTUNMAP).'),
  policy: text(
    'policy',
    'Where memory is to come from: default; preferred, from the first node while it has some; bind, from these nodes alone; interleave, from each in turns; local, from that of the processor.',
  ),
  nodes: text('nodes', 'NUMA nodes of the policy: [1].'),
  move: text(
    'move',
    'What is elsewhere moves: own, unless others map it, too (MPOL_MF_MOVE); all (MPOL_MF_MOVE_ALL).',
  ),
  strict: text('strict', 'true: what stays elsewhere is an error (MPOL_MF_STRICT).'),
  from: text('from', 'Nodes whose pages move.'),
  onto: text('onto', 'Nodes that they move to, in the same order.'),
  node: text('node', 'The node that the pages are to move to.'),
  of: text('of', 'The process whose memory it is.'),
  force: text('force', 'true: through /proc/PID/mem, which protection does not stop (FOLL_FORCE).'),
  mode: text('mode', 'Which faults: on missing pages, on pages that are write-protected.'),
  wp: text('wp', 'true: the pages are write-protected.'),
  value: text(
    'value',
    'What FLAGS sets, in the place of the page count: 1 makes the next allocation of a migration fail.',
  ),
  toDevice: text('toDevice', 'true: to the device; false: back to system memory (MIGRATE of v5-generic).'),
  buffer: text('buffer', 'The memory that the command copies from or to, instead of a buffer of its own.'),
  command: text('command', 'A command that the driver defines: NAME, or DRIVER.NAME where several have it.'),
  'driver.word': text(
    'word',
    'The word that fills page i of the buffer that the command is given, counted up.',
  ),
  request: text('request', 'Number of the ioctl, with its direction and size, as _IOWR() makes it.'),
  struct: text(
    'struct',
    'What the struct of the ioctl is made of: bytes in hexadecimal, and places whose addresses it has (r0[1]).',
  ),
  nr: text('nr', 'Number of the ioctl.'),
  'ioctl_raw.offset': text(
    'offset',
    'Bytes from the beginning of the region, backwards where negative; any 64-bit number, a string over 2^53.',
  ),
  npages: text('npages', 'Any 64-bit number; a string where it is over 2^53.'),
  kind: text(
    'kind',
    'The call of gup_test: basic, fast, pin ...; GUP_BASIC_TEST and its like are taken, too.',
  ),
  background: text('background', 'true: where the step has to wait, other steps go on meanwhile.'),
  thread: text(
    'thread',
    'A thread of the process (t1) takes the step, after those that it was given before, while other steps go on; "await" tells its answer.',
  ),
  'await.thread': text(
    'thread',
    'The thread that is waited for until it has taken all its steps; each await tells what one of them answered.',
  ),
  'sync_file_range.wait': text('wait', 'true: until the pages are written; else it only begins.'),
  direct: text('direct', 'true: past the page cache (O_DIRECT), where a disk has the file.'),
  longterm: text('longterm', 'true: with FOLL_LONGTERM.'),
  write: text('write', 'true: pinned for writing.'),
  signal: text('signal', 'The signal that the process dies of: SIGABRT ...'),
  core: text(
    'core',
    'true: it may dump core (RLIMIT_CORE), which brings its pages back first, where the signal does dump.',
  ),
  'make_it_fail.value': text('value', '1: allocations of pages fail from now on; 0: no longer.'),
  'mce_kill.policy': text(
    'policy',
    'When the process is told of memory that the hardware has lost: early, at once (SIGBUS, with which it dies here); late, when it comes for it; default, as is said for everybody.',
  ),
  'mce_kill.everybody': text(
    'everybody',
    'true: all processes that say nothing themselves (vm.memory_failure_early_kill): at once for early, else late.',
  ),
  child: text('child', 'The name of the child: p1, p2 ...'),
};

/** Keys of an expectation. */
export const RESULTS: Readonly<Record<string, Text>> = {
  ret: text('ret', '0, or the name of the errno; a sign before it is taken, too.'),
  cpages: text('cpages', 'Pages that the driver copied: pages migrated, or accessed.'),
  faults: text('faults', 'Faults that the device took before the command went through.'),
  answer: text(
    'answer',
    'What the command answered beside ret, by the name that the driver has for it: H_STATE ...',
  ),
  data: text('data', 'Per page the word that it is full of, or "mixed", as the device sees it.'),
  perm: text('perm', 'Per page what the device sees of it: where it is, and what it may do there.'),
  type: text('type', 'Which memory the device has.'),
  pages: text('pages', 'Per page the word that the CPU loads, "mixed", "ok", or the signal.'),
  map: text('map', 'Per page its entry in /proc/self/pagemap.'),
  core: text('core', 'Per page 1 where it is in memory, else 0.'),
  struct: text('struct', 'The bytes of the struct when the ioctl has answered, in hexadecimal.'),
  stays: text('stays', 'Pages that did not move.'),
  nodes: text('nodes', 'Per page the node that it is on, or an errno name.'),
  bytes: text('bytes', 'Bytes that were read or written.'),
  pinned: text('pinned', 'Pages that gup_test pinned, or that get got.'),
  oops: text('oops', 'The kernel dies in this function; no step follows.'),
  waits: text('waits', 'The step waits in the background, in this function; "await" tells how it ends.'),
  hang: text('hang', 'The step never comes back; the function that waits.'),
};

/** Keys of a place or a buffer. */
export const PLACE: Readonly<Record<string, Text>> = {
  region: text('region', 'A region: r0, r1 ...'),
  page: text('page', 'A page of it.'),
  offset: text('offset', 'A byte of the page, 0 where it is left out.'),
};

/** Words that stand for something, by the key that has them. */
export const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  perm: {
    NONE: 'the device may not access the page, or nothing is there',
    ERROR: 'there is no mapping, or no page can be had',
    READ: 'the device may read',
    WRITE: 'the device may read and write',
    ZERO: "the kernel's page of zeros",
    DEV_PRIVATE_LOCAL: 'in private memory of this device',
    DEV_PRIVATE_REMOTE: 'in private memory of another device',
    DEV_COHERENT_LOCAL: 'in coherent memory of this device',
    DEV_COHERENT_REMOTE: 'in coherent memory of another device',
    DEV_GENERIC: 'in generic memory of a device (v5-generic)',
    PMD: 'mapped by a huge entry of 2 MiB',
    PUD: 'mapped by a huge entry of 1 GiB',
    '0x60': 'a byte that has no name on this kernel, in hexadecimal',
  },
  type: {
    PRIVATE: 'memory that the CPU cannot access',
    GENERIC: 'memory that the CPU can access (v5-generic)',
    COHERENT: 'memory that the CPU can access (v4-coherent)',
  },
  pages: {
    ok: 'the store went through; or the words are as expected',
    mixed: 'not one word all over the page; or not the words that were expected',
    SIGSEGV: 'the process got this signal: no mapping, or no permission',
    SIGBUS: 'the process got this signal: there is no page to be had',
  },
  data: { mixed: 'not one word all over the page' },
  map: {
    '.': 'nothing is mapped',
    P: 'present',
    S: 'an entry that is not present: on a device, exclusive to one, swapped',
    f: 'of a file, or shared',
    x: 'mapped by this process alone',
  },
};
