/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/signature.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define OUTPUT_MAX (1 << 20)
#define FINGERPRINT 40
#define SOURCES_MAX 32
#define KEYS_MAX 64

/* Runs a program; what it prints to stdout is the result, what it says to stderr is ours. */
static int run(const char *const *argv, char **ret, struct berth_error *err)
{
	int ends[2], status, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "cannot make a pipe");
	CLEAN_FD int from = ends[0], to = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return fail_errno(err, "cannot fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (dup2(null, 0) < 0 || dup2(to, 1) < 0 || dup2(null, 2) < 0)
			_exit(126);
		execvp(argv[0], (char *const *)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(take_fd(&to));
	r = read_all(from, OUTPUT_MAX, ret, NULL);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return fail(err, BERTH_FAILED, -r, "cannot read what %s says: %s", argv[0], strerror(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(err, BERTH_FAILED, ENOENT, "the host has no %s: apt-get install %s", argv[0], argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool is_pinned(const char *pins, const char *fingerprint)
{
	for (const char *at = pins; (at = strstr(at, fingerprint)); at++)
		if ((at == pins || at[-1] == '\n') && (at[FINGERPRINT] == '\n' || !at[FINGERPRINT]))
			return true;
	return false;
}

/* The field of a "a:b:c" line, cut out. */
static char *field(char *line, int number)
{
	char *text = NULL;

	while (line && number-- >= 0)
		text = strsep(&line, ":");
	return text;
}

int signature_usable_keys(const char *colons, const char *pins, char *list, size_t size, struct berth_error *err)
{
	CLEAN_FREE char *copy = strdup(colons);
	char *rest = copy, *line, validity = 0;
	const char *bad = NULL;
	size_t length = 0;

	if (!copy)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	list[0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		char *text;

		if (!strncmp(line, "pub:", 4))
			validity = line[4];
		/* Subkeys have fingerprints too, which pin nothing. */
		if (!strncmp(line, "sub:", 4))
			validity = 0;
		if (strncmp(line, "fpr:", 4) != 0 || !validity)
			continue;
		text = field(line, 9);
		if (!text || strlen(text) != FINGERPRINT || !is_pinned(pins, text))
			continue;
		if (validity == 'e' || validity == 'r') {
			bad = validity == 'e' ? "has expired" : "has been revoked";
			continue;
		}
		if (length + FINGERPRINT + 2 > size)
			return fail(err, BERTH_FAILED, E2BIG, "too many keys");
		length += (size_t)snprintf(list + length, size - length, "%s%s", length ? " " : "", text);
	}
	if (length > 0)
		return 0;
	return fail(err, BERTH_FAILED, EKEYREJECTED, "%s%s", bad ? "the pinned key " : "none of the keys is one that is pinned for this distribution", bad ? bad : "");
}

int signature_keyring(const char *pins, const char *const *sources, size_t count, const char *out, struct berth_error *err)
{
	const char *given = getenv("TMPDIR"), *scratch = given ? given : "/tmp";
	char home[512], keys[KEYS_MAX * (FINGERPRINT + 1)], *word, *rest = keys;
	const char *import[SOURCES_MAX + 8] = { "gpg", "--homedir", home, "--batch", "--quiet", "--no-autostart", "--import" };
	const char *show[] = { "gpg", "--homedir", home, "--batch", "--no-autostart", "--no-auto-check-trustdb", "--trust-model", "always", "--with-colons", "--list-keys", NULL };
	const char *export[KEYS_MAX + 10] = { "gpg", "--homedir", home, "--batch", "--no-autostart", "--yes", "--output", out, "--export" };
	CLEAN_FREE char *said = NULL, *colons = NULL, *unused = NULL;
	size_t n = 9;
	int r;

	if (count == 0 || count > SOURCES_MAX)
		return fail(err, BERTH_FAILED, EINVAL, "no files of keys");
	if ((size_t)snprintf(home, sizeof(home), "%s/berth-keys.XXXXXX", scratch) >= sizeof(home) || !mkdtemp(home))
		return fail_errno(err, "cannot make a directory for keys");
	for (size_t i = 0; i < count; i++)
		import[7 + i] = sources[i];
	r = run(import, &said, err);
	if (r >= 0)
		r = run(show, &colons, err);
	if (r > 0)
		r = fail(err, BERTH_FAILED, EBADMSG, "gpg cannot read the keys");
	if (r == 0)
		r = signature_usable_keys(colons, pins, keys, sizeof(keys), err);
	while (r == 0 && (word = strsep(&rest, " ")))
		export[n++] = word;
	if (r == 0)
		r = run(export, &unused, err);
	if (r > 0)
		r = fail(err, BERTH_FAILED, EIO, "gpg cannot write the keyring");
	CLEAN_FD int tmp = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmp >= 0)
		(void)remove_tree_at(tmp, strrchr(home, '/') + 1, &(struct berth_error){ 0 });
	return r;
}

static const char *const bad_words[][2] = {
	{ "BADSIG", "the signature does not fit: the file was changed" }, { "EXPKEYSIG", "the key of the signature has expired" },
	{ "REVKEYSIG", "the key of the signature has been revoked" }, { "EXPSIG", "the signature has expired" },
};

int signature_judge(const char *status, struct berth_error *err)
{
	static const char prefix[] = "[GNUPG:] ";
	const char *why = NULL;
	bool good = false, valid = false;

	for (const char *line = status; line; line = next_line(line)) {
		const char *word = line + strlen(prefix);

		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		good |= !strncmp(word, "GOODSIG ", 8);
		valid |= !strncmp(word, "VALIDSIG ", 9);
		for (size_t i = 0; i < ARRAY_LENGTH(bad_words); i++)
			if (!strncmp(word, bad_words[i][0], strlen(bad_words[i][0])) && word[strlen(bad_words[i][0])] == ' ')
				why = bad_words[i][1];
	}
	/* Of several signatures one by a known key is enough, but none may be bad. */
	if (good && valid && !why)
		return 0;
	return fail(err, BERTH_FAILED, EKEYREJECTED, "%s", why ? why : "there is no signature by a pinned key");
}

int signature_verify(const char *file, const char *signature, const char *keyring, struct berth_error *err)
{
	const char *argv[] = { "gpgv", "--status-fd", "1", "--keyring", keyring, signature, file, NULL };
	CLEAN_FREE char *status = NULL;
	int code = run(argv, &status, err), r;

	if (code < 0)
		return code;
	r = signature_judge(status, err);
	if (r == 0 && code > 1)
		r = fail(err, BERTH_FAILED, EKEYREJECTED, "gpgv ended with status %d", code);
	return r < 0 ? fail_context(err, "%s", file) : 0;
}
