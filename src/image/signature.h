/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who signed what. Trust is in fingerprints of keys, a list of which comes with Berth (templates/keys) and another of which is the operator's; where the keys
 * themselves are from does not matter. gpg makes the keyring, gpgv verifies: of what they say the status lines are read (GnuPG, doc/DETAILS).
 */
#pragma once

#include "base/error.h"

/* Writes to out a keyring of those keys in the files of keys whose fingerprint is in the text pins (one to a line, 40 hex digits) and that have neither
 * expired nor been revoked. BERTH_FAILED when there is none. */
int signature_keyring(const char *pins, const char *const *sources, size_t count, const char *out, struct berth_error *err);

/* Whether the detached signature over file is good, by a key of the keyring that has not expired or been revoked. */
int signature_verify(const char *file, const char *signature, const char *keyring, struct berth_error *err);

/* The judgement over gpgv's status lines: 0, or why not. */
int signature_judge(const char *status, struct berth_error *err);
/* The fingerprints in the output of gpg --with-colons that are pinned and usable, blank separated in list; -ENOKEY when there is none. */
int signature_usable_keys(const char *colons, const char *pins, char *list, size_t size, struct berth_error *err);
