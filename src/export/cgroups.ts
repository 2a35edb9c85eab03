// SPDX-License-Identifier: GPL-2.0-only
/** C that takes steps on memory cgroups, of either hierarchy. */
import { readingsOf } from '../scenario/steps/files/cgroups.js';

/** Needs root, and the memory controller: in the unified hierarchy, or in one of the first that is mounted there. */
export const CGROUP_PATH = `
#include <sys/stat.h>

static const char *cgroup_path(const struct step *step, const char *file)
{
	static char path[128];
	const char *root = step->flags ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";

	if (step->device < 0)
		snprintf(path, sizeof(path), "%s/%s", root, file);
	else
		snprintf(path, sizeof(path), "%s/c%d/%s", root, step->device, file);
	return path;
}
`;

export const CGROUP_WRITE = `
/* Write a word to a file of the cgroup. Return: 0, or -1 with errno. */
static long cgroup_write(const struct step *step, const char *file, const char *word)
{
	int fd = open(cgroup_path(step, file), O_WRONLY);
	long done;

	if (fd < 0)
		return -1;
	done = write(fd, word, strlen(word));
	close(fd);
	return done < 0 ? -1 : 0;
}
`;

export const MKCGROUP = `
static void take_mkcgroup(const struct step *step)
{
	int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY);

	if (fd >= 0) {
		if (write(fd, "+memory", 7) < 0)
			errno = 0;
		close(fd);
	}
	answer_call(mkdir(cgroup_path(step, ""), 0755));
}
`;

export const RMCGROUP = `
static void take_rmcgroup(const struct step *step)
{
	answer_call(rmdir(cgroup_path(step, "")));
}
`;

export const CGROUP_JOIN = `
static void take_cgroup_join(const struct step *step)
{
	answer_call(cgroup_write(step, "cgroup.procs", "0"));
}
`;

export const CGROUP_LIMIT = `
static void take_cgroup_limit(const struct step *step)
{
	const char *file = step->flags ? "memory.limit_in_bytes" : "memory.max";
	char word[32];

	if (step->npages == -1ULL)
		snprintf(word, sizeof(word), "%s", step->flags ? "-1" : "max");
	else
		snprintf(word, sizeof(word), "%llu", step->npages);
	answer_call(cgroup_write(step, file, word));
}
`;

export const CGROUP_MOVES = `
static void take_cgroup_moves(const struct step *step)
{
	char word[8];

	snprintf(word, sizeof(word), "%llu", step->npages);
	answer_call(cgroup_write(step, "memory.move_charge_at_immigrate", word));
}
`;

const tableOf = (legacy: boolean): string =>
  readingsOf(legacy)
    .map(
      ({ name, file, line, bytes }) =>
        `	{ "${name}", "${file}", "${line}", ${bytes ? 'PAGE_BYTES' : 1} },\n`,
    )
    .join('');

export const CGROUP_READ = `
/* What is told of a cgroup: the file, the line of it that begins so, and what its number counts. */
struct reading {
	const char *name;
	const char *file;
	const char *line;
	unsigned long unit;
};

static const struct reading unified_readings[] = {
${tableOf(false)}	{ NULL, NULL, NULL, 0 },
};

static const struct reading legacy_readings[] = {
${tableOf(true)}	{ NULL, NULL, NULL, 0 },
};

/* Return: the number, 0 where there is no such line; -1: no such file, with errno. */
static long long cgroup_number(const struct step *step, const struct reading *reading)
{
	FILE *file = fopen(cgroup_path(step, reading->file), "r");
	char line[256];
	long long number = 0;
	size_t length = strlen(reading->line);

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!length)
			number = atoll(line);
		else if (!strncmp(line, reading->line, length) && line[length] == ' ')
			number = atoll(line + length);
		else
			continue;
		break;
	}
	fclose(file);
	return number;
}

static void take_cgroup_read(const struct step *step)
{
	const struct reading *readings = step->flags ? legacy_readings : unified_readings;
	const struct reading *reading;
	long long number = 0;

	for (reading = readings; reading->name; reading++) {
		number = cgroup_number(step, reading);
		if (number < 0) {
			answer_call(-1);
			return;
		}
		if (reading == readings) {
			answer_call(0);
			emit(",'answer':'%s %lld", reading->name, number / (long long)reading->unit);
		} else if (number) {
			emit(", %s %lld", reading->name, number / (long long)reading->unit);
		}
	}
	emit("'");
}
`;
