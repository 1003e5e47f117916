/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a template's description. */
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/value.h"
#include "container/template.h"

#define SCHEMA 1

static void cleanup_json(json_object **object)
{
	json_object_put(*object);
}
#define CLEAN_JSON CLEAN(cleanup_json)

static bool get_text(json_object *object, const char *key, char *text, size_t size)
{
	json_object *member;

	if (!json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, json_type_string) ||
	    (size_t)json_object_get_string_len(member) >= size)
		return false;
	strcpy(text, json_object_get_string(member));
	return strlen(text) == (size_t)json_object_get_string_len(member);
}

static bool get_number(json_object *object, const char *key, uint64_t *ret)
{
	json_object *member;

	if (!json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, json_type_int) ||
	    json_object_get_int64(member) < 0)
		return false;
	*ret = (uint64_t)json_object_get_int64(member);
	return true;
}

int template_parse(const char *text, struct berth_template *ret, struct berth_error *err)
{
	CLEAN_JSON json_object *object = json_tokener_parse(text);
	struct berth_template found = { 0 };
	uint64_t schema;

	if (!object || !json_object_is_type(object, json_type_object))
		return fail(err, BERTH_FAILED, EINVAL, "it is no JSON object");
	if (!get_number(object, "schema", &schema) || schema != SCHEMA)
		return fail(err, BERTH_FAILED, EINVAL, "its schema is not %d: use a newer Berth", SCHEMA);
	if (!get_text(object, "name", found.name, sizeof(found.name)) || !template_name_is_valid(found.name) ||
	    !get_text(object, "distribution", found.distribution, sizeof(found.distribution)) ||
	    !get_text(object, "release", found.release, sizeof(found.release)) ||
	    !get_text(object, "architecture", found.architecture, sizeof(found.architecture)) ||
	    !get_text(object, "init", found.init, sizeof(found.init)) || !get_number(object, "built", &found.built_at) ||
	    !get_number(object, "bytes", &found.bytes) || !get_number(object, "entries", &found.entries))
		return fail(err, BERTH_FAILED, EINVAL, "a member is missing or of the wrong type");
	/* Templates of an earlier Berth have none of these. */
	if (!get_text(object, "origin", found.origin, sizeof(found.origin)))
		strcpy(found.origin, "script");
	(void)get_text(object, "mirror", found.mirror, sizeof(found.mirror));
	(void)get_text(object, "command", found.command, sizeof(found.command));
	*ret = found;
	return 0;
}

char *template_format(const struct berth_template *description)
{
	CLEAN_JSON json_object *object = json_object_new_object();

	json_object_object_add(object, "schema", json_object_new_int(SCHEMA));
	json_object_object_add(object, "name", json_object_new_string(description->name));
	json_object_object_add(object, "distribution", json_object_new_string(description->distribution));
	json_object_object_add(object, "release", json_object_new_string(description->release));
	json_object_object_add(object, "architecture", json_object_new_string(description->architecture));
	json_object_object_add(object, "init", json_object_new_string(description->init));
	json_object_object_add(object, "origin", json_object_new_string(description->origin));
	if (description->mirror[0])
		json_object_object_add(object, "mirror", json_object_new_string(description->mirror));
	if (description->command[0])
		json_object_object_add(object, "command", json_object_new_string(description->command));
	json_object_object_add(object, "built", json_object_new_int64((int64_t)description->built_at));
	json_object_object_add(object, "bytes", json_object_new_int64((int64_t)description->bytes));
	json_object_object_add(object, "entries", json_object_new_int64((int64_t)description->entries));
	return strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
}

