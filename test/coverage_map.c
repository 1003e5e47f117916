/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which basic blocks of a program ever ran: a byte for each address, in a file that every process of the program maps. Linked into each program by
 * test/coverage and into no other build.
 *
 * Nothing is written at an end, for most of what Berth starts has none that could write: a process executes another program, is killed, or has
 * another root directory, other ids and a filter on its system calls by then. A shared mapping lives through all of that but execve(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (8u << 20)

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
void __sanitizer_cov_trace_pc(void);

static unsigned char *map;

__attribute__((constructor)) static void open_map(void)
{
	char target[4096], path[4400];
	ssize_t length = readlink("/proc/self/exe", target, sizeof(target) - 1);
	int code = errno, file;
	const char *name;
	void *at;

	target[length < 0 ? 0 : length] = '\0';
	name = strrchr(target, '/');
	snprintf(path, sizeof(path), COVERAGE_DIRECTORY "/%s", name ? name + 1 : "unknown");
	/* By hand, for a program that is nobody of the host's may write it too. */
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (file >= 0 && fchmod(file, 0666) == 0 && ftruncate(file, SIZE) < 0)
		(void)errno;
	at = file < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (at != MAP_FAILED)
		map = at;
	if (file >= 0)
		close(file);
	errno = code;
}

/* The compiler calls it at the beginning of every block. */
__attribute__((visibility("hidden"))) void __sanitizer_cov_trace_pc(void)
{
	uintptr_t at = (uintptr_t)__builtin_return_address(0) - (uintptr_t)__ehdr_start;

	if (map && at < SIZE)
		map[at] = 1;
}
