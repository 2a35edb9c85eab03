// SPDX-License-Identifier: GPL-2.0-only
/** C that every exported program has: what a step is, how its answer is written, how processes obey. */

import { errnoName } from '../uapi/errno.js';

export const INCLUDES = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For a libc that is older than these. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
`;

/** Sizes of the program's tables: the most that any scenario in it needs. */
export interface Sizes {
  readonly processes: number;
  /** Processes that a scenario creates in all; names can be used again. */
  readonly slots: number;
  readonly fds: number;
  readonly regions: number;
  readonly answerBytes: number;
  /** Of the buffer that ioctls read and write. */
  readonly mirrorPages: number;
}

export function sizesPart(sizes: Sizes): string {
  return `
#define PAGE_BYTES	4096UL
#define WORDS_PER_PAGE	1024
#define MIRROR_PAGES	${sizes.mirrorPages}UL

#define NR_PROCESSES	${sizes.processes}
#define NR_SLOTS	${sizes.slots}
#define NR_FDS		${sizes.fds}
#define NR_REGIONS	${sizes.regions}
#define NR_SETUPS	3
#define ANSWER_BYTES	${sizes.answerBytes}UL

/* Page \`page\` of region \`region\`: each has a GiB of addresses of its own. */
#define AT(region, page) \\
	(0x200000000000UL + (region) * 0x40000000UL + (page) * PAGE_BYTES)
`;
}

export const TYPES = String.raw`
enum list { LIST_NOTHING, LIST_DATA, LIST_PERM, LIST_TYPE };

/* A key of an answer and its value, as JSON with ' for ". */
struct expectation {
	const char *key;
	const char *value;
};

#define EXPECT(...) (const struct expectation[]){ __VA_ARGS__, { NULL, NULL } }

/* What one process does next. Which fields count depends on take(). */
struct step {
	void (*take)(const struct step *step);	/* NULL: SIGKILL */
	const char *json;			/* the step, with ' for " */
	const struct expectation *expect;
	int as;					/* p0, p1 ... */
	int child;				/* fork: its name, */
	int slot;				/* and its place in shared->pids */
	int other;				/* peek, poke: whose memory, in shared->pids */
	int fd;
	int device;
	int region;
	unsigned long addr;
	unsigned long to;
	unsigned long pages;
	unsigned long long npages;		/* ioctl_raw */
	unsigned long request;
	unsigned long buffer;			/* instead of the mirror */
	unsigned long first;			/* store_words, load_words: words before the first, */
	unsigned long words;			/* and how many */
	uint32_t word;
	uint32_t increment;			/* from word to word */
	uint32_t add;
	bool compare;
	int prot;
	int flags;
	bool write;
	bool dies;				/* the process does not come back */
	bool to_device;
	enum list list;
};

struct scenario {
	const char *name;
	const char *head;			/* the document up to its steps */
	const struct step *steps;
	unsigned int nr_steps;
	unsigned int nr_expected;		/* steps that expect something */
	unsigned int devices;			/* bit N: needs /dev/hmm_dmirrorN */
	bool gup;				/* needs gup_test */
	bool oopses;				/* is known to kill the kernel */
	void (*setups[NR_SETUPS])(void);	/* p0 does this first */
};

/* Memory of the controller and of all processes that it drives. */
struct shared {
	pid_t pids[NR_SLOTS];			/* 0: gone, or not there yet */
	size_t used;
	char answer[ANSWER_BYTES];
};

static struct shared *shared;
static const struct scenario *scenario;
static int me;					/* this process's slot */
static int commands[NR_SLOTS][2];
static int replies[2];

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}
`;

/** Every errno that Linux has: the program answers for a real kernel. */
function errnoNames(): string[] {
  const names: string[] = [];
  for (let errno = 1; errno < 134; errno++) {
    const name = errnoName(errno);
    if (name !== String(errno)) names.push(name);
  }
  return names;
}

function lines(words: readonly string[], perLine: number): string {
  const rows: string[] = [];
  for (let i = 0; i < words.length; i += perLine) rows.push(`\t${words.slice(i, i + perLine).join(' ')}`);
  return rows.join('\n');
}

export function answersPart(): string {
  const table = lines(
    errnoNames().map((name) => `E(${name}),`),
    6,
  );
  return `
/* Answers: the inside of a JSON object, with ' for ". */

static void __attribute__((format(printf, 1, 2))) emit(const char *format, ...)
{
	size_t room = ANSWER_BYTES - shared->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(shared->answer + shared->used, room, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= room) {
		errno = E2BIG;
		give_up("an answer");
	}
	shared->used += (size_t)length;
}

#define E(name) { name, #name }
static const struct {
	int value;
	const char *name;
} errors[] = {
${table}
};

/* The answer so far is void: it is an error, or 0 for success. */
static void answer(int error)
{
	shared->used = 0;
	if (error == 0) {
		emit("'ret':0");
		return;
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].value == error) {
			emit("'ret':'%s'", errors[i].name);
			return;
		}
	}
	emit("'ret':'%d'", error);
}
`;
}

export const ANSWER_CALL = `
/* What a system call returned, as an answer. */
static void answer_call(long result)
{
	answer(result == -1 ? errno : 0);
}
`;

/** Between the steps that a process can take and their tables. */
export const PROCESS = `
/* A process: it takes the steps that it is told to, and says when it is done. */
static void __attribute__((noreturn)) obey(void)
{
	unsigned int index;
	int who;

	for (;;) {
		if (read(commands[me][0], &index, sizeof(index)) != sizeof(index))
			give_up("a process's next step");
		who = me;
		scenario->steps[index].take(&scenario->steps[index]);
		/* A child that was just born is not asked yet. */
		if (me == who && write(replies[1], "", 1) != 1)
			give_up("a process's reply");
	}
}

static void __attribute__((noreturn)) run_first_process(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me = 0;
	trace_this_process();
	for (int i = 0; i < NR_SETUPS; i++)
		if (scenario->setups[i])
			scenario->setups[i]();
	if (write(replies[1], "", 1) != 1)
		give_up("the first process's reply");
	obey();
}
`;
