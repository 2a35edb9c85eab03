// SPDX-License-Identifier: GPL-2.0-only
/** C of the steps that let the kernel copy: files, other processes, mincore, userfaultfd. */

export const TRANSFER_PAGES = `
/* Pages of the program's own that are no part of any step's regions. */
static uint32_t *transfer_pages(unsigned long pages)
{
	static uint32_t *buffer;
	static unsigned long room;

	if (pages > room) {
		if (buffer)
			munmap(buffer, room * PAGE_BYTES);
		room = pages < 64 ? 64 : pages;
		buffer = mmap(NULL, room * PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (buffer == MAP_FAILED)
			give_up("a buffer");
	}
	return buffer;
}
`;

export const TRANSFER_WORDS = `
/* The same, page i full of word + i. */
static uint32_t *transfer_words(unsigned long pages, uint32_t word)
{
	uint32_t *buffer = transfer_pages(pages);

	for (unsigned long i = 0; i < pages * WORDS_PER_PAGE; i++)
		buffer[i] = word + (uint32_t)(i / WORDS_PER_PAGE);
	return buffer;
}
`;

export const ANSWER_BYTES = `
/* What a transfer returned. */
static void answer_bytes(long bytes)
{
	answer_call(bytes);
	if (bytes >= 0)
		emit(",'bytes':%ld", bytes);
}
`;

export const ARRIVED = `
/* What a transfer returned, and the whole pages that arrived. */
static void answer_arrived(long bytes, const uint32_t *buffer)
{
	answer_bytes(bytes);
	if (bytes < 0)
		return;
	emit(",'data':[");
	for (long i = 0; (i + 1) * (long)PAGE_BYTES <= bytes; i++)
		emit_word(buffer + i * WORDS_PER_PAGE, i ? "," : "");
	emit("]");
}
`;

export const FREAD = `
static void take_fread(const struct step *step)
{
	int fd = file_of(step->region, step->npages + step->pages);
	off_t at = (off_t)(step->npages * PAGE_BYTES);
	uint32_t *buffer;

	fcntl(fd, F_SETFL, step->flags);	/* O_DIRECT, or not */
	if (step->buffer) {
		answer_bytes(pread(fd, (void *)step->buffer, step->pages * PAGE_BYTES, at));
		return;
	}
	buffer = transfer_pages(step->pages);
	answer_arrived(pread(fd, buffer, step->pages * PAGE_BYTES, at), buffer);
}
`;

export const FWRITE = `
static void take_fwrite(const struct step *step)
{
	int fd = file_of(step->region, step->npages + step->pages);
	void *from = (void *)step->buffer;

	fcntl(fd, F_SETFL, step->flags);
	if (!from)
		from = transfer_words(step->pages, step->word);
	answer_bytes(pwrite(fd, from, step->pages * PAGE_BYTES, (off_t)(step->npages * PAGE_BYTES)));
}
`;

export const TRUNCATE = `
static void take_truncate(const struct step *step)
{
	answer_call(ftruncate(known_file(step->region), (off_t)(step->pages * PAGE_BYTES)));
}
`;

export const FSYNC = `
static void take_fsync(const struct step *step)
{
	answer_call(fsync(known_file(step->region)));
}
`;

export const SYNC_FILE_RANGE = `
static void take_sync_file_range(const struct step *step)
{
	answer_call(sync_file_range(known_file(step->region), (off_t)(step->npages * PAGE_BYTES),
				    (off_t)(step->pages * PAGE_BYTES), step->flags));
}
`;

export const PUNCH = `
static void take_punch(const struct step *step)
{
	answer_call(fallocate(known_file(step->region), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)(step->npages * PAGE_BYTES), (off_t)(step->pages * PAGE_BYTES)));
}
`;

export const SCRATCH = `
/* The file that read and write steps transfer from and to. */
static int scratch_file(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("scratch", 0);
	if (fd < 0)
		give_up("a scratch file");
	return fd;
}
`;

export const READ = `
static void take_read(const struct step *step)
{
	uint32_t *words = transfer_words(64, step->word);

	if (pwrite(scratch_file(), words, 64 * PAGE_BYTES, 0) != 64 * PAGE_BYTES)
		give_up("filling the scratch file");
	answer_bytes(pread(scratch_file(), (void *)step->addr, step->pages * PAGE_BYTES, 0));
}
`;

export const WRITE = `
static void take_write(const struct step *step)
{
	long bytes = pwrite(scratch_file(), (void *)step->addr, step->pages * PAGE_BYTES, 0);
	int error = errno;
	uint32_t *buffer = transfer_pages(step->pages);

	if (bytes > 0 && pread(scratch_file(), buffer, (size_t)bytes, 0) != bytes)
		give_up("reading the scratch file");
	errno = error;
	answer_arrived(bytes, buffer);
}
`;

export const REMOTE = `
/* Between the buffer and another process's pages. */
static long transfer_remote(const struct step *step, void *buffer, bool write)
{
	size_t length = step->pages * PAGE_BYTES;
	struct iovec local = { buffer, length };
	struct iovec other = { (void *)step->addr, length };
	pid_t pid = shared->pids[step->other];
	char path[32];
	long bytes;
	int fd;

	if (!step->write) {
		if (write)
			return process_vm_writev(pid, &local, 1, &other, 1, 0);
		return process_vm_readv(pid, &local, 1, &other, 1, 0);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -1;
	bytes = write ? pwrite(fd, buffer, length, (off_t)step->addr)
		      : pread(fd, buffer, length, (off_t)step->addr);
	if (bytes < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return bytes;
	}
	close(fd);
	return bytes;
}
`;

export const PEEK = `
static void take_peek(const struct step *step)
{
	uint32_t *buffer = transfer_pages(step->pages);

	answer_arrived(transfer_remote(step, buffer, false), buffer);
}
`;

export const POKE = `
static void take_poke(const struct step *step)
{
	answer_bytes(transfer_remote(step, transfer_words(step->pages, step->word), true));
}
`;

export const MINCORE = `
static void take_mincore(const struct step *step)
{
	unsigned char *vec = (unsigned char *)transfer_pages(1 + step->pages / PAGE_BYTES);
	int ret = mincore((void *)step->addr, step->pages * PAGE_BYTES, vec);

	answer_call(ret);
	if (ret)
		return;
	emit(",'core':[");
	for (unsigned long i = 0; i < step->pages; i++)
		emit("%s%d", i ? "," : "", vec[i] & 1);
	emit("]");
}
`;

export const UFFD_FD = `
#include <linux/userfaultfd.h>

static int uffd = -1;
`;

export const UFFD = `
static void take_uffd(const struct step *step)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };

	(void)step;
	if (uffd >= 0)
		close(uffd);
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	answer_call(uffd < 0 ? -1 : ioctl(uffd, UFFDIO_API, &api));
}
`;

export const UFFD_RANGE = `
static struct uffdio_range range_of(const struct step *step)
{
	return (struct uffdio_range){ step->addr, step->pages * PAGE_BYTES };
}
`;

export const UFFD_REGISTER = `
static void take_uffd_register(const struct step *step)
{
	struct uffdio_register arg = { .range = range_of(step), .mode = (uint64_t)step->flags };

	answer_call(ioctl(uffd, UFFDIO_REGISTER, &arg));
}
`;

export const UFFD_UNREGISTER = `
static void take_uffd_unregister(const struct step *step)
{
	struct uffdio_range arg = range_of(step);

	answer_call(ioctl(uffd, UFFDIO_UNREGISTER, &arg));
}
`;

export const UFFD_FILLED = `
/* How far the kernel came stands beside an errno, too. */
static void answer_filled(int ret, int64_t bytes)
{
	answer_call(ret);
	if (uffd >= 0)
		emit(",'bytes':%ld", bytes < 0 ? 0L : (long)bytes);
}
`;

export const UFFD_COPY = `
static void take_uffd_copy(const struct step *step)
{
	struct uffdio_copy arg = {
		.dst = step->addr,
		.src = (uint64_t)transfer_words(step->pages, step->word),
		.len = step->pages * PAGE_BYTES,
		.mode = step->write ? UFFDIO_COPY_MODE_WP : 0,
	};
	int ret = ioctl(uffd, UFFDIO_COPY, &arg);

	answer_filled(ret, arg.copy);
}
`;

export const UFFD_ZERO = `
static void take_uffd_zero(const struct step *step)
{
	struct uffdio_zeropage arg = { .range = range_of(step) };
	int ret = ioctl(uffd, UFFDIO_ZEROPAGE, &arg);

	answer_filled(ret, arg.zeropage);
}
`;

export const UFFD_WP = `
static void take_uffd_wp(const struct step *step)
{
	struct uffdio_writeprotect arg = {
		.range = range_of(step),
		.mode = step->write ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	answer_call(ioctl(uffd, UFFDIO_WRITEPROTECT, &arg));
}
`;

export const MREMAP_IN_PLACE = `
static void take_mremap_in_place(const struct step *step)
{
	answer_call((long)mremap((void *)step->addr, step->pages * PAGE_BYTES,
				 step->npages * PAGE_BYTES, 0));
}
`;

// --- references that are kept -----------------------------------------------------------------------------

export const KEPT_PAGES = `
/* A pipe, which keeps pages that vmsplice() gave it with references and no pins; a child has it, too. */
static int kept_pages[2] = { -1, -1 };

static void open_kept_pages(void)
{
	if (kept_pages[0] < 0 && pipe2(kept_pages, O_NONBLOCK))
		give_up("a pipe");
}
`;

export const GET = `
static void take_get(const struct step *step)
{
	struct iovec pages = { .iov_base = (void *)step->addr };
	unsigned long ready = 0;
	int held, room;
	int failed = 0;
	long got = 0;

	/* For writing, page by page, as far as that goes. */
	while (ready < step->pages) {
		void *page = (void *)(step->addr + ready * PAGE_BYTES);

		if (madvise(page, PAGE_BYTES, MADV_POPULATE_WRITE)) {
			failed = errno;
			break;
		}
		ready++;
	}
	if (failed && !ready) {
		answer(EFAULT);
		return;
	}
	open_kept_pages();
	if (ioctl(kept_pages[0], FIONREAD, &held))
		give_up("a pipe");
	room = (int)((unsigned long)held + (ready + 1) * PAGE_BYTES);
	if (fcntl(kept_pages[1], F_SETPIPE_SZ, room) < 0)
		give_up("a larger pipe");
	pages.iov_len = ready * PAGE_BYTES;
	if (ready)
		got = vmsplice(kept_pages[1], &pages, 1, SPLICE_F_NONBLOCK);
	if (got < 0) {
		answer(errno);
		return;
	}
	answer(0);
	emit(",'pinned':%ld", got / (long)PAGE_BYTES);
}
`;

export const PUT = `
static void take_put(const struct step *step)
{
	static char sink[PAGE_BYTES];

	(void)step;
	open_kept_pages();
	while (read(kept_pages[0], sink, sizeof(sink)) > 0)
		;
	answer(0);
}
`;
