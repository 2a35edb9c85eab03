// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked into an exported program in place of libc's open, access and ioctl: a driver that says yes to all.
 * Each call on it becomes a line in the file STUB_LOG; what is in the struct and in the mirror stands there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DMIRROR 'H'
#define GUP_TEST 'g'
#define MIRROR_BYTES (2048UL * 4096)

static void note(const char *format, ...)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("STUB_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	va_list args;

	va_start(args, format);
	vdprintf(fd, format, args);
	va_end(args);
	close(fd);
}

static int is_ours(const char *path)
{
	return !strncmp(path, "/dev/hmm_dmirror", 16) || !strcmp(path, "/sys/kernel/debug/gup_test");
}

int access(const char *path, int mode)
{
	return is_ours(path) ? 0 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int open(const char *path, int flags, ...)
{
	if (!strcmp(path, "/dev/kmsg"))
		path = getenv("STUB_KMSG");
	if (is_ours(path)) {
		note("open %s\n", path);
		path = "/dev/null";
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

/* "a5", or the first words of the first two pages. */
static void note_mirror(const uint8_t *mirror)
{
	const uint32_t *words = (const uint32_t *)mirror;
	size_t i = 0;

	while (i < MIRROR_BYTES && mirror[i] == 0xa5)
		i++;
	if (i == MIRROR_BYTES)
		note(" mirror=a5");
	else
		note(" mirror=%u,%u", words[0], words[1024]);
}

/* A kernel that dies in this process, as its log tells it. */
static void oops(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("STUB_KMSG"), O_WRONLY | O_APPEND, 0);

	dprintf(fd, "1,1,1,-;BUG: unable to handle page fault\n4,2,2,-;RIP: 0010:dmirror_do_read+0x1a/0x100\n");
	close(fd);
	raise(SIGKILL);
}

/* Every page of the answer holds its number plus 7, every permission is the page's number. */
static int dmirror_ioctl(unsigned long request, uint64_t *cmd)
{
	uint8_t *mirror = (uint8_t *)(uintptr_t)cmd[1];

	note("ioctl %08lx addr=%llx npages=%llu cpages=%llu faults=%llu", request, (unsigned long long)cmd[0],
	     (unsigned long long)cmd[2], (unsigned long long)cmd[3], (unsigned long long)cmd[4]);
	if (_IOC_SIZE(request) > 40)
		note(" more=%llx", (unsigned long long)cmd[5]);
	note_mirror(mirror);
	note("\n");
	if (getenv("STUB_OOPS") && _IOC_NR(request) == (unsigned long)atoi(getenv("STUB_OOPS")))
		oops();
	if (getenv("STUB_HANG"))
		for (;;)
			pause();
	for (uint64_t i = 0; i < cmd[2] && i < 2048; i++) {
		for (int j = 0; j < 1024; j++)
			((uint32_t *)mirror)[i * 1024 + (uint64_t)j] = (uint32_t)i + 7;
	}
	if (_IOC_NR(request) == 4)
		for (uint64_t i = 0; i < cmd[2] && i < 256; i++)
			mirror[i] = (uint8_t)i;
	cmd[3] = cmd[2];
	cmd[4] = 1;
	if (_IOC_SIZE(request) > 40)
		cmd[5] = 2;
	return 0;
}

static int gup_ioctl(unsigned long request, const uint64_t *arg)
{
	note("gup %08lx", request);
	for (size_t i = 0; i < _IOC_SIZE(request) / 8; i++)
		note(" %llx", (unsigned long long)arg[i]);
	note("\n");
	if (_IOC_NR(request) == 7) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd < 0) {
		errno = EBADF;
		return -1;
	}
	if (_IOC_TYPE(request) == DMIRROR)
		return dmirror_ioctl(request, arg);
	if (_IOC_TYPE(request) == GUP_TEST)
		return gup_ioctl(request, arg);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}
