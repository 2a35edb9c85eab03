// SPDX-License-Identifier: GPL-2.0-only
/** C that takes steps on NUMA nodes: the system calls, without libnuma. */

export const MBIND = `
static void take_mbind(const struct step *step)
{
	unsigned long mask = (unsigned long)step->npages;

	answer_call(syscall(SYS_mbind, step->addr, step->pages * PAGE_BYTES, step->prot, &mask, 65,
			    step->flags));
}
`;

export const SET_MEMPOLICY = `
static void take_set_mempolicy(const struct step *step)
{
	unsigned long mask = (unsigned long)step->npages;

	answer_call(syscall(SYS_set_mempolicy, step->prot, &mask, 65));
}
`;

export const ANSWER_STAYS = `
/* Pages that a call has left where they were; a negative number is an error. */
static void answer_stays(long stays)
{
	answer_call(stays < 0 ? -1 : 0);
	if (stays >= 0)
		emit(",'stays':%ld", stays);
}
`;

export const MIGRATE_PAGES = `
static void take_migrate_pages(const struct step *step)
{
	unsigned long from = (unsigned long)step->npages, onto = step->buffer;
	pid_t pid = step->device < 0 ? 0 : shared->pids[step->other];

	answer_stays(syscall(SYS_migrate_pages, pid, 65, &from, &onto));
}
`;

export const MOVE_PAGES = `
#define MOVE_PAGES_MAX	64

/* A node, or the name of an error. */
static void emit_node(int node)
{
	for (size_t i = 0; node < 0 && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].value == -node) {
			emit("'%s'", errors[i].name);
			return;
		}
	}
	emit("%d", node);
}

static void emit_nodes(const int *status, unsigned long pages)
{
	emit(",'nodes':[");
	for (unsigned long i = 0; i < pages; i++) {
		if (i)
			emit(",");
		emit_node(status[i]);
	}
	emit("]");
}

static void take_move_pages(const struct step *step)
{
	void *pages[MOVE_PAGES_MAX];
	int nodes[MOVE_PAGES_MAX], status[MOVE_PAGES_MAX];
	long stays = 0;

	for (unsigned long i = 0; i < step->pages; i++) {
		pages[i] = (void *)(step->addr + i * PAGE_BYTES);
		nodes[i] = step->device;
	}
	if (step->device >= 0)
		stays = syscall(SYS_move_pages, 0, step->pages, pages, nodes, status, 2);
	if (stays >= 0 && syscall(SYS_move_pages, 0, step->pages, pages, NULL, status, 0) < 0)
		stays = -1;
	if (step->device >= 0)
		answer_stays(stays);
	else
		answer_call(stays);
	if (stays >= 0)
		emit_nodes(status, step->pages);
}
`;
