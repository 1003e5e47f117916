/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thrash FILE MEGABYTES SECONDS [map]: keeps MEGABYTES of memory of its own in use and reads FILE over and over, for SECONDS: a guest whose working
 * set is larger than its memory. With map FILE is mapped and touched here and there, as programs are. Prints how many pieces of the
 * file it got.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A page in sixteen tries: as a program's calls jump about. */
static void touch(const volatile char *map, size_t size)
{
	for (int i = 0; i < 16; i++)
		(void)map[(size_t)random() % size];
}

static void read_piece(int file)
{
	static char buffer[1 << 20];

	if (read(file, buffer, sizeof(buffer)) == 0)
		lseek(file, 0, SEEK_SET);
}

int main(int argc, char *argv[])
{
	size_t megabytes = argc >= 4 ? strtoul(argv[2], NULL, 10) : 0, done = 0;
	char *own = malloc((megabytes << 20) + 1), *map = NULL;
	int file = argc >= 4 ? open(argv[1], O_RDONLY) : -1;
	struct stat st;
	double end;

	if (file < 0 || !own || fstat(file, &st) < 0) {
		fprintf(stderr, "thrash FILE MEGABYTES SECONDS [map]\n");
		return 2;
	}
	if (argc == 5) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, file, 0);
		madvise(map, (size_t)st.st_size, MADV_RANDOM);
	}
	/* All of it twice while there is room: the kernel takes it for what it is, in use. */
	for (int pass = 0; map && pass < 2; pass++)
		for (off_t i = 0; i < st.st_size; i += 4096)
			(void)((const volatile char *)map)[i];
	/* Not the same byte everywhere: compressed swap would take it for nothing. */
	srandom(1);
	for (size_t i = 0; i < megabytes << 20; i += sizeof(long))
		*(long *)(own + i) = random();
	end = now() + strtod(argv[3], NULL);
	while (now() < end) {
		if (map)
			touch(map, (size_t)st.st_size);
		else
			read_piece(file);
		done++;
		/* A touch of every page in turn keeps all of it in the working set. */
		for (size_t i = 0; i < megabytes << 20; i += 4096)
			own[i]++;
	}
	printf("%zu\n", done);
	return 0;
}
