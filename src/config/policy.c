/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define FILE_VERSION "1"
#define PLANS_MAX 256

static bool parse_oversold(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (strcmp(text, "warn") != 0 && strcmp(text, "refuse") != 0)
		return false;
	*(bool *)field = text[0] == 'w';
	return true;
}

static const struct value_type type_OVERSOLD = { .accepted = "refuse or warn", .size = sizeof(bool), .parse = parse_oversold };

static bool parse_port_range(const char *text, void *field, char *why, size_t why_size)
{
	unsigned int first, last;
	int used = 0;

	(void)why;
	(void)why_size;
	if (sscanf(text, "%5u-%5u%n", &first, &last, &used) != 2 || text[used] || first < 1024 || last < first || last > 65535)
		return false;
	*(struct port_range *)field = (struct port_range){ .first = (uint16_t)first, .last = (uint16_t)last };
	return true;
}

static const struct value_type type_PORT_RANGE = {
	.accepted = "a range of ports from 1024 on, such as 20000-39999", .size = sizeof(struct port_range), .parse = parse_port_range,
};

bool policy_is_url(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", "file:/" };
	bool known = false;

	for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++)
		known |= !strncmp(text, schemes[i], strlen(schemes[i])) && text[strlen(schemes[i])];
	return known && !strpbrk(text, " \t\"'\\") && strlen(text) < sizeof(((struct policy *)0)->template_index);
}

static bool parse_url(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (!policy_is_url(text))
		return false;
	strcpy(field, text);
	return true;
}

static const struct value_type type_URL = { .accepted = "an http, https or file URL", .size = 257, .parse = parse_url };

static bool parse_file(const char *text, void *field, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (*text != '/' || strlen(text) > 256)
		return false;
	strcpy(field, text);
	return true;
}

static const struct value_type type_FILE = { .accepted = "an absolute path", .size = 257, .parse = parse_file };

/* "debian http://mirror/debian"; field is the whole policy. */
static bool parse_mirror(const char *text, void *field, char *why, size_t why_size)
{
	struct policy *policy = field;
	struct template_mirror *mirror = &policy->mirrors[policy->mirror_count];
	size_t length = strcspn(text, " ");
	const char *url = text + length + strspn(text + length, " ");

	if (policy->mirror_count == MIRRORS_MAX || length == 0 || length >= sizeof(mirror->distribution) || !policy_is_url(url)) {
		snprintf(why, why_size, "%s", policy->mirror_count == MIRRORS_MAX ? "no more of them" : "");
		return false;
	}
	snprintf(mirror->distribution, sizeof(mirror->distribution), "%.*s", (int)length, text);
	strcpy(mirror->url, url);
	policy->mirror_count++;
	return true;
}

static const struct value_type type_MIRROR = { .accepted = "a distribution and a URL, such as debian http://mirror.example/debian", .list = true, .parse = parse_mirror };

const char *policy_find_mirror(const struct policy *policy, const char *template_name)
{
	size_t length = strcspn(template_name, ":");

	for (size_t i = 0; i < policy->mirror_count; i++)
		if (strlen(policy->mirrors[i].distribution) == length && !strncmp(policy->mirrors[i].distribution, template_name, length))
			return policy->mirrors[i].url;
	return "";
}

static const struct policy_row {
	const char *name;
	const struct value_type *type;
	size_t offset;
} rows[] = {
	{ "memory-reserve", &type_AMOUNT, offsetof(struct policy, memory_reserve) },
	{ "memory-oversell", &type_RATIO, offsetof(struct policy, memory_oversell) },
	{ "swap-oversell", &type_RATIO, offsetof(struct policy, swap_oversell) },
	{ "cpus-oversell", &type_RATIO, offsetof(struct policy, cpus_oversell) },
	{ "disk-oversell", &type_RATIO, offsetof(struct policy, disk_oversell) },
	{ "oversold", &type_OVERSOLD, offsetof(struct policy, warn) },
	{ "port-range", &type_PORT_RANGE, offsetof(struct policy, port_range) },
	{ "template-mirror", &type_MIRROR, 0 },
	{ "template-index", &type_URL, offsetof(struct policy, template_index) },
	{ "template-keyring", &type_FILE, offsetof(struct policy, template_keyring) },
	{ "template-authority", &type_FILE, offsetof(struct policy, template_authority) },
	{ "template-max-size", &type_AMOUNT, offsetof(struct policy, template_max_size) },
};

/* Of one container, and never of many. */
static const enum key_id personal[] = { KEY_IP, KEY_ROUTE, KEY_NET_MAC, KEY_NIC, KEY_PORT_FORWARD, KEY_HOSTNAME, KEY_DESCRIPTION, KEY_PLAN };

void policy_init(struct policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->memory_reserve = policy->memory_oversell = policy->swap_oversell = policy->cpus_oversell = policy->disk_oversell = UNLIMITED;
	/* Below the ports that the kernel gives outgoing connections (ip_local_port_range). */
	policy->port_range = (struct port_range){ 20000, 32767 };
	policy->template_max_size = 20ull << 30;
	config_init(&policy->defaults);
}

void policy_free(struct policy *policy)
{
	free(policy->plans);
	policy->plans = NULL;
	policy->plan_count = 0;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && end[-1] == ' ')
		*--end = '\0';
	return text + strspn(text, " ");
}

/* "[defaults]" or "[plan NAME]": where the following lines go. */
static int begin_section(struct policy *policy, char *line, int number, struct container_config **ret, struct berth_error *err)
{
	size_t length = strlen(trim(line));
	struct plan *plans;

	if (!strcmp(line, "[defaults]")) {
		*ret = &policy->defaults;
		return 0;
	}
	if (strncmp(line, "[plan ", 6) != 0 || line[length - 1] != ']')
		return fail(err, BERTH_FAILED, EINVAL, "line %d: '%.64s' is no section; there are [defaults] and [plan NAME]", number, line);
	line[length - 1] = '\0';
	line += 6;
	if (!name_is_valid(line))
		return fail(err, BERTH_FAILED, EINVAL, "line %d: '%.64s' is no plan's name; accepted are 1 to 32 of a-z, 0-9 and '-'", number, line);
	for (size_t i = 0; i < policy->plan_count; i++)
		if (!strcmp(policy->plans[i].name, line))
			return fail(err, BERTH_FAILED, EEXIST, "line %d: there is a plan %s already", number, line);
	if (policy->plan_count == PLANS_MAX)
		return fail(err, BERTH_FAILED, E2BIG, "line %d: more than %d plans", number, PLANS_MAX);
	plans = reallocarray(policy->plans, policy->plan_count + 1, sizeof(*plans));
	if (!plans)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	policy->plans = plans;
	plans += policy->plan_count++;
	strcpy(plans->name, line);
	config_init(&plans->config);
	*ret = &plans->config;
	return 0;
}

static int parse_own_line(struct policy *policy, char *line, int number, unsigned int *seen, struct berth_error *err)
{
	char *equals = strchr(line, '='), *name, why[128] = "";

	if (!equals)
		return fail(err, BERTH_FAILED, EINVAL, "line %d is no 'key = value'", number);
	*equals = '\0';
	name = trim(line);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const char *value = trim(equals + 1);

		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (*seen & 1u << i && !rows[i].type->list)
			return fail(err, BERTH_FAILED, EINVAL, "line %d: %s is given twice", number, name);
		*seen |= 1u << i;
		if (!rows[i].type->parse(value, (char *)policy + rows[i].offset, why, sizeof(why)))
			return fail(err, BERTH_FAILED, EINVAL, "line %d: %s: '%.100s' is not acceptable; accepted is %s", number, name, value,
				    rows[i].type->accepted);
		return 0;
	}
	return fail(err, BERTH_FAILED, EINVAL, "line %d: there is no key '%.64s' here; keys of containers go below [defaults] or [plan NAME]",
		    number, name);
}

static int check_section(const struct container_config *config, const char *where, struct berth_error *err)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (config->given[i] && keys[i].applied_by == BY_IDENTITY)
			return fail(err, BERTH_FAILED, EINVAL, "%s: %s is set by create and never changed", where, keys[i].outside.name);
	for (size_t i = 0; i < ARRAY_LENGTH(personal); i++)
		if (config->given[personal[i]])
			return fail(err, BERTH_FAILED, EINVAL, "%s: %s is one container's own and no plan's", where, keys[personal[i]].outside.name);
	return 0;
}

static int parse_lines(char *text, struct policy *policy, struct berth_error *err)
{
	struct container_config *section = NULL;
	bool seen[KEY_COUNT];
	unsigned int own_seen = 0;
	char *rest = text, *line;

	for (int number = 1; (line = strsep(&rest, "\n")) && rest; number++) {
		int r;

		line += strspn(line, " ");
		if (number == 1 && strcmp(trim(line), "version = " FILE_VERSION) != 0)
			return fail(err, BERTH_FAILED, EINVAL, "its first line is not 'version = " FILE_VERSION "'");
		if (number == 1 || !*line || *line == '#')
			continue;
		if (*line == '[') {
			r = begin_section(policy, line, number, &section, err);
			/* [defaults] may come in parts; a key twice in it is then the later one's. */
			memset(seen, 0, sizeof(seen));
		} else if (section) {
			r = config_parse_line(line, number, section, seen, err);
		} else {
			r = parse_own_line(policy, line, number, &own_seen, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int policy_parse(const char *text, size_t length, struct policy *ret, struct berth_error *err)
{
	CLEAN_FREE char *copy = strndup(text, length);
	int r;

	policy_init(ret);
	if (!copy)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return fail(err, BERTH_FAILED, EINVAL, "byte %zu is no text", i);
	for (char *p = copy; *p; p++)
		if (*p == '\t')
			*p = ' ';
	if (length == 0 || text[length - 1] != '\n')
		return fail(err, BERTH_FAILED, EINVAL, "its last line has no newline");
	r = parse_lines(copy, ret, err);
	if (r == 0)
		r = check_section(&ret->defaults, "[defaults]", err);
	for (size_t i = 0; r == 0 && i < ret->plan_count; i++) {
		char where[64];

		snprintf(where, sizeof(where), "[plan %s]", ret->plans[i].name);
		r = check_section(&ret->plans[i].config, where, err);
	}
	return r;
}

int policy_find_plan(const struct policy *policy, const char *name, const struct plan **ret, struct berth_error *err)
{
	char names[200] = "";

	for (size_t i = 0; i < policy->plan_count; i++) {
		size_t length = strlen(names);

		if (!strcmp(policy->plans[i].name, name)) {
			*ret = &policy->plans[i];
			return 0;
		}
		snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "", policy->plans[i].name);
	}
	return fail(err, BERTH_USAGE, ENOENT, "plan: there is no plan '%.64s' in berth.conf; %s%s", name, names[0] ? "there are " : "it has none",
		    names);
}
