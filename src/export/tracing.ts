// SPDX-License-Identifier: GPL-2.0-only
/** C of --trace: the function tracer of the kernel that the program runs on, and a marker where each step begins. */
import { OTHER_NAMES, TRACED_FUNCTIONS, USER_FAULT } from '../generations/traced.js';

/** A kernel refuses those that it does not have. */
const NAMES = [...TRACED_FUNCTIONS, ...OTHER_NAMES.keys()]
  .filter((name) => name !== USER_FAULT)
  .map((name) => `\t"${name}",`)
  .join('\n');

export const TRACING = String.raw`
/* --trace: the kernel's function tracer, where there is one; a marker in its buffer begins each step. */

static const char *const traced_functions[] = {
${NAMES}
};

static const char *tracefs;	/* NULL: nothing is traced */
static int tracefs_fd = -1;
static int marker_fd = -1;

static bool trace_write(const char *file, int flags, const char *text)
{
	int fd = openat(tracefs_fd, file, O_WRONLY | O_CLOEXEC | flags);
	ssize_t length = (ssize_t)strlen(text);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, text, (size_t)length) == length;
	close(fd);
	return written;
}

static bool trace_set(const char *file, const char *text)
{
	return trace_write(file, O_TRUNC, text);
}

static void trace_faults(const char *on)
{
	trace_set("events/exceptions/page_fault_user/enable", on);
	trace_set("events/exceptions/page_fault_kernel/enable", on);
}

/* The directory is there without being mounted: only a marker that can be written counts. */
static bool open_tracefs(const char *path)
{
	tracefs_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tracefs_fd < 0)
		return false;
	marker_fd = openat(tracefs_fd, "trace_marker", O_WRONLY | O_CLOEXEC);
	if (marker_fd < 0)
		close(tracefs_fd);
	else
		tracefs = path;
	return tracefs;
}

static void start_tracing(void)
{
	const char *named = getenv("HMM_SIM_TRACEFS");
	unsigned int found = 0;
	char line[128];

	if (named ? !open_tracefs(named) :
		    !open_tracefs("/sys/kernel/tracing") && !open_tracefs("/sys/kernel/debug/tracing")) {
		fprintf(stderr, "--trace: %s: %s; nothing is traced\n", named ? named : "tracefs", strerror(errno));
		return;
	}
	trace_set("tracing_on", "0");
	trace_set("current_tracer", "nop");
	trace_set("set_ftrace_filter", "");
	for (size_t i = 0; i < sizeof(traced_functions) / sizeof(traced_functions[0]); i++) {
		snprintf(line, sizeof(line), "%s\n", traced_functions[i]);
		found += trace_write("set_ftrace_filter", O_APPEND, line);
	}
	trace_set("options/function-fork", "1");
	trace_set("options/event-fork", "1");
	trace_faults("1");
	trace_set("trace", "");
	if (!found || !trace_set("current_tracer", "function"))
		fprintf(stderr, "--trace: %s has no function tracer; only steps are marked\n", tracefs);
	trace_set("tracing_on", "1");
}

/* What this process and its children enter is traced, and of nobody else. */
static void trace_this_process(void)
{
	char pid[32];

	if (!tracefs)
		return;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	trace_set("set_ftrace_pid", pid);
	trace_set("set_event_pid", pid);
}

static void trace_mark(const char *text)
{
	if (marker_fd >= 0 && write(marker_fd, text, strlen(text)) < 0)
		fprintf(stderr, "--trace: trace_marker: %s\n", strerror(errno));
}

static void mark_step(const struct step *step)
{
	char text[512];

	snprintf(text, sizeof(text), "step %u of %s\n", (unsigned int)(step - scenario->steps), scenario->name);
	trace_mark(text);
}

static void mark_end(void)
{
	char text[512];

	snprintf(text, sizeof(text), "end of %s\n", scenario->name);
	trace_mark(text);
}

/* The trace stays to be read: another tracer, nop too, would empty it. */
static void stop_tracing(void)
{
	if (!tracefs)
		return;
	trace_set("tracing_on", "0");
	trace_faults("0");
	fprintf(stderr, "--trace: the trace is in %s/trace\n", tracefs);
}
`;
