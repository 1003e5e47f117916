/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's policy, /etc/berth/berth.conf: how far it may be oversold, what every container gets that is not told otherwise, and plans.
 * Reads text; opens no files.
 */
#pragma once

#include "config/config.h"

struct plan {
	char name[33];
	struct container_config config;		/* what is given in it is the plan */
};

struct port_range { uint16_t first, last; };

#define MIRRORS_MAX 32

struct policy {
	uint64_t memory_reserve;		/* bytes kept for the host, or UNLIMITED: a tenth of the memory */
	/* The most that may be sold for each one there is, in thousandths, or UNLIMITED. */
	uint64_t memory_oversell, swap_oversell, cpus_oversell, disk_oversell;
	struct port_range port_range;		/* where net-port-block finds its ports */
	bool warn;				/* say so and go on, instead of refusing */
	char template_index[257];		/* of images: the address that streams/v1/images.json is below; "" if none */
	char template_keyring[257];		/* file with the keys that may have signed it */
	char template_authority[257];		/* file of certificates to trust instead of the system's; "" if none */
	uint64_t template_max_size;		/* bytes that an import or fetch may have */
	struct template_mirror { char distribution[33], url[257]; } mirrors[MIRRORS_MAX];
	size_t mirror_count;
	struct container_config defaults;
	struct plan *plans;
	size_t plan_count;
};

/* The mirror of the distribution of a template's name, "" if none is given. */
const char *policy_find_mirror(const struct policy *policy, const char *template_name);
/* http://, https:// or file:/ and no blanks. */
bool policy_is_url(const char *text);

/* The policy of a host without the file. */
void policy_init(struct policy *policy);
void policy_free(struct policy *policy);
#define CLEAN_POLICY CLEAN(policy_free)

/* Parses the file's text. Errors name the line. Free with policy_free(), also after a failure. */
int policy_parse(const char *text, size_t length, struct policy *ret, struct berth_error *err);

/* The plan of that name; BERTH_USAGE with the names there are. */
int policy_find_plan(const struct policy *policy, const char *name, const struct plan **ret, struct berth_error *err);
