// SPDX-License-Identifier: GPL-2.0-only
/** C of what an exported program prints: KTAP, or the scenario with this kernel's answers; and its main(). */

export const KTAP = String.raw`
/* KTAP: a test for each step that expects something, or one for a scenario in which none does. */

static unsigned int test_number, passed, failed, skipped;

static void print_as_json(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		putchar(text[i] == '\'' ? '"' : text[i]);
}

/* A step in words: its JSON without the punctuation. */
static void print_step(const struct step *step)
{
	for (const char *at = step->json; *at; at++)
		if (!strchr("'{}", *at))
			putchar(*at == ',' ? ' ' : *at);
}

static void print_name(const char *name)
{
	for (; *name; name++) {
		if (*name == '#' || *name == '\\')
			putchar('\\');
		putchar(*name);
	}
}

static size_t value_length(const char *value)
{
	if (*value == '[')
		return strcspn(value, "]") + 1;
	if (*value == '\'')
		return strcspn(value + 1, "'") + 2;
	return strcspn(value, ",");
}

/* The value of a key in the answer; NULL where there is none. */
static const char *answered(const char *key)
{
	char pattern[32];
	const char *at;

	snprintf(pattern, sizeof(pattern), "'%s':", key);
	at = strstr(shared->answer, pattern);
	return at ? at + strlen(pattern) : NULL;
}

static bool is_as_expected(const struct expectation *expected)
{
	const char *value = answered(expected->key);

	return value && value_length(value) == strlen(expected->value) &&
	       !memcmp(value, expected->value, strlen(expected->value));
}

/* Print the element of a list that text[at] belongs to, or that there is none. */
static void print_element(const char *text, size_t length, size_t at)
{
	while (at > 0 && text[at - 1] != ',' && text[at - 1] != '[')
		at--;
	if (text[at] == ']')
		printf("none");
	for (; at < length && text[at] != ',' && text[at] != ']'; at++)
		putchar(text[at] == '\'' ? '"' : text[at]);
}

/* The first element in which two lists differ. */
static void print_list_difference(const char *key, const char *want, const char *got)
{
	size_t want_length = strlen(want), got_length = value_length(got), at = 0, index = 0;
	bool want_ends, got_ends;

	while (want[at] == got[at])
		index += want[at++] == ',';
	/* Where one list ends after an element that both have, the next one differs. */
	want_ends = want[at] == ']' && got[at] == ',';
	got_ends = want[at] == ',' && got[at] == ']';
	if (want_ends || got_ends)
		index++;
	printf("#   %s[%zu]: expected ", key, index);
	if (want_ends)
		printf("none");
	else
		print_element(want, want_length, at + got_ends);
	printf(", got ");
	if (got_ends)
		printf("none");
	else
		print_element(got, got_length, at + want_ends);
	putchar('\n');
}

static void print_difference(const struct expectation *expected)
{
	const char *got = answered(expected->key);

	if (got && *got == '[' && expected->value[0] == '[') {
		print_list_difference(expected->key, expected->value, got);
		return;
	}
	printf("#   %s: expected ", expected->key);
	print_as_json(expected->value, strlen(expected->value));
	printf(", got ");
	if (got)
		print_as_json(got, value_length(got));
	else
		printf("none");
	putchar('\n');
}

static void print_answer(void)
{
	const size_t most = 200;

	print_as_json(shared->answer, shared->used < most ? shared->used : most);
	puts(shared->used < most ? "" : " ...");
}

static void print_test(bool ok, const struct scenario *sc, const struct step *step)
{
	printf("%s %u ", ok ? "ok" : "not ok", ++test_number);
	print_name(sc->name);
	if (step) {
		printf(" %u: ", (unsigned int)(step - sc->steps));
		print_step(step);
	}
}

static void skip_test(const struct scenario *sc, const struct step *step, const char *reason)
{
	print_test(true, sc, step);
	printf(" # SKIP %s\n", reason);
	skipped++;
}

static void judge(const struct step *step)
{
	bool ok = true, foreseen = false;

	for (const struct expectation *e = step->expect; e->key; e++) {
		ok = ok && is_as_expected(e);
		foreseen = foreseen || !strcmp(e->key, "oops") || !strcmp(e->key, "hang");
	}
	if (kernel_died && !foreseen)
		ok = false;
	print_test(ok, scenario, step);
	putchar('\n');
	if (ok) {
		passed++;
		return;
	}
	failed++;
	for (const struct expectation *e = step->expect; e->key; e++)
		if (!is_as_expected(e))
			print_difference(e);
	printf("#   answer: ");
	print_answer();
}

static void tell(const struct step *step)
{
	printf("# %u: ", (unsigned int)(step - scenario->steps));
	print_step(step);
	printf(" -> ");
	print_answer();
}

static void skip_rest(const struct scenario *sc, const struct step *step, const char *reason)
{
	for (; sc->nr_expected && step < sc->steps + sc->nr_steps; step++)
		if (step->expect)
			skip_test(sc, step, reason);
	if (!sc->nr_expected)
		skip_test(sc, NULL, reason);
}

static void test_scenario(const struct scenario *sc)
{
	const struct step *step = sc->steps;

	begin_scenario(sc);
	for (; step < sc->steps + sc->nr_steps && !kernel_died; step++) {
		mark_step(step);
		perform(step);
		shared->answer[shared->used] = '\0';
		if (step->expect)
			judge(step);
		else
			tell(step);
	}
	if (!sc->nr_expected) {
		print_test(!kernel_died, sc, NULL);
		putchar('\n');
		if (kernel_died)
			failed++;
		else
			passed++;
	} else if (kernel_died) {
		skip_rest(sc, step, "the kernel died before");
	}
	mark_end();
	end_scenario();
}
`;

export const RECORD = String.raw`
/* --record: the scenario as JSON, with this kernel's answers as its expectations. */
static void record_scenario(const struct scenario *sc)
{
	const struct step *step = sc->steps;
	struct utsname system;

	uname(&system);
	begin_scenario(sc);
	printf("{%s,\"source\":\"recorded: %s %s\",\"steps\":[", sc->head, system.sysname, system.release);
	for (; step < sc->steps + sc->nr_steps && !kernel_died; step++) {
		mark_step(step);
		perform(step);
		if (step > sc->steps)
			putchar(',');
		print_as_json(step->json, strlen(step->json) - 1);
		printf(",\"expect\":{");
		print_as_json(shared->answer, shared->used);
		printf("}}");
	}
	printf("]}\n");
	fflush(stdout);
	mark_end();
	end_scenario();
}
`;

export const MAIN = String.raw`
/* What of this machine a scenario lacks; NULL when it can run. */
static const char *why_not(const struct scenario *sc, bool oops_allowed)
{
	static char reason[128];

	if (kernel_died)
		return "the kernel died before";
	if (sysconf(_SC_PAGESIZE) != (long)PAGE_BYTES)
		return "pages are not of 4096 bytes here";
	if (sc->oopses && !oops_allowed)
		return "the kernel is known to oops here (--oops runs it)";
	for (int minor = 0; minor < 32; minor++) {
		snprintf(reason, sizeof(reason), "/dev/hmm_dmirror%d", minor);
		if (sc->devices >> minor & 1 && access(reason, F_OK)) {
			strcat(reason, " is not there: is test_hmm loaded?");
			return reason;
		}
	}
	if (sc->gup && access("/sys/kernel/debug/gup_test", F_OK))
		return "/sys/kernel/debug/gup_test is not there (CONFIG_GUP_TEST)";
	return NULL;
}

/* Per-CPU lists of pages would let answers depend on where a process happens to run. */
static void stay_on_one_cpu(void)
{
	cpu_set_t allowed, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed)) {
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			return;
		}
	}
}

static void prepare(void)
{
	struct rlimit files;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shared == MAP_FAILED)
		give_up("memory for answers");
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	stay_on_one_cpu();
	watch_kernel_log();
}

static void record_all(bool oops_allowed)
{
	for (size_t i = 0; i < NR_SCENARIOS; i++) {
		const char *reason = why_not(&scenarios[i], oops_allowed);

		if (!reason) {
			record_scenario(&scenarios[i]);
			passed++;
		} else {
			fprintf(stderr, "%s: skipped: %s\n", scenarios[i].name, reason);
			skipped++;
		}
	}
}

static void test_all(bool oops_allowed)
{
	unsigned int tests = 0;

	for (size_t i = 0; i < NR_SCENARIOS; i++)
		tests += scenarios[i].nr_expected ? scenarios[i].nr_expected : 1;
	printf("TAP version 13\n1..%u\n", tests);
	for (size_t i = 0; i < NR_SCENARIOS; i++) {
		const char *reason = why_not(&scenarios[i], oops_allowed);

		if (reason)
			skip_rest(&scenarios[i], scenarios[i].steps, reason);
		else
			test_scenario(&scenarios[i]);
	}
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n", passed, failed, skipped);
}

int main(int argc, char **argv)
{
	bool record = false, oops_allowed = false, trace = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--record")) {
			record = true;
		} else if (!strcmp(argv[i], "--oops")) {
			oops_allowed = true;
		} else if (!strcmp(argv[i], "--trace")) {
			trace = true;
		} else {
			fprintf(stderr, "usage: %s [--record] [--oops] [--trace]\n", argv[0]);
			return 64;
		}
	}
	prepare();
	if (trace)
		start_tracing();
	if (record)
		record_all(oops_allowed);
	else
		test_all(oops_allowed);
	stop_tracing();
	if (failed)
		return 1;
	/* Nothing but skips is a skip, as kselftest has it. */
	return passed ? 0 : 4;
}
`;
