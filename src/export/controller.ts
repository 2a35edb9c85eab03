// SPDX-License-Identifier: GPL-2.0-only
/** C of the process that drives the others: steps in order, and what it means when one does not come back. */

export const KERNEL_LOG = String.raw`
/* The kernel log since the program began, to see an oops. */

static int kmsg_fd = -1;

static void watch_kernel_log(void)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg_fd >= 0)
		lseek(kmsg_fd, 0, SEEK_END);
}

/* Copy the symbol in "RIP: 0010:symbol+0x1/0x2" or "pc : symbol+0x1/0x2". */
static bool symbol_in(const char *line, char symbol[128])
{
	const char *at = strstr(line, "RIP: 0010:");

	at = at ? at + strlen("RIP: 0010:") : strstr(line, "pc : ");
	if (!at)
		return false;
	return sscanf(strncmp(at, "pc : ", 5) ? at : at + 5, "%127[A-Za-z0-9_.]", symbol) == 1;
}

/* Did the kernel oops? Then symbol says where. A warning looks alike, but for its first line. */
static bool kernel_oopsed(char symbol[128])
{
	static const char *const signs[] = { "Oops", "BUG: ", "kernel BUG at", "general protection fault" };
	static bool oops;
	char record[8192];
	ssize_t length;

	while ((length = read(kmsg_fd, record, sizeof(record) - 1)) != 0) {
		if (length < 0) {
			/* Records that nobody read in time are lost; the next ones are there. */
			if (errno == EPIPE)
				continue;
			break;
		}
		record[length] = '\0';
		if (strstr(record, "WARNING: "))
			oops = false;
		for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
			oops = oops || strstr(record, signs[i]);
		if (oops && symbol_in(record, symbol))
			return true;
	}
	return false;
}
`;

export const CONTROLLER = String.raw`
/* The controller: it has a step taken, and waits for the answer. */

#ifndef STEP_TIMEOUT_MS
#define STEP_TIMEOUT_MS	60000
#endif
#define SLICE_MS	20

static int slot_of[NR_PROCESSES];	/* by name; -1: there is none */
static bool kernel_died;		/* an oops or a hang: nothing more is tried */

/* Return: is the process gone, its memory and files with it? */
static bool wait_gone(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 200000 };

	for (int tries = 0; tries < STEP_TIMEOUT_MS * 5; tries++) {
		if (waitpid(pid, NULL, WNOHANG))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Where the process sleeps. */
static void emit_hang(pid_t pid)
{
	char path[64], where[128] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%127[A-Za-z0-9_.]", where) != 1)
			where[0] = '\0';
		fclose(file);
	}
	emit("'hang':'%s'", where[0] && strcmp(where, "0") ? where : "unknown");
}

static bool answer_oops(void)
{
	char symbol[128];

	if (!kernel_oopsed(symbol))
		return false;
	shared->used = 0;
	emit("'oops':'%s'", symbol);
	kernel_died = true;
	return true;
}

static void answer_hang(int slot)
{
	shared->used = 0;
	emit_hang(shared->pids[slot]);
	kernel_died = true;
}

/* The answer of a process that died at its step. */
static void answer_of_dead(int slot, int status, bool expected)
{
	shared->pids[slot] = 0;
	if (WIFEXITED(status)) {
		printf("Bail out! a process gave up\n");
		exit(1);
	}
	answer(expected && WIFSIGNALED(status) ? 0 : ESRCH);
}

static void await(int slot, bool dies)
{
	struct pollfd reply = { .fd = replies[0], .events = POLLIN };
	char byte;

	for (int waited = 0; waited < STEP_TIMEOUT_MS; waited += SLICE_MS) {
		int status;
		pid_t gone;

		if (poll(&reply, 1, SLICE_MS) > 0) {
			if (read(replies[0], &byte, 1) != 1)
				give_up("a reply");
			return;
		}
		gone = waitpid(shared->pids[slot], &status, WNOHANG);
		if (answer_oops())
			return;
		if (gone) {
			answer_of_dead(slot, status, dies);
			return;
		}
	}
	answer_hang(slot);
}

static void kill_process(int slot)
{
	kill(shared->pids[slot], SIGKILL);
	if (wait_gone(shared->pids[slot])) {
		shared->pids[slot] = 0;
		answer(0);
	} else if (!answer_oops()) {
		answer_hang(slot);
	}
}

/* Have the step taken. Its answer is in shared->answer. */
static void perform(const struct step *step)
{
	unsigned int index = (unsigned int)(step - scenario->steps);
	int slot = slot_of[step->as];

	shared->used = 0;
	if (slot < 0 || !shared->pids[slot]) {
		answer(ESRCH);
		return;
	}
	if (!step->take) {
		kill_process(slot);
		return;
	}
	if (write(commands[slot][1], &index, sizeof(index)) != sizeof(index))
		give_up("a command");
	await(slot, step->dies);
	if (step->slot && shared->pids[step->slot])
		slot_of[step->child] = step->slot;
}

static void begin_scenario(const struct scenario *next)
{
	pid_t pid;

	scenario = next;
	memset(shared->pids, 0, sizeof(shared->pids));
	for (int i = 0; i < NR_PROCESSES; i++)
		slot_of[i] = -1;
	for (int i = 0; i < NR_SLOTS; i++)
		if (pipe(commands[i]))
			give_up("pipe");
	if (pipe(replies))
		give_up("pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		run_first_process();
	shared->pids[0] = pid;
	slot_of[0] = 0;
	await(0, false);
	if (!shared->pids[0])
		give_up("the first process");
}

static void end_scenario(void)
{
	for (int i = 0; i < NR_SLOTS; i++) {
		pid_t pid = shared->pids[i];

		/* After an oops a process may hold locks for ever: then it stays. */
		if (pid) {
			kill(pid, SIGKILL);
			if (!kernel_died && !wait_gone(pid))
				kernel_died = true;
		}
		close(commands[i][0]);
		close(commands[i][1]);
	}
	close(replies[0]);
	close(replies[1]);
}
`;
