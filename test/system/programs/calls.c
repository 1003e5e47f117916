/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries system calls by 64-bit, i386 and x32 numbers and prints what the kernel answers to each. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static long call32(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return r;
}
int main(void)
{
	/* bpf is 357 of i386, socketcall 102, keyctl 288, getpid 20; socket(AF_ALG) is 359 with 38. */
	printf("%ld %ld %ld %d ", call32(357, 0, 0, 0), call32(102, 1, 0, 0), call32(288, 0, 0, 0), call32(20, 0, 0, 0) > 0);
	printf("%ld ", call32(359, 38, 5, 0));
	/* getpid by x32's number; keyctl by it; a call above the highest known. */
	printf("%d ", syscall(0x40000000 + 39) < 0 ? errno : 0);
	printf("%d ", syscall(0x40000000 + 250) < 0 ? errno : 0);
	printf("%d ", syscall(470, 0, 0, 0) < 0 ? errno : 0);
	printf("%d ", syscall(SYS_keyctl, 0, 0, 0) < 0 ? errno : 0);
	printf("%d ", syscall(SYS_socket, 38, 5, 0) < 0 ? errno : 0);
	printf("%d\n", syscall(SYS_socket, 40, 1, 0) < 0 ? errno : 0);
	return 0;
}
