/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes MIB mebibytes of memory, touches every page of them twice over, and prints "held"; with SECONDS keeps them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 20;
	unsigned char *memory = malloc(size);

	if (!memory)
		return 1;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < size; i += 4096)
			memory[i] = (unsigned char)(i >> 12 ^ (size_t)rand());
	printf("held %u\n", (unsigned int)memory[size / 2] * 0);
	fflush(stdout);
	if (argc > 2)
		sleep((unsigned int)atoi(argv[2]));
	return 0;
}
