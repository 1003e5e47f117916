/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list: one line for each container, of the fields, in the order and with the choice that the user wants. */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"

#define COLUMNS_MAX 64
#define FILTERS_MAX 16
#define DEFAULT_COLUMNS "name,state,ip,memory-used,memory,template,description"

/* A field of a container in one line of the table. */
struct cell {
	char text[520];
	bool known;		/* else it prints as "-" */
	bool is_number, is_bool;
	double number;		/* raw, to sort and compare by */
};

struct row {
	enum berth_state state;
	char why[512];		/* "" unless its configuration cannot be read */
	struct cell cells[];
};

/* --- fields: what is true of a container; all keys are fields too -------------------------------------------------------- */

enum kind { TEXT, BYTES, COUNT, SECONDS, YES_NO };

static void put_text(struct cell *cell, const char *text)
{
	snprintf(cell->text, sizeof(cell->text), "%s", text);
	cell->known = text[0] != '\0';
}

static void put_number(struct cell *cell, uint64_t value, enum kind kind)
{
	char text[24];

	if (value == UINT64_MAX)
		return;
	cell->known = cell->is_number = true;
	cell->number = (double)value;
	if (kind == BYTES)
		snprintf(cell->text, sizeof(cell->text), "%s", format_bytes(value, text));
	else if (kind == SECONDS)
		snprintf(cell->text, sizeof(cell->text), "%" PRIu64 "d%02d:%02d:%02d", value / 86400, (int)(value / 3600 % 24), (int)(value / 60 % 60),
			 (int)(value % 60));
	else
		snprintf(cell->text, sizeof(cell->text), "%" PRIu64, value);
}

#define FIELD_TEXT(member) static void get_##member(const struct berth_status *status, struct cell *cell) { put_text(cell, status->member); }
#define FIELD_NUMBER(member, kind) \
	static void get_##member(const struct berth_status *status, struct cell *cell) { put_number(cell, status->member, kind); }
FIELD_TEXT(name)
FIELD_TEXT(uuid)
FIELD_TEXT(hostname)
FIELD_TEXT(addresses)
FIELD_TEXT(interface)
FIELD_NUMBER(id, COUNT)
FIELD_NUMBER(host_uid, COUNT)
FIELD_NUMBER(memory_used, BYTES)
FIELD_NUMBER(memory_peak, BYTES)
FIELD_NUMBER(swap_used, BYTES)
FIELD_NUMBER(pids, COUNT)
FIELD_NUMBER(memory_oom_kills, COUNT)
FIELD_NUMBER(disk_used, BYTES)
FIELD_NUMBER(inodes_used, COUNT)
FIELD_NUMBER(io_read, BYTES)
FIELD_NUMBER(io_written, BYTES)

static void get_state(const struct berth_status *status, struct cell *cell)
{
	put_text(cell, berth_state_name(status->state));
}

static void get_init_pid(const struct berth_status *status, struct cell *cell)
{
	put_number(cell, status->init_pid ? (uint64_t)status->init_pid : UINT64_MAX, COUNT);
}

static void get_monitor(const struct berth_status *status, struct cell *cell)
{
	put_text(cell, !status->init_pid ? "" : status->monitor ? "yes" : "no");
	cell->is_bool = true;
}

static void get_uptime(const struct berth_status *status, struct cell *cell)
{
	uint64_t now = (uint64_t)time(NULL);

	put_number(cell, status->started_at && status->started_at <= now ? now - status->started_at : UINT64_MAX, SECONDS);
}

static void get_cpu_time(const struct berth_status *status, struct cell *cell)
{
	if (status->cpu_microseconds == UINT64_MAX)
		return;
	cell->known = cell->is_number = true;
	cell->number = (double)status->cpu_microseconds / 1e6;
	snprintf(cell->text, sizeof(cell->text), "%.2f", cell->number);
}

static const struct field {
	const char *name, *help;
	unsigned int usage;	/* what has to be read for it */
	void (*get)(const struct berth_status *status, struct cell *cell);
} fields[] = {
	{ "name", "its name", 0, get_name },
	{ "state", "stopped, starting, running, paused, broken", 0, get_state },
	{ "ip", "its addresses", 0, get_addresses },
	{ "id", "number of its range of host ids", 0, get_id },
	{ "uuid", "its unique identity", 0, get_uuid },
	{ "hostname", "the guest's host name", 0, get_hostname },
	{ "host-uid", "first of its host ids", 0, get_host_uid },
	{ "init-pid", "its process 1, as the host numbers it", 0, get_init_pid },
	{ "monitor", "whether its monitor lives", 0, get_monitor },
	{ "interface", "host end of its veth", 0, get_interface },
	{ "uptime", "time since its start", 0, get_uptime },
	{ "memory-used", "memory in use", BERTH_USAGE_MEMORY, get_memory_used },
	{ "memory-peak", "most memory ever in use", BERTH_USAGE_PEAK, get_memory_peak },
	{ "swap-used", "swap in use", BERTH_USAGE_SWAP, get_swap_used },
	{ "cpu-time", "CPU time used, in seconds", BERTH_USAGE_CPU, get_cpu_time },
	{ "pids-used", "processes and threads", BERTH_USAGE_PIDS, get_pids },
	{ "oom-kills", "processes killed for want of memory", BERTH_USAGE_KILLS, get_memory_oom_kills },
	{ "disk-used", "disk space in use, where there are quotas", BERTH_USAGE_DISK, get_disk_used },
	{ "inodes-used", "files and directories, where there are quotas", BERTH_USAGE_DISK, get_inodes_used },
	{ "io-read", "bytes read from disk", BERTH_USAGE_IO, get_io_read },
	{ "io-written", "bytes written to disk", BERTH_USAGE_IO, get_io_written },
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static const struct field *find_field(const char *name)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

static bool is_key(const char *name)
{
	for (size_t i = 0; i < berth_key_count(); i++)
		if (!strcmp(berth_key_at(i).name, name))
			return true;
	return false;
}

/* Values of a list are joined by blanks, as vzlist does. */
static int add_key_value(const struct berth_key *key, const char *value, const char *raw, bool given, void *data)
{
	struct cell *cell = data;
	size_t length = strlen(cell->text);

	(void)given;
	snprintf(cell->text + length, sizeof(cell->text) - length, "%s%s", length ? " " : "", value);
	cell->known = cell->text[0] != '\0';
	cell->is_bool = key->yes_no;
	if (key->number) {
		cell->is_number = true;
		/* No limit is more than any. */
		cell->number = strcmp(raw, "null") ? strtod(raw, NULL) : 1e30;
	}
	return 0;
}

/* --- the question ------------------------------------------------------------------------------------------------------------ */

enum operator { EQUAL, UNEQUAL, LESS, MORE, AT_MOST, AT_LEAST };

struct filter {
	size_t column;
	enum operator operator;
	const char *value;
};

struct listing {
	char *columns[COLUMNS_MAX];	/* what is shown, then what is only asked for */
	size_t count, shown;
	size_t sort;
	bool descending;
	unsigned int usage;
	struct filter filters[FILTERS_MAX];
	size_t filter_count;
	struct row **rows;
	size_t row_count;
};

/* Index of the column, added if it is not there. -1: usage error, printed. */
static int column(struct listing *listing, char *name)
{
	const struct field *field = find_field(name);

	for (size_t i = 0; i < listing->count; i++)
		if (!strcmp(listing->columns[i], name))
			return (int)i;
	if (!field && !is_key(name)) {
		usage_error("list: there is no field '%.64s'; berthctl list --fields shows them", name);
		return -1;
	}
	if (listing->count == COLUMNS_MAX) {
		usage_error("list: more than %d fields", COLUMNS_MAX);
		return -1;
	}
	listing->usage |= field ? field->usage : 0;
	listing->columns[listing->count] = name;
	return (int)listing->count++;
}

static int parse_columns(struct listing *listing, char *text)
{
	char *name;

	while ((name = strsep(&text, ",")))
		if (column(listing, name) < 0)
			return BERTH_USAGE;
	listing->shown = listing->count;
	return 0;
}

static int parse_filter(struct listing *listing, char *text)
{
	static const struct { const char *spelling; enum operator operator; } operators[] = {
		{ "!=", UNEQUAL }, { "<=", AT_MOST }, { ">=", AT_LEAST }, { "=", EQUAL }, { "<", LESS }, { ">", MORE },
	};
	size_t length = strcspn(text, "!=<>");
	struct filter *filter = &listing->filters[listing->filter_count];
	int found;

	if (listing->filter_count == FILTERS_MAX)
		return usage_error("list: more than %d filters", FILTERS_MAX);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t wide = strlen(operators[i].spelling);

		if (strncmp(text + length, operators[i].spelling, wide) != 0)
			continue;
		filter->operator = operators[i].operator;
		filter->value = text + length + wide;
		text[length] = '\0';
		found = column(listing, text);
		if (found < 0)
			return BERTH_USAGE;
		filter->column = (size_t)found;
		listing->filter_count++;
		return 0;
	}
	return usage_error("filter: '%.64s' is not acceptable; accepted is FIELD=PATTERN, FIELD!=PATTERN, or FIELD<N, FIELD>N, FIELD<=N, FIELD>=N", text);
}

/* "1.5G" as a number; false if it is none. */
static bool parse_number(const char *text, double *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	*ret = strtod(text, &end);
	if (!strcmp(text, "unlimited")) {
		*ret = 1e30;
		return true;
	}
	if (end == text)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	if (!unit || end[1])
		return false;
	for (; unit >= units; unit--)
		*ret *= 1024;
	return true;
}

static bool passes(const struct filter *filter, const struct cell *cell)
{
	const char *text = cell->known ? cell->text : "-";
	double number = 0;
	bool numbers = cell->is_number && parse_number(filter->value, &number), equal;

	equal = numbers ? cell->number == number : fnmatch(filter->value, text, 0) == 0;
	switch (filter->operator) {
	case EQUAL: return equal;
	case UNEQUAL: return !equal;
	case LESS: return numbers && cell->number < number;
	case MORE: return numbers && cell->number > number;
	case AT_MOST: return numbers && cell->number <= number;
	case AT_LEAST: return numbers && cell->number >= number;
	}
	return false;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------------ */

static void fill_cell(const struct berth_status *status, const char *name, bool broken, struct cell *cell)
{
	const struct field *field = find_field(name);

	if (field && (!broken || field->get == get_name || field->get == get_state))
		field->get(status, cell);
	else if (!field && !broken)
		berth_settings_value(status->settings, name, add_key_value, cell);
}

static int add_row(const struct berth_status *status, const char *broken_why, void *data)
{
	struct listing *listing = data;
	struct row *row = calloc(1, sizeof(*row) + listing->count * sizeof(row->cells[0]));
	struct row **rows = reallocarray(listing->rows, listing->row_count + 1, sizeof(struct row *));

	if (rows)
		listing->rows = rows;
	if (!row || !rows) {
		free(row);
		return -1;
	}
	row->state = status->state;
	snprintf(row->why, sizeof(row->why), "%s", broken_why ? broken_why : "");
	for (size_t i = 0; i < listing->count; i++)
		fill_cell(status, listing->columns[i], broken_why != NULL, &row->cells[i]);
	for (size_t i = 0; i < listing->filter_count; i++) {
		if (!passes(&listing->filters[i], &row->cells[listing->filters[i].column])) {
			free(row);
			return 0;
		}
	}
	listing->rows[listing->row_count++] = row;
	return 0;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct listing *listing = data;
	const struct cell *x = &(*(struct row *const *)a)->cells[listing->sort], *y = &(*(struct row *const *)b)->cells[listing->sort];
	int order;

	/* What has no value comes last, whichever way. */
	if (x->known != y->known)
		return x->known ? -1 : 1;
	if (x->is_number && y->is_number)
		order = (x->number > y->number) - (x->number < y->number);
	else
		order = strcmp(x->text, y->text);
	return listing->descending ? -order : order;
}

static void print_cell(const struct listing *listing, const struct row *row, size_t i, int width)
{
	const struct cell *cell = &row->cells[i];
	bool last = i + 1 == listing->shown;

	if (!strcmp(listing->columns[i], "state"))
		print_state(row->state, last ? 0 : width);
	else
		printf("%*s", cell->is_number ? width : last ? 0 : -width, cell->known ? cell->text : "-");
	printf("%s", last ? "" : "  ");
}

static int print_table(const struct listing *listing, bool header)
{
	int width[COLUMNS_MAX];

	for (size_t i = 0; i < listing->shown; i++) {
		width[i] = header ? (int)strlen(listing->columns[i]) : 1;
		for (size_t j = 0; j < listing->row_count; j++) {
			int wide = (int)strlen(listing->rows[j]->cells[i].text);

			width[i] = wide > width[i] ? wide : width[i];
		}
	}
	for (size_t i = 0; header && i < listing->shown; i++) {
		bool right = listing->row_count > 0 && listing->rows[0]->cells[i].is_number;
		char upper[64] = "";

		for (size_t j = 0; listing->columns[i][j] && j < sizeof(upper) - 1; j++)
			upper[j] = (char)(listing->columns[i][j] >= 'a' && listing->columns[i][j] <= 'z' ? listing->columns[i][j] - 32 : listing->columns[i][j]);
		printf("%*s%s", right ? width[i] : i + 1 == listing->shown ? 0 : -width[i], upper, i + 1 == listing->shown ? "\n" : "  ");
	}
	for (size_t j = 0; j < listing->row_count; j++) {
		const struct row *row = listing->rows[j];

		for (size_t i = 0; i < listing->shown; i++)
			print_cell(listing, row, i, width[i]);
		printf("%s%s\n", row->why[0] ? "  " : "", row->why);
	}
	return flush_output();
}

static json_object *cell_json(const struct cell *cell)
{
	if (!cell->known || (cell->is_number && cell->number >= 1e30))
		return NULL;
	if (cell->is_bool)
		return json_object_new_boolean(!strcmp(cell->text, "yes"));
	if (!cell->is_number)
		return json_object_new_string(cell->text);
	return cell->number == (double)(uint64_t)cell->number ? json_object_new_uint64((uint64_t)cell->number) : json_decimal(cell->number);
}

static int print_json(const struct listing *listing)
{
	json_object *object = json_begin(), *list = json_object_new_array();

	for (size_t j = 0; j < listing->row_count; j++) {
		json_object *one = json_object_new_object();

		for (size_t i = 0; i < listing->shown; i++)
			json_object_object_add(one, listing->columns[i], cell_json(&listing->rows[j]->cells[i]));
		if (listing->rows[j]->why[0])
			json_add_text(one, "error", listing->rows[j]->why);
		json_object_array_add(list, one);
	}
	json_object_object_add(object, "containers", list);
	return json_end(object);
}

/* JSON without a choice of fields has all that status has. */
static int add_whole(const struct berth_status *status, const char *broken_why, void *data)
{
	json_object *one = json_object_new_object();

	status_fill_json(one, status, broken_why);
	json_object_array_add(data, one);
	return 0;
}

static int print_whole(struct berth *berth)
{
	json_object *object = json_begin(), *list = json_object_new_array();
	struct berth_error err;

	json_object_object_add(object, "containers", list);
	if (berth_list(berth, BERTH_USAGE_ALL, add_whole, list, &err) < 0) {
		json_object_put(object);
		return report(&err);
	}
	return json_end(object);
}

static int print_fields(void)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		printf("  %-17s %s\n", fields[i].name, fields[i].help);
	for (size_t i = 0; i < berth_key_count(); i++)
		if (!find_field(berth_key_at(i).name))
			printf("  %-17s %s\n", berth_key_at(i).name, berth_key_at(i).help);
	return flush_output();
}

static int parse_question(struct invocation *invocation, struct listing *listing, char *columns)
{
	const char *sort = option_value(invocation, "sort");
	int code = parse_columns(listing, columns);

	for (size_t i = 0; !code && i < invocation->given_count; i++)
		if (!strcmp(invocation->given[i].row->name, "filter"))
			code = parse_filter(listing, (char *)(uintptr_t)invocation->given[i].value);
	if (!code && sort) {
		listing->descending = sort[0] == '-';
		int found = column(listing, (char *)(uintptr_t)sort + listing->descending);
		code = found < 0 ? BERTH_USAGE : 0;
		listing->sort = (size_t)found;
	}
	return code;
}

static int run_list(struct invocation *invocation)
{
	const char *output = option_value(invocation, "output"), *sort = option_value(invocation, "sort");
	struct listing listing = { .count = 0 };
	struct berth_error err;
	char *columns;
	int code, r;

	if (option_given(invocation, "fields"))
		return print_fields();
	if (invocation->json && !output && !sort && !option_given(invocation, "filter"))
		return print_whole(invocation->berth);
	columns = strdup(output ? output : DEFAULT_COLUMNS);
	if (!columns)
		return BERTH_FAILED;
	code = parse_question(invocation, &listing, columns);
	if (!code) {
		err = (struct berth_error){ .kind = BERTH_FAILED, .text = "out of memory" };
		r = berth_list(invocation->berth, listing.usage, add_row, &listing, &err);
		if (r >= 0 && sort)
			qsort_r(listing.rows, listing.row_count, sizeof(struct row *), compare, &listing);
		code = r < 0 ? report(&err) : invocation->json ? print_json(&listing) : print_table(&listing, !option_given(invocation, "no-header"));
	}
	for (size_t i = 0; i < listing.row_count; i++)
		free(listing.rows[i]);
	free(listing.rows);
	free(columns);
	return code;
}

static const struct option_row list_options[] = {
	{ "output", "FIELD,...", "what to show, in this order; keys are fields too", 'o' },
	{ "sort", "[-]FIELD", "in the order of this field, with - the largest first", 's' },
	{ "filter", "TEST", "only those with FIELD=PATTERN, FIELD!=PATTERN, FIELD>N, FIELD<N; may be repeated", 'f' },
	{ "no-header", NULL, "without the first line", 'H' },
	{ "fields", NULL, "show the fields there are", 'L' },
	{ NULL, NULL, NULL, 0 },
};
const struct command list_command = {
	.name = "list", .arguments = "[-o FIELD,...] [-s [-]FIELD] [-f TEST]...", .help = "show all containers", .options = list_options,
	.least = 0, .most = 0, .run = run_list,
};
