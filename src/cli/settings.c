/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* set and get. */
#include <string.h>

#include "cli/access.h"
#include "cli/output.h"

static int set_with(struct invocation *invocation, const struct access *access)
{
	const char *name = invocation->arguments[0];
	struct berth_set_result result = { .changed = false };
	struct berth_error err;

	if (invocation->setting_count == 0 && !access_given(access))
		return usage_error("set: nothing to set; berthctl help keys lists the keys");
	if (berth_check_access(&access->outside, &err) < 0)
		return report(&err);
	if (invocation->setting_count && berth_set(invocation->berth, name, invocation->settings, invocation->setting_count, &result, &err) < 0)
		return report(&err);
	if (access_given(access) && berth_set_access(invocation->berth, name, &access->outside, &err) < 0)
		return report(&err);
	result.changed |= access_given(access);
	if (invocation->json) {
		json_object *object = json_begin(), *pending = json_object_new_array();
		char *rest = result.pending;

		while (rest && *rest)
			json_object_array_add(pending, json_object_new_string(strsep(&rest, " ")));
		json_add_text(object, "name", name);
		json_object_object_add(object, "changed", json_object_new_boolean(result.changed));
		json_object_object_add(object, "pending", pending);
		json_add_text(object, "warning", berth_warning(invocation->berth));
		return json_end(object);
	}
	if (result.pending[0])
		printf("%s: takes effect at the next start: %s\n", name, result.pending);
	return finish(invocation);
}

static int run_set(struct invocation *invocation)
{
	struct access access;
	int r = access_read(invocation, &access);

	if (r == 0)
		r = set_with(invocation, &access);
	access_free(&access);
	return r;
}

static const struct option_row set_options[] = {
	ACCESS_OPTIONS,
	{ NULL, NULL, NULL, 0 },
};
const struct command set_command = {
	.name = "set", .arguments = "NAME SETTINGS", .help = "change settings, live and for good", .options = set_options, .takes_settings = true, .least = 1,
	.most = 1, .run = run_set,
};

static int print_value(const struct berth_key *key, const char *value, const char *raw, bool given, void *data)
{
	(void)raw;
	(void)given;
	if (*(bool *)data)
		printf("%s\n", value);
	else
		printf("%s = %s\n", key->name, value);
	return 0;
}

static json_object *json_value(const struct berth_key *key, const char *value, const char *raw)
{
	if (key->number)
		return strcmp(raw, "null") ? json_tokener_parse(raw) : NULL;
	return key->yes_no ? json_object_new_boolean(!strcmp(raw, "true")) : json_object_new_string(value);
}

static int add_value(const struct berth_key *key, const char *value, const char *raw, bool given, void *data)
{
	json_object *object = data, *list;

	(void)given;
	if (!key->list) {
		json_object_object_add(object, key->name, json_value(key, value, raw));
		return 0;
	}
	if (json_object_object_get_ex(object, key->name, &list))
		json_object_array_add(list, json_value(key, value, raw));
	return 0;
}

/* get NAME KEY...: one value a line; get NAME: all of them as in the file. */
static int run_get(struct invocation *invocation)
{
	const char *name = invocation->arguments[0];
	json_object *object = NULL;
	struct berth_error err;
	int r = 0, count = invocation->count;
	bool bare = count == 2;

	if (invocation->json) {
		object = json_begin();
		json_add_text(object, "name", name);
	}
	/* An empty list is [], not a missing member. */
	for (size_t i = 0; object && i < berth_key_count(); i++) {
		struct berth_key key = berth_key_at(i);
		bool wanted = count == 1;

		for (int j = 1; j < count; j++)
			wanted = wanted || !strcmp(invocation->arguments[j], key.name);
		if (wanted && key.list)
			json_object_object_add(object, key.name, json_object_new_array());
	}
	for (int i = count == 1 ? 0 : 1; r >= 0 && i < count; i++)
		r = berth_get(invocation->berth, name, i ? invocation->arguments[i] : NULL, object ? add_value : print_value,
			      object ? (void *)object : (void *)&bare, &err);
	if (r < 0) {
		json_object_put(object);
		return report(&err);
	}
	return object ? json_end(object) : flush_output();
}

const struct command get_command = {
	.name = "get", .arguments = "NAME [KEY...]", .help = "print settings", .least = 1, .most = -1, .run = run_get,
};
