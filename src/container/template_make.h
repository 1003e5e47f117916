/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new template, whoever fills it: made in a hidden directory, described, and put in its place by one rename. */
#pragma once

#include "container/builder.h"
#include "container/template.h"

/* Fills the empty tree builder->rootfs; host_uid is the first of the ids to do it with. */
typedef int (*template_fill_function)(struct builder *builder, uid_t host_uid, void *context, struct berth_error *err);

/* origin is "script", "import" or "index". On failure nothing is left. */
int template_make(struct berth *berth, const char *name, const char *origin, const struct berth_template_options *options, template_fill_function fill,
		  void *context, struct berth_error *err);

/* Gives the builder the program berth-image as BUILDER_GIVEN "/berth-image". */
int template_give_image_program(struct builder *builder, struct berth_error *err);
