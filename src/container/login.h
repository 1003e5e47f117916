/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who logs in: home and shell of the guest's root, from its own /etc/passwd. */
#pragma once

struct login {
	char home[256], shell[256];
};

/* From the text of a passwd(5) file, which is cut in place. The file is the guest's, so any of it may be nonsense: what is no
 * absolute path of a fitting length stays /root and /bin/sh. */
void login_parse(char *text, struct login *ret);

/* The same from /etc/passwd below the root directory of the calling process. */
void login_read(struct login *ret);
