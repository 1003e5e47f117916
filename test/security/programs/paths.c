/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Races for paths in a tree (paths.bats).
 *
 *   paths swap A B MILLISECONDS    exchanges two names as fast as it can; says "swapping" when it has begun
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	long end;

	if (argc != 5 || strcmp(argv[1], "swap") != 0)
		return 2;
	end = now_ms() + atol(argv[4]);
	printf("swapping\n");
	fflush(stdout);
	for (unsigned int i = 0; now_ms() < end; i++) {
		if (renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3], RENAME_EXCHANGE) < 0) {
			perror(argv[2]);
			return 1;
		}
		/* Each stays for a moment: a path takes longer to walk than a rename. */
		if (i % 5 == 0)
			usleep(i % 64);
	}
	return 0;
}
