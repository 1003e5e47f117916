/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * work KIND SECONDS [FILE]: does small pieces of work for SECONDS and prints how many: cpu (arithmetic), memory (touches 4 MiB), fork
 * (a child that ends), read (64 KiB of FILE past the page cache), write (64 KiB to FILE past the page cache). How fast a guest is, alone and beside
 * another.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void arithmetic(void)
{
	static volatile unsigned int sum;

	for (unsigned int i = 0; i < 100000; i++)
		sum = sum * 31 + i;
}

static int disk(const char *kind, int file, void *buffer)
{
	ssize_t done = !strcmp(kind, "read") ? read(file, buffer, PIECE) : write(file, buffer, PIECE);

	if (done == PIECE)
		return 0;
	return lseek(file, 0, SEEK_SET) < 0 || done < 0;
}

int main(int argc, char *argv[])
{
	const char *kind = argc > 2 ? argv[1] : "";
	double end = now() + (argc > 2 ? strtod(argv[2], NULL) : 0);
	static char memory[4 << 20];
	unsigned long count = 0;
	void *buffer = NULL;
	int file = -1;

	if (argc == 4)
		file = open(argv[3], (!strcmp(kind, "read") ? O_RDONLY : O_RDWR | O_CREAT) | O_DIRECT, 0600);
	if (posix_memalign(&buffer, 4096, PIECE) != 0 || (argc == 4 && file < 0)) {
		perror("work");
		return 2;
	}
	memset(buffer, 'x', PIECE);
	for (; now() < end; count++) {
		if (!strcmp(kind, "cpu")) {
			arithmetic();
		} else if (!strcmp(kind, "memory")) {
			for (size_t i = 0; i < sizeof(memory); i += 4096)
				memory[i]++;
		} else if (!strcmp(kind, "fork")) {
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			if (pid < 0 || waitpid(pid, NULL, 0) < 0)
				return 1;
		} else if (file < 0 || disk(kind, file, buffer)) {
			perror("work");
			return 2;
		}
		/* A file that is written stays small. */
		if (!strcmp(kind, "write") && count % 64 == 63)
			lseek(file, 0, SEEK_SET);
	}
	printf("%lu\n", count);
	return 0;
}
