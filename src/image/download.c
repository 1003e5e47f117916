/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/download.h"

#include <curl/curl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define CONNECT_SECONDS 30L
#define STALLED_SECONDS 60L
#define REDIRECTS_MAX 8L

struct target {
	int fd;
	uint64_t left;
	int code;		/* of a write that failed */
};

static void free_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static size_t take(char *data, size_t one, size_t length, void *context)
{
	struct target *target = context;

	(void)one;
	if (length > target->left) {
		target->code = EFBIG;
		return 0;
	}
	target->left -= length;
	target->code = -write_all(target->fd, data, length);
	return target->code ? 0 : length;
}

int download(const char *url, int fd, uint64_t max, const char *authority, struct berth_error *err)
{
	CLEAN(free_curl) CURL *curl = curl_easy_init();
	struct target target = { .fd = fd, .left = max };
	char why[CURL_ERROR_SIZE] = "";
	bool secure = !strncmp(url, "https:", 6);
	CURLcode code;

	if (!curl)
		return fail(err, BERTH_FAILED, ENOMEM, "out of memory");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALLED_SECONDS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &target);
	if (authority[0])
		curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
	code = curl_easy_perform(curl);
	if (code == CURLE_WRITE_ERROR && target.code == EFBIG)
		return fail(err, BERTH_FAILED, EFBIG, "%.300s: longer than the %llu bytes that it may be", url, (unsigned long long)max);
	if (code == CURLE_WRITE_ERROR && target.code)
		return fail(err, BERTH_FAILED, target.code, "cannot write what comes from %.300s: %s", url, strerror(target.code));
	return code == CURLE_OK ? 0 : fail(err, BERTH_FAILED, EIO, "%.300s: %.150s", url, why[0] ? why : curl_easy_strerror(code));
}
