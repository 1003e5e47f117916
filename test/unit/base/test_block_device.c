/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On a tree like /sys, with this machine's own device numbers in it. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/block_device.h"
#include "base/file.h"
#include "tap.h"

static char directory[] = "/tmp/berth-unit.XXXXXX";
static int sys;

__attribute__((format(printf, 2, 3)))
static void put(const char *text, const char *format, ...)
{
	char path[256];
	va_list arguments;
	int fd;

	va_start(arguments, format);
	vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	for (char *p = path; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdirat(sys, path, 0700);
		*p = '/';
	}
	fd = openat(sys, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

int main(void)
{
	int root, memory = memfd_create("x", 0);
	struct block_device disk;
	struct berth_error err;
	char text[64];
	struct stat st;

	if (!mkdtemp(directory) || (root = open(directory, O_RDONLY | O_DIRECTORY)) < 0 || fstat(root, &st) < 0)
		return 1;
	sys = root;
	block_device_find(memory, sys, root, &disk);
	check(!disk.found && strstr(disk.why_not, "tmpfs"), "memory has no disk: %s", disk.why_not);
	if (major(st.st_dev) == 0) {
		check(true, "the rest needs a /tmp on a disk # SKIP it is on none");
		return tap_done();
	}
	block_device_find(root, sys, root, &disk);
	check(!disk.found, "a device that sysfs does not know is none");

	/* A whole disk. */
	snprintf(text, sizeof(text), "%u:%u", major(st.st_dev), minor(st.st_dev));
	put(text, "dev/block/%s/dev", text);
	block_device_find(root, sys, root, &disk);
	check(disk.found && disk.major == major(st.st_dev) && disk.minor == minor(st.st_dev), "a whole disk is itself");
	check(disk.weights == DISK_WEIGHTS_NONE, "without a scheduler it obeys no weights");
	put("none [mq-deadline] bfq\n", "dev/block/%s/queue/scheduler", text);
	block_device_find(root, sys, root, &disk);
	check(disk.weights == DISK_WEIGHTS_NONE, "bfq that is not chosen is none");
	put("none mq-deadline [bfq]\n", "dev/block/%s/queue/scheduler", text);
	block_device_find(root, sys, root, &disk);
	check(disk.weights == DISK_WEIGHTS_BFQ, "bfq obeys weights");
	put("1:1 enable=1\n", "io.cost.qos");
	block_device_find(root, sys, root, &disk);
	check(disk.weights == DISK_WEIGHTS_BFQ, "io.cost of another disk is not this one's");
	snprintf(text, sizeof(text), "1:1 enable=1\n%u:%u enable=1 ctrl=auto\n", major(st.st_dev), minor(st.st_dev));
	put(text, "io.cost.qos");
	block_device_find(root, sys, root, &disk);
	check(disk.weights == DISK_WEIGHTS_COST, "io.cost obeys weights and comes first");
	unlinkat(root, "io.cost.qos", 0);

	/* A device mapper's: what is below it decides. */
	snprintf(text, sizeof(text), "%u:%u", major(st.st_dev), minor(st.st_dev));
	put("none", "dev/block/%s/queue/scheduler", text);
	put("99:7\n", "dev/block/%s/slaves/sdz/dev", text);
	put("[bfq] none\n", "dev/block/99:7/queue/scheduler");
	block_device_find(root, sys, root, &disk);
	check(disk.found && disk.weights == DISK_WEIGHTS_BFQ && disk.major == major(st.st_dev), "below dm it is bfq that counts, the limit is dm's");
	/* A loop among devices, which the kernel never makes, ends. */
	put("none", "dev/block/99:7/queue/scheduler");
	put("99:7\n", "dev/block/99:7/slaves/sdz/dev");
	block_device_find(root, sys, root, &disk);
	check(disk.weights == DISK_WEIGHTS_NONE, "a circle of devices ends");

	/* A partition: its disk is one up. */
	put("1\n", "dev/block/%s/partition", text);
	put("99:8\n", "dev/block/dev");
	block_device_find(root, sys, root, &disk);
	check(disk.found && disk.major == 99 && disk.minor == 8, "a partition's disk is the one above it");
	put("rubbish\n", "dev/block/dev");
	block_device_find(root, sys, root, &disk);
	check(!disk.found, "what is no number is no disk");
	remove_tree_at(AT_FDCWD, directory, &err);
	return tap_done();
}
