/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes inotify instances until the kernel says no and prints how many; with "hold" keeps them. */
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	int count = 0;

	(void)argv;
	setrlimit(RLIMIT_NOFILE, &files);
	while (count < 60000 && inotify_init1(0) >= 0)
		count++;
	printf("%d\n", count);
	fflush(stdout);
	if (argc > 1)
		pause();
	return 0;
}
