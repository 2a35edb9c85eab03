// SPDX-License-Identifier: GPL-2.0-only
/** C of the steps on the drivers: /dev/hmm_dmirrorN with the struct of one generation, and gup_test. */

import type { Spelling } from '../scenario/spelling.js';
import type { CStruct } from '../uapi/c_struct.js';
import { GUP_TEST, PIN_LONGTERM_TEST } from '../uapi/gup_test.js';
import type { DmirrorUapi } from '../uapi/test_hmm_uapi.js';

export const OPEN_FDS = `
/* fds by name; what is opened under a name that is in use is leaked. */
static int fds[NR_FDS] = { [0 ... NR_FDS - 1] = -1 };
`;

export const OPEN = `
static void take_open(const struct step *step)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/hmm_dmirror%d", step->device);
	fds[step->fd] = open(path, O_RDWR);
	answer_call(fds[step->fd]);
}
`;

export const CLOSE = `
static void take_close(const struct step *step)
{
	answer_call(close(fds[step->fd]));
	fds[step->fd] = -1;
}
`;

// --- the interface of a generation ----------------------------------------------------------------------

function declaration({ name, fields }: CStruct): string {
  const members = fields.map(({ type, name, count }) => `\t${type} ${name}${count ? `[${count}]` : ''};`);
  return `struct ${name} {\n${members.join('\n')}\n};`;
}

function sizeCheck({ name, size }: CStruct): string {
  return `_Static_assert(sizeof(struct ${name}) == ${size}, "the struct has another size");`;
}

/** A struct, and a check that the compiler lays it out in as many bytes. */
function cStruct(struct: CStruct): string {
  return `${declaration(struct)}\n\n${sizeCheck(struct)}`;
}

function requestLine(name: string, nr: number): string {
  const hex = `0x${nr.toString(16).padStart(2, '0')}`;
  return `#define ${`HMM_DMIRROR_${name}`.padEnd(31)} DMIRROR_REQUEST(${hex})`;
}

export function dmirrorInterface(uapi: DmirrorUapi, title: string): string {
  return `
/* The interface of test_hmm in ${title}. */

${cStruct(uapi.cmd)}

#define DMIRROR_REQUEST(nr) _IOWR('H', nr, struct hmm_dmirror_cmd)
${Object.entries(uapi.nr)
  .map(([name, nr]) => requestLine(name, nr))
  .join('\n')}
`;
}

export const MIRROR = `
/* The buffer that the driver reads and writes, the same in all processes. */
static unsigned char *mirror;

static void map_mirror(void)
{
	size_t bytes = MIRROR_PAGES * PAGE_BYTES;

	/* Nothing may follow it, or a copy beyond its end would not fail. */
	mirror = mmap(NULL, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mirror == MAP_FAILED || mprotect(mirror + bytes, PAGE_BYTES, PROT_NONE))
		give_up("the mirror buffer");
}

static void fill_mirror(void)
{
	memset(mirror, 0xa5, MIRROR_PAGES * PAGE_BYTES);
}
`;

/** The base of a permission is its upper four bits. */
function baseNames(spelling: Spelling): string {
  const names: string[] = [];
  for (let base = 1; base < 15; base++) {
    const name = spelling.permission(base << 4);
    if (!name.startsWith('0x')) names.push(`\t[${base}] = "${name}",`);
  }
  return names.join('\n');
}

function permissions(spelling: Spelling): string {
  return `
static const char *const bases[16] = {
${baseNames(spelling)}
};

static void emit_permission(unsigned int byte, const char *comma)
{
	static const char *const flags[] = { "READ", "WRITE", "PMD", "PUD" };
	const char *bar = "";

	if (byte == 0xff || byte == 0) {
		emit("%s'%s'", comma, byte ? "ERROR" : "NONE");
		return;
	}
	if (byte >> 4 && !bases[byte >> 4]) {
		emit("%s'0x%02x'", comma, byte);
		return;
	}
	emit("%s'", comma);
	if (byte >> 4) {
		emit("%s", bases[byte >> 4]);
		bar = "|";
	}
	for (int i = 0; i < 4; i++) {
		if (byte >> i & 1) {
			emit("%s%s", bar, flags[i]);
			bar = "|";
		}
	}
	emit("'");
}
`;
}

/** Device types by number. 3 is for whoever sees something unheard of. */
function deviceTypes(spelling: Spelling): string {
  const name = (value: number): string => spelling.deviceType(value);
  return `
static void emit_type(unsigned long long type)
{
	if (type == 1 || type == 2)
		emit(",'type':'%s'", type == 1 ? "${name(1)}" : "${name(2)}");
	else
		emit(",'type':'%llu'", type);
}
`;
}

export function ioctlPart(uapi: DmirrorUapi, spelling: Spelling): string {
  const direction = uapi.cmd.hasAllocToDevmem ? '\tcmd.alloc_to_devmem = step->to_device;\n' : '';
  const type = uapi.cmd.hasZoneDeviceType
    ? '\tcase LIST_TYPE:\n\t\temit_type(cmd.zone_device_type);\n\t\tbreak;\n'
    : '';
  return `${permissions(spelling)}${uapi.cmd.hasZoneDeviceType ? deviceTypes(spelling) : ''}${`
static void emit_data(unsigned long pages)
{
	emit(",'data':[");
	for (unsigned long i = 0; i < pages; i++)
		emit_word((const volatile uint32_t *)(mirror + i * PAGE_BYTES), i ? "," : "");
	emit("]");
}

static void emit_permissions(const unsigned char *bytes, unsigned long pages)
{
	emit(",'perm':[");
	for (unsigned long i = 0; i < pages; i++)
		emit_permission(bytes[i], i ? "," : "");
	emit("]");
}

/* Page i of what the device writes is filled with word + i. */
static void fill_words(uint32_t word, unsigned long pages)
{
	uint32_t *words = (uint32_t *)mirror;

	if (pages > MIRROR_PAGES)
		pages = MIRROR_PAGES;
	for (unsigned long i = 0; i < pages * WORDS_PER_PAGE; i++)
		words[i] = word + (uint32_t)(i / WORDS_PER_PAGE);
}

static void take_ioctl(const struct step *step)
{
	unsigned char *buffer = step->buffer ? (unsigned char *)step->buffer : mirror;
	struct hmm_dmirror_cmd cmd = {
		.addr = step->addr,
		.ptr = (uintptr_t)buffer,
		.npages = step->pages,
	};

`}${direction}${`	if (!step->buffer)
		fill_mirror();
	if (step->write)
		fill_words(step->word, step->pages);
	if (ioctl(fds[step->fd], step->request, &cmd)) {
		answer(errno);
		return;
	}
	answer(0);
	emit(",'cpages':%llu,'faults':%llu", (unsigned long long)cmd.cpages,
	     (unsigned long long)cmd.faults);
	switch (step->list) {
	case LIST_DATA:
		emit_data(step->pages);
		break;
	case LIST_PERM:
		emit_permissions(buffer, step->pages);
		break;
`}${type}	default:
		break;
	}
}
`;
}

export const IOCTL_RAW = `
static void take_ioctl_raw(const struct step *step)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = step->addr,
		.ptr = (uintptr_t)mirror,
		.npages = step->npages,
	};

	fill_mirror();
	answer_call(ioctl(fds[step->fd], step->request, &cmd));
}
`;

// --- gup_test -------------------------------------------------------------------------------------------

export const GUP_INTERFACE = `
/* The interface of gup_test. */

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"

${declaration(GUP_TEST)}

${declaration(PIN_LONGTERM_TEST)}

${sizeCheck(GUP_TEST)}
${sizeCheck(PIN_LONGTERM_TEST)}

#define GUP_FAST_BENCHMARK	_IOWR('g', 1, struct gup_test)
#define PIN_FAST_BENCHMARK	_IOWR('g', 2, struct gup_test)
#define PIN_LONGTERM_BENCHMARK	_IOWR('g', 3, struct gup_test)
#define GUP_BASIC_TEST		_IOWR('g', 4, struct gup_test)
#define PIN_BASIC_TEST		_IOWR('g', 5, struct gup_test)
#define PIN_LONGTERM_TEST_START	_IOW('g', 7, struct pin_longterm_test)
#define PIN_LONGTERM_TEST_STOP	_IO('g', 8)

static int gup_fd = -1;

/* Before the first fork: a pin ends with the last reference to any such file. */
static void open_gup_test(void)
{
	gup_fd = open(GUP_TEST_FILE, O_RDWR);
}
`;

export const GUP = `
static void take_gup(const struct step *step)
{
	struct gup_test gup = {
		.addr = step->addr,
		.size = step->pages * PAGE_BYTES,
		.nr_pages_per_call = (uint32_t)step->pages,
		.gup_flags = (uint32_t)step->flags,
	};

	if (ioctl(gup_fd, step->request, &gup)) {
		answer(errno);
		return;
	}
	answer(0);
	emit(",'pinned':%llu", (unsigned long long)(gup.size / PAGE_BYTES));
}
`;

export const PIN = `
static void take_pin(const struct step *step)
{
	struct pin_longterm_test pin = {
		.addr = step->addr,
		.size = step->pages * PAGE_BYTES,
		.flags = step->write,		/* bit 0 is USE_WRITE */
	};

	answer_call(ioctl(gup_fd, PIN_LONGTERM_TEST_START, &pin));
}
`;

export const UNPIN = `
static void take_unpin(const struct step *step)
{
	(void)step;
	answer_call(ioctl(gup_fd, PIN_LONGTERM_TEST_STOP));
}
`;
