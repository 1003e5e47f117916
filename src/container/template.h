/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Built templates: templates/NAME-RELEASE/{template.json,rootfs}. Immutable once there: a build makes a new directory beside
 * and renames it into place.
 */
#pragma once

#include "container/instance.h"

#define TEMPLATE_DIRECTORY_MAX 80

/* Whose the id range of a build is: this and the template's name. */
#define TEMPLATE_OWNER "template "

/* "debian:12" is in the directory "debian-12". */
int template_directory_name(const char *name, char directory[static TEMPLATE_DIRECTORY_MAX], struct berth_error *err);

/* Opens the tree of a built template and reads its description; BERTH_NOT_FOUND says how to build it. */
int template_open(const struct berth *berth, const char *name, struct berth_template *ret, struct berth_error *err);

/* Locks the template in directory, which is to go or to be replaced, and returns the lock. BERTH_BUSY while it is copied, BERTH_WRONG_STATE while containers are linked to it. */
int template_retire(const struct berth *berth, int directory, const char *name, struct berth_error *err);

/* Parses the text of a description. */
int template_parse(const char *text, struct berth_template *ret, struct berth_error *err);
/* Its text, newly allocated. */
char *template_format(const struct berth_template *description);
