/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs when Berth is built: compiles syscall_filter.def by libseccomp and prints the BPF program as a C array. Building
 * the filter at every start costs 1.4 ms for one architecture and more for two; loading a ready one costs 0.03 ms.
 *
 * One program for both architectures of the machine: libseccomp's program for each, behind a switch of our own which
 * also turns away unknown calls and x32 (whose numbers have bit 30 set and so are above the highest).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/seccomp.h>

#define PROGRAM_MAX 4096

struct program {
	struct sock_filter code[PROGRAM_MAX];
	size_t length;
};

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "generate_syscall_filter: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void deny(scmp_filter_ctx context, const char *name, int code, unsigned int count, const struct scmp_arg_cmp *comparisons)
{
	/* The native number, or libseccomp's own for a call of other architectures only; it translates, and leaves out what
	 * the program's architecture does not have. */
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR) {
		fprintf(stderr, "generate_syscall_filter: libseccomp knows no call %s\n", name);
		exit(1);
	}
	check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO((uint32_t)code), number, count, comparisons), name);
}

static void compile(uint32_t architecture, bool nesting, struct program *program)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t got;

	if (!context || fd < 0)
		check(-ENOMEM, "seccomp_init");
	check(seccomp_arch_remove(context, SCMP_ARCH_NATIVE), "seccomp_arch_remove");
	check(seccomp_arch_add(context, architecture), "seccomp_arch_add");
	check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "SCMP_FLTATR_ACT_BADARCH");
	check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "SCMP_FLTATR_CTL_OPTIMIZE");
#define NESTING_BEGIN if (!nesting) {
#define NESTING_END }
#define DENY(name, code, why) deny(context, #name, code, 0, NULL);
#define DENY_NUMBER(number, code, why)
#define DENY_WHEN(name, code, argument, mask, value, why) \
	deny(context, #name, code, 1, &SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
#define DENY_SOCKET(family, protocol, why) \
	deny(context, "socket", EAFNOSUPPORT, 2, \
	     (struct scmp_arg_cmp[]){ SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffff, family), \
				      SCMP_CMP(2, SCMP_CMP_MASKED_EQ, 0xffffffff, protocol) });
#include "container/syscall_filter.def"
#undef DENY
#undef DENY_NUMBER
#undef DENY_WHEN
#undef DENY_SOCKET
	check(seccomp_export_bpf(context, fd), "seccomp_export_bpf");
	got = pread(fd, program->code, sizeof(program->code), 0);
	if (got <= 0 || (size_t)got == sizeof(program->code))
		check(-EFBIG, "program");
	program->length = (size_t)got / sizeof(program->code[0]);
	close(fd);
	seccomp_release(context);
}

static void put(struct program *out, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (out->length == PROGRAM_MAX)
		check(-EFBIG, "program");
	out->code[out->length++] = (struct sock_filter){ code, jt, jf, k };
}

/* Turns away unknown numbers, then the table's rules. */
static void put_architecture(struct program *out, const struct program *rules)
{
	put(out, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	put(out, BPF_JMP | BPF_JGT | BPF_K, 0, 1, HIGHEST_SYSCALL);
	put(out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
	/* Those that libseccomp does not know; from 424 on numbers are the same everywhere. */
#undef NESTING_BEGIN
#undef NESTING_END
#define NESTING_BEGIN
#define NESTING_END
#define DENY(name, code, why)
#define DENY_WHEN(name, code, argument, mask, value, why)
#define DENY_SOCKET(family, protocol, why)
#define DENY_NUMBER(number, code, why) \
	put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number); \
	put(out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (code));
#include "container/syscall_filter.def"
	for (size_t i = 0; i < rules->length; i++)
		put(out, rules->code[i].code, rules->code[i].jt, rules->code[i].jf, rules->code[i].k);
}

static void print(const char *name, bool nesting)
{
#if defined(__x86_64__)
	static const uint32_t native = AUDIT_ARCH_X86_64, compat = AUDIT_ARCH_I386;
	static const uint32_t compat_architecture = SCMP_ARCH_X86;
#elif defined(__aarch64__)
	static const uint32_t native = AUDIT_ARCH_AARCH64, compat = AUDIT_ARCH_ARM;
	static const uint32_t compat_architecture = SCMP_ARCH_ARM;
#else
#error "syscall filter: say which 32-bit architecture goes with this one"
#endif
	static struct program native_rules, compat_rules, out;

	out.length = 0;
	compile(seccomp_arch_native(), nesting, &native_rules);
	compile(compat_architecture, nesting, &compat_rules);
	put(&out, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	put(&out, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, native);
	put(&out, BPF_JMP | BPF_JA, 0, 0, 0);	/* to the native part: filled in below */
	put(&out, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, compat);
	put(&out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
	put_architecture(&out, &compat_rules);
	out.code[2].k = (uint32_t)out.length - 3;	/* counted from the next instruction */
	put_architecture(&out, &native_rules);
	printf("static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < out.length; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", out.code[i].code, out.code[i].jt, out.code[i].jf, out.code[i].k);
	printf("};\n");
}

int main(void)
{
	printf("/* Made by generate_syscall_filter from syscall_filter.def. */\n");
	print("filter_program", false);
	print("nesting_filter_program", true);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
