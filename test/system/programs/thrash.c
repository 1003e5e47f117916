/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thrash FILE MEGABYTES SECONDS: keeps MEGABYTES of memory of its own in use and reads FILE over and over, for SECONDS. A guest whose
 * working set is larger than its memory. Prints how many megabytes of the file it read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char *argv[])
{
	static char buffer[1 << 20];
	size_t megabytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0, done = 0;
	char *own = malloc((megabytes << 20) + 1);
	int file = argc == 4 ? open(argv[1], O_RDONLY) : -1;
	double end;

	if (file < 0 || !own) {
		fprintf(stderr, "thrash FILE MEGABYTES SECONDS\n");
		return 2;
	}
	/* Not the same byte everywhere: compressed swap would take it for nothing. */
	srandom(1);
	for (size_t i = 0; i < megabytes << 20; i += sizeof(long))
		*(long *)(own + i) = random();
	end = now() + strtod(argv[3], NULL);
	while (now() < end) {
		ssize_t got = read(file, buffer, sizeof(buffer));

		if (got == 0)
			lseek(file, 0, SEEK_SET);
		else
			done++;
		/* A touch of every page in turn keeps all of it in the working set. */
		for (size_t i = 0; i < megabytes << 20; i += 4096)
			own[i]++;
	}
	printf("%zu\n", done);
	return 0;
}
