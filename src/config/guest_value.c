/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/guest_value.h"

#include <stdio.h>
#include <string.h>

#include "config/value_parts.h"

static bool is_text(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* Lists are all alike: a count and an array of equal elements behind it. */
static bool append(void *field, const void *element, size_t size, uint32_t max, char *why, size_t why_size)
{
	uint32_t *count = field;
	char *at = (char *)field + sizeof(uint32_t);

	/* The first member of every element is a text: no padding lies between. */
	if (*count == max) {
		snprintf(why, why_size, "there are %u already", max);
		return false;
	}
	memcpy(at + *count * size, element, size);
	(*count)++;
	return true;
}

static size_t count_of(const void *field)
{
	return *(const uint32_t *)field;
}

static void drop(void *field, uint32_t index, size_t size)
{
	uint32_t *count = field;
	char *at = (char *)field + sizeof(uint32_t);

	(*count)--;
	memmove(at + index * size, at + (index + 1) * size, (*count - index) * size);
	memset(at + *count * size, 0, size);
}

/* --- COMMAND ------------------------------------------------------------------------------------------------------------------ */

int command_split(char *text, char *words[static COMMAND_WORDS_MAX + 1])
{
	char *out = text;
	int count = 0;

	for (;;) {
		bool quoted = false;

		text += strspn(text, " ");
		if (!*text)
			break;
		if (count == COMMAND_WORDS_MAX)
			return -1;
		words[count++] = out;
		for (; *text && (quoted || *text != ' '); text++) {
			if (*text == '"') {
				quoted = !quoted;
				continue;
			}
			if (*text == '\\' && text[1])
				text++;
			*out++ = *text;
		}
		if (quoted)
			return -1;
		/* The word's end may be where the next one begins to be read. */
		text += *text == ' ';
		*out++ = '\0';
	}
	words[count] = NULL;
	return count;
}

static bool parse_command(const char *text, void *field, char *why, size_t why_size)
{
	char copy[257], *words[COMMAND_WORDS_MAX + 1];

	if (strlen(text) >= sizeof(copy) || !is_text(text) || text[0] == ' ' || (*text && text[strlen(text) - 1] == ' '))
		return false;
	strcpy(copy, text);
	if (command_split(copy, words) < 1) {
		snprintf(why, why_size, "a quote has no end, or there are more than %d words", COMMAND_WORDS_MAX);
		return false;
	}
	if (words[0][0] != '/' || !words[0][1])
		return false;
	strcpy(field, text);
	return true;
}

const struct value_type type_COMMAND = {
	.syntax = "COMMAND", .accepted = "an absolute path inside the container, with words behind it or without, at most 256 bytes", .size = 257,
	.parse = parse_command, .format = format_text,
};

/* --- paths ---------------------------------------------------------------------------------------------------------------------- */

/* A whole absolute path in one spelling, so that equal ones are equal texts. */
static bool is_plain_path(const char *path)
{
	size_t length = strlen(path);

	if (path[0] != '/' || length < 2 || path[length - 1] == '/' || path[length - 1] == ' ' || strstr(path, "//") || !is_text(path))
		return false;
	for (const char *part = path; part; part = strchr(part + 1, '/')) {
		size_t size = strcspn(part + 1, "/");

		if ((size == 1 && part[1] == '.') || (size == 2 && part[1] == '.' && part[2] == '.'))
			return false;
	}
	return true;
}

/* Cuts off what is behind the last colon, if it is one of the words. */
static const char *cut_word(char *text, const char *const *words)
{
	char *colon = strrchr(text, ':');

	for (; colon && *words; words++) {
		if (strcmp(colon + 1, *words) != 0)
			continue;
		*colon = '\0';
		return *words;
	}
	return NULL;
}

static bool parse_device(const char *text, void *field, char *why, size_t why_size)
{
	static const char *const words[] = { "r", "w", "rw", NULL };
	struct guest_device_list *list = field;
	struct guest_device device = { .read = true, .write = true };
	char copy[80];
	const char *access;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	access = cut_word(copy, words);
	if (strncmp(copy, "/dev/", 5) != 0 || strlen(copy) >= sizeof(device.path) || !is_plain_path(copy) || strpbrk(copy, ": "))
		return false;
	strcpy(device.path, copy);
	device.read = !access || access[0] == 'r';
	device.write = !access || access[strlen(access) - 1] == 'w';
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(list->at[i].path, device.path) != 0)
			continue;
		snprintf(why, why_size, "given twice");
		return false;
	}
	return append(field, &device, sizeof(device), GUEST_DEVICES_MAX, why, why_size);
}

static void format_device(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct guest_device *device = &((const struct guest_device_list *)field)->at[index];

	snprintf(text, VALUE_TEXT_MAX, "%s%s", device->path, device->read && device->write ? "" : device->read ? ":r" : ":w");
}

static bool remove_device(const char *text, void *field)
{
	struct guest_device_list *list = field, one = { .count = 0 };
	char why[128];

	/* By its path; what it may be used for does not matter. */
	if (!parse_device(text, &one, why, sizeof(why)))
		return false;
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(list->at[i].path, one.at[0].path) != 0)
			continue;
		drop(field, i, sizeof(one.at[0]));
		return true;
	}
	return false;
}

const struct value_type type_DEVICES = {
	.syntax = "PATH[:r|w|rw]", .accepted = "a device of the host's below /dev, such as /dev/kvm or /dev/sdb:r", .size = sizeof(struct guest_device_list), .list = true,
	.parse = parse_device, .format = format_device, .count = count_of, .remove = remove_device,
};

static bool parse_bind(const char *text, void *field, char *why, size_t why_size)
{
	static const char *const words[] = { "ro", "rw", NULL };
	/* What every start mounts itself. */
	static const char *const taken[] = { "/proc", "/sys", "/dev" };
	struct guest_bind_list *list = field;
	struct guest_bind bind = { .readonly = false };
	char copy[600], *colon;
	const char *mode;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	mode = cut_word(copy, words);
	colon = strchr(copy, ':');
	if (!colon)
		return false;
	*colon++ = '\0';
	if (!is_plain_path(copy) || !is_plain_path(colon) || strlen(copy) >= sizeof(bind.host) || strlen(colon) >= sizeof(bind.guest) || strchr(colon, ':'))
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		size_t length = strlen(taken[i]);

		if (strncmp(colon, taken[i], length) != 0 || (colon[length] && colon[length] != '/'))
			continue;
		snprintf(why, why_size, "%s is the container's own", taken[i]);
		return false;
	}
	strcpy(bind.host, copy);
	strcpy(bind.guest, colon);
	bind.readonly = mode && mode[1] == 'o';
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(list->at[i].guest, bind.guest) != 0)
			continue;
		snprintf(why, why_size, memcmp(&list->at[i], &bind, sizeof(bind)) ? "something is mounted there already" : "given twice");
		return false;
	}
	return append(field, &bind, sizeof(bind), GUEST_BINDS_MAX, why, why_size);
}

static void format_bind(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct guest_bind *bind = &((const struct guest_bind_list *)field)->at[index];

	snprintf(text, VALUE_TEXT_MAX, "%s:%s%s", bind->host, bind->guest, bind->readonly ? ":ro" : "");
}

/* By the place in the guest alone, or the whole. */
static bool remove_bind(const char *text, void *field)
{
	struct guest_bind_list *list = field;

	for (uint32_t i = 0; i < list->count; i++) {
		char whole[VALUE_TEXT_MAX];

		format_bind(field, i, whole);
		if (strcmp(list->at[i].guest, text) != 0 && strcmp(whole, text) != 0)
			continue;
		drop(field, i, sizeof(list->at[0]));
		return true;
	}
	return false;
}

const struct value_type type_BINDS = {
	.syntax = "HOST:GUEST[:ro]", .accepted = "two absolute paths, the host's and the container's, such as /srv/data:/data or /srv/data:/data:ro",
	.size = sizeof(struct guest_bind_list), .list = true, .parse = parse_bind, .format = format_bind, .count = count_of, .remove = remove_bind,
};

/* --- CREDENTIALS ------------------------------------------------------------------------------------------------------------------ */

static bool is_credential_name(const char *name, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return length > 0 && length < sizeof(((struct credential *)0)->name) && name[0] != '.' && strspn(name, letters) >= length;
}

static bool parse_credential(const char *text, void *field, char *why, size_t why_size)
{
	struct credential_list *list = field;
	struct credential credential = { .name = "" };
	const char *equals = strchr(text, '=');

	if (!equals || !is_credential_name(text, (size_t)(equals - text)) || !equals[1] || strlen(equals + 1) >= sizeof(credential.text) || !is_text(equals + 1) ||
	    equals[1] == ' ' || text[strlen(text) - 1] == ' ')
		return false;
	memcpy(credential.name, text, (size_t)(equals - text));
	strcpy(credential.text, equals + 1);
	for (uint32_t i = 0; i < list->count; i++) {
		if (strcmp(list->at[i].name, credential.name) != 0)
			continue;
		snprintf(why, why_size, "%s is given twice", credential.name);
		return false;
	}
	return append(field, &credential, sizeof(credential), CREDENTIALS_MAX, why, why_size);
}

static void format_credential(const void *field, size_t index, char text[static VALUE_TEXT_MAX])
{
	const struct credential *credential = &((const struct credential_list *)field)->at[index];

	snprintf(text, VALUE_TEXT_MAX, "%s=%s", credential->name, credential->text);
}

/* By its name, with what it is or without. */
static bool remove_credential(const char *text, void *field)
{
	struct credential_list *list = field;
	size_t length = strcspn(text, "=");

	for (uint32_t i = 0; i < list->count; i++) {
		if (strlen(list->at[i].name) != length || strncmp(list->at[i].name, text, length) != 0)
			continue;
		drop(field, i, sizeof(list->at[0]));
		return true;
	}
	return false;
}

const struct value_type type_CREDENTIALS = {
	.syntax = "NAME=TEXT", .accepted = "a name of letters, digits, '.', '_' and '-', and a text of at most 512 bytes: firstboot.locale=C.UTF-8",
	.size = sizeof(struct credential_list), .list = true, .parse = parse_credential, .format = format_credential, .count = count_of, .remove = remove_credential,
};

/* --- ZONE, LOCALE ------------------------------------------------------------------------------------------------------------------- */

static bool parse_zone(const char *text, void *field, char *why, size_t why_size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";

	(void)why;
	(void)why_size;
	if (!*text || strlen(text) > 64 || strspn(text, letters) != strlen(text) || text[0] == '/' || text[strlen(text) - 1] == '/' || strstr(text, "//"))
		return false;
	strcpy(field, text);
	return true;
}

const struct value_type type_ZONE = {
	.syntax = "ZONE", .accepted = "a zone of the tz database, such as Europe/Prague or UTC", .size = 65, .parse = parse_zone, .format = format_text,
};

static bool parse_locale(const char *text, void *field, char *why, size_t why_size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-";

	(void)why;
	(void)why_size;
	if (!*text || strlen(text) > 64 || strspn(text, letters) != strlen(text) || text[0] == '-')
		return false;
	strcpy(field, text);
	return true;
}

const struct value_type type_LOCALE = {
	.syntax = "LOCALE", .accepted = "a locale, such as C.UTF-8 or cs_CZ.UTF-8", .size = 65, .parse = parse_locale, .format = format_text,
};
