// SPDX-License-Identifier: GPL-2.0-only
/** C of the steps that need no driver: mappings, loads and stores, /proc/self/pagemap, fork. */
/** A system call on a range, as a step. */
function rangeCall(name: string, call: string): string {
  return `
static void take_${name}(const struct step *step)
{
	answer_call(${call});
}
`;
}

const RANGE = '(void *)step->addr, step->pages * PAGE_BYTES';

export const MMAP = `
static void map(const struct step *step, int fd)
{
	answer_call((long)mmap((void *)step->addr, step->pages * PAGE_BYTES,
			       step->prot, step->flags | MAP_FIXED, fd, 0));
}
`;

export const MMAP_ANON = `
static void take_mmap(const struct step *step)
{
	map(step, -1);
}
`;

export const MEMFDS = `
/* One memfd for each region, made when it is first needed; children have them too. */
static int memfds[NR_REGIONS] = { [0 ... NR_REGIONS - 1] = -1 };
`;

export const MEMFD_OF = `
static int memfd_of(int region, unsigned long pages)
{
	int *fd = &memfds[region];
	char name[16];

	if (*fd < 0) {
		snprintf(name, sizeof(name), "r%d", region);
		*fd = memfd_create(name, 0);
		if (*fd >= 0 && ftruncate(*fd, (off_t)(pages * PAGE_BYTES)))
			give_up("ftruncate of a memfd");
	}
	return *fd;
}
`;

export const MMAP_FILE = `
static void take_mmap_file(const struct step *step)
{
	map(step, memfd_of(step->region, step->pages));
}
`;

export const DISK_FILES = `
/* The file on ext4 of each region that was mapped from one; children have them too. */
static int disk_files[NR_REGIONS] = { [0 ... NR_REGIONS - 1] = -1 };
`;

export const DISK_FILE_OF = `
#include <linux/magic.h>
#include <sys/vfs.h>

static int disk_file_of(int region, unsigned long pages)
{
	int *fd = &disk_files[region];
	struct statfs fs;

	if (*fd < 0) {
		*fd = open("/var/tmp", O_TMPFILE | O_RDWR, 0600);
		if (*fd < 0 || fstatfs(*fd, &fs) || fs.f_type != EXT4_SUPER_MAGIC)
			give_up("a file in /var/tmp, which has to be on ext4");
		if (ftruncate(*fd, (off_t)(pages * PAGE_BYTES)))
			give_up("ftruncate of a file in /var/tmp");
	}
	return *fd;
}
`;

export const FILE_OF = `
static int file_of(int region, unsigned long pages)
{
	return disk_files[region] >= 0 ? disk_files[region] : memfd_of(region, pages);
}
`;

export const KNOWN_FILE = `
static int known_file(int region)
{
	return disk_files[region] >= 0 ? disk_files[region] : memfds[region];
}
`;

export const MMAP_DISK = `
static void take_mmap_disk(const struct step *step)
{
	map(step, disk_file_of(step->region, step->pages));
}
`;

export const DAX_DISKS = `
#include <sys/mount.h>

/* Where each device is mounted. */
static const char *const dax_disks[] = { "pmem0", "pmem1" };

static const char *dax_path(const char *directory, int disk, int region)
{
	static char path[64];

	if (region < 0)
		snprintf(path, sizeof(path), "%s/%s", directory, dax_disks[disk]);
	else
		snprintf(path, sizeof(path), "%s/%s/r%d", directory, dax_disks[disk], region);
	return path;
}
`;

export const MMAP_DAX = `
static void take_mmap_dax(const struct step *step)
{
	int *fd = &disk_files[step->region];

	if (*fd < 0) {
		*fd = open(dax_path("/mnt", step->device, step->region), O_CREAT | O_RDWR, 0600);
		if (*fd < 0 || ftruncate(*fd, (off_t)(step->pages * PAGE_BYTES)))
			give_up("a file of a file system that is mounted with -o dax");
	}
	map(step, *fd);
}
`;

export const MOUNT = `
static void take_mount(const struct step *step)
{
	static const char *const types[] = { "ext4", "xfs", "fuse" };
	char device[64];

	snprintf(device, sizeof(device), "/dev/%s", dax_disks[step->device]);
	answer_call(mount(device, dax_path("/mnt", step->device, -1), types[step->flags], 0, "dax"));
}
`;

export const UMOUNT = `
static void take_umount(const struct step *step)
{
	answer_call(umount(dax_path("/mnt", step->device, -1)));
}
`;

export const UNLINK = `
static void take_unlink(const struct step *step)
{
	answer_call(unlink(dax_path("/mnt", step->device, step->region)));
}
`;

export const MMAP_DEVICE = `
static void take_mmap_device(const struct step *step)
{
	map(step, fds[step->fd]);
}
`;

export const MUNMAP = rangeCall('munmap', `munmap(${RANGE})`);
export const MLOCK = rangeCall('mlock', `mlock(${RANGE})`);
export const MUNLOCK = rangeCall('munlock', `munlock(${RANGE})`);
export const MPROTECT = rangeCall('mprotect', `mprotect(${RANGE}, step->prot)`);
export const MSYNC = rangeCall('msync', `msync(${RANGE}, MS_SYNC)`);
export const MADVISE = rangeCall('madvise', `madvise(${RANGE}, step->flags)`);

export const MREMAP = `
static void take_mremap(const struct step *step)
{
	unsigned long bytes = step->pages * PAGE_BYTES;

	answer_call((long)mremap((void *)step->addr, bytes, bytes,
				 MREMAP_MAYMOVE | MREMAP_FIXED | step->flags,
				 step->to));
}
`;

export const PAGE_WORD = `
/* The word that fills a page, or that there is none. */
static void emit_word(const volatile uint32_t *page, const char *comma)
{
	uint32_t word = page[0];
	bool mixed = false;

	for (int i = 1; i < WORDS_PER_PAGE; i++)
		mixed |= page[i] != word;
	if (mixed)
		emit("%s'mixed'", comma);
	else
		emit("%s%u", comma, word);
}
`;

export const ACCESSES = `
/* Loads and stores that survive SIGSEGV and SIGBUS. */

static sigjmp_buf landing;
static volatile sig_atomic_t flying;

static void land(int signo)
{
	if (flying)
		siglongjmp(landing, signo);
	/* A fault of the program's own: taken again, it kills. */
	signal(signo, SIG_DFL);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = land, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Call access(); Return: 0, or the signal that ended it. */
static int guarded(void (*access)(unsigned long addr, uint32_t word, const char *comma),
		   unsigned long addr, uint32_t word, const char *comma)
{
	int signo = sigsetjmp(landing, 0);

	if (signo == 0) {
		flying = 1;
		access(addr, word, comma);
	}
	flying = 0;
	return signo;
}
`;

export const PAGES = `
static void access_pages(const struct step *step,
			 void (*access)(unsigned long addr, uint32_t word, const char *comma))
{
	emit("'pages':[");
	for (unsigned long i = 0; i < step->pages; i++) {
		const char *comma = i ? "," : "";
		int signo = guarded(access, step->addr + i * PAGE_BYTES,
				    step->word + (uint32_t)i, comma);

		if (signo)
			emit("%s'%s'", comma, signo == SIGBUS ? "SIGBUS" : "SIGSEGV");
	}
	emit("]");
}
`;

export const STORE = `
static void store_page(unsigned long addr, uint32_t word, const char *comma)
{
	volatile uint32_t *page = (volatile uint32_t *)addr;

	for (int i = 0; i < WORDS_PER_PAGE; i++)
		page[i] = word;
	emit("%s'ok'", comma);
}

static void take_store(const struct step *step)
{
	access_pages(step, store_page);
}
`;

export const LOAD = `
static void load_page(unsigned long addr, uint32_t unused, const char *comma)
{
	(void)unused;
	emit_word((const volatile uint32_t *)addr, comma);
}

static void take_load(const struct step *step)
{
	access_pages(step, load_page);
}
`;

export const WORDS = `
/* Words of the range, those on each page together: store_words() and load_words() of a page. */

static const struct step *accessing;
static unsigned long word_index;		/* of the page's first, counted from the step's first */

static unsigned long words_on_page(unsigned long addr)
{
	unsigned long room = WORDS_PER_PAGE - addr % PAGE_BYTES / 4;
	unsigned long left = accessing->words - word_index;

	return left < room ? left : room;
}

static void access_words(const struct step *step,
			 void (*access)(unsigned long addr, uint32_t word, const char *comma))
{
	unsigned long addr = step->addr + step->first * 4;

	accessing = step;
	emit("'pages':[");
	for (word_index = 0; word_index < step->words;) {
		const char *comma = word_index ? "," : "";
		unsigned long count = words_on_page(addr);
		uint32_t word = step->word + (uint32_t)word_index * step->increment;
		int signo = guarded(access, addr, word, comma);

		if (signo)
			emit("%s'%s'", comma, signo == SIGBUS ? "SIGBUS" : "SIGSEGV");
		word_index += count;
		addr += count * 4;
	}
	emit("]");
}
`;

export const STORE_WORDS = `
static void store_words(unsigned long addr, uint32_t word, const char *comma)
{
	volatile uint32_t *words = (volatile uint32_t *)addr;
	unsigned long count = words_on_page(addr);

	for (unsigned long i = 0; i < count; i++)
		words[i] = word + (uint32_t)i * accessing->increment;
	emit("%s'ok'", comma);
}

static void take_store_words(const struct step *step)
{
	access_words(step, store_words);
}
`;

export const LOAD_WORDS = `
static void load_words(unsigned long addr, uint32_t word, const char *comma)
{
	volatile uint32_t *words = (volatile uint32_t *)addr;
	unsigned long count = words_on_page(addr);
	uint32_t first = words[0];
	bool as_said = accessing->compare, mixed = false;

	for (unsigned long i = 0; i < count; i++) {
		uint32_t seen = words[i];

		as_said = as_said && seen == word + (uint32_t)i * accessing->increment;
		mixed = mixed || seen != first;
		if (accessing->add)
			words[i] = seen + accessing->add;
	}
	if (as_said)
		emit("%s'ok'", comma);
	else if (mixed)
		emit("%s'mixed'", comma);
	else
		emit("%s%u", comma, first);
}

static void take_load_words(const struct step *step)
{
	access_words(step, load_words);
}
`;

export const PAGEMAP = `
static void emit_mapping(uint64_t entry, const char *comma)
{
	bool present = entry >> 63 & 1;
	bool swap = entry >> 62 & 1;

	if (!present && !swap)
		emit("%s'.'", comma);
	else
		emit("%s'%s%s%s'", comma, present ? "P" : "S",
		     entry >> 61 & 1 ? "f" : "", entry >> 56 & 1 ? "x" : "");
}

static void take_pagemap(const struct step *step)
{
	/* The file stays bound to the memory of the process that opened it. */
	static int fd = -1, owner = -1;
	unsigned long done = 0;
	uint64_t entries[512];

	if (owner != me) {
		if (fd >= 0)
			close(fd);
		fd = open("/proc/self/pagemap", O_RDONLY);
		owner = me;
	}
	emit("'map':[");
	while (done < step->pages) {
		unsigned long left = step->pages - done;
		size_t bytes = (left < 512 ? left : 512) * sizeof(entries[0]);
		ssize_t got = pread(fd, entries, bytes,
				    (off_t)((step->addr / PAGE_BYTES + done) * sizeof(entries[0])));

		if (got <= 0) {
			answer_call(got);
			return;
		}
		for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++)
			emit_mapping(entries[i], done + i ? "," : "");
		done += (size_t)got / sizeof(entries[0]);
	}
	emit("]");
}
`;

export const FORK = `
/* fork(), but the child is a sibling: the controller can wait for all alike. */
static void take_fork(const struct step *step)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		me = step->slot;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	if (pid > 0)
		shared->pids[step->slot] = (pid_t)pid;
	answer_call(pid);
}
`;

export const KILL = `
/* Whether a core file is written, and where, is up to kernel.core_pattern. */
static void take_kill(const struct step *step)
{
	struct rlimit core = { 0, 0 };

	if (step->write)
		core.rlim_cur = core.rlim_max = RLIM_INFINITY;
	setrlimit(RLIMIT_CORE, &core);
	signal(step->flags, SIG_DFL);
	raise(step->flags);
}
`;

export const WRITE_WORD = `
static void write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		give_up(path);
	close(fd);
}
`;

export const MCE_KILL = `
static void take_mce_kill(const struct step *step)
{
	if (!step->write) {
		answer_call(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, step->word, 0, 0));
		return;
	}
	write_word("/proc/sys/vm/memory_failure_early_kill",
		   step->word == PR_MCE_KILL_EARLY ? "1" : "0");
	answer_call(0);
}
`;

export const MAKE_IT_FAIL = `
/* Needs a kernel with CONFIG_FAIL_PAGE_ALLOC and CONFIG_FAULT_INJECTION_DEBUG_FS. */
static void take_make_it_fail(const struct step *step)
{
	static const char *const settings[][2] = {
		{ "task-filter", "Y" }, { "ignore-gfp-wait", "N" }, { "ignore-gfp-highmem", "N" },
		{ "min-order", "0" }, { "interval", "1" }, { "times", "-1" }, { "probability", "100" },
	};
	char path[64];
	unsigned int i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/fail_page_alloc/%s", settings[i][0]);
		write_word(path, settings[i][1]);
	}
	write_word("/proc/thread-self/make-it-fail", step->word ? "1" : "0");
	answer_call(0);
}
`;
