/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An init that speaks sd_notify(3): after MILLISECONDS sends TEXT to $NOTIFY_SOCKET; then waits for SIGTERM, or, with "-", ends. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (argc < 3 || !getenv("NOTIFY_SOCKET"))
		return 2;
	signal(SIGTERM, end);
	strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof(address.sun_path) - 1);
	usleep((unsigned int)atoi(argv[1]) * 1000);
	if (sendto(fd, argv[2], strlen(argv[2]), 0, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 1;
	if (argc > 3)
		return 0;
	for (;;)
		pause();
}
