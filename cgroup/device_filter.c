/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/device_filter.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#define ANY UINT32_MAX

struct device {
	uint32_t major, minor;
	const char *why;
};

/* Character devices that every guest has; no block device. */
static const struct device allowed[] = {
	{ 1, 3, "null" }, { 1, 5, "zero" }, { 1, 7, "full" }, { 1, 8, "random" }, { 1, 9, "urandom" },
	{ 5, 0, "tty: the process's own terminal" }, { 5, 1, "console" },
	{ 5, 2, "ptmx: the guest's own devpts instance answers it" },
	{ 136, ANY, "terminals of devpts, also of its own instance only" },
};

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (int16_t)(o), .imm = (int32_t)(i) })

static int sys_bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

#define PROGRAM_MAX (8 + 4 * ARRAY_LENGTH(allowed) + 6 * DEVICE_RULES_MAX)

/* Rows of every container: the type is checked already, and any access is fine, for mknod of these is as harmless as their opening. */
static size_t put_common(struct bpf_insn *program, size_t n)
{
	/* r2 type: over all of them, if it is a block device. */
	program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, BPF_DEVCG_DEV_CHAR);
	size_t jump = n - 1;
	for (size_t i = 0; i < ARRAY_LENGTH(allowed); i++) {
		bool any = allowed[i].minor == ANY;

		program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 3, 0, any ? 2 : 3, allowed[i].major);
		if (!any)
			program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 2, allowed[i].minor);
		program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
		program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	program[jump].off = (int16_t)(n - jump - 1);
	return n;
}

/* Of one container: type and number must be its, and nothing may be asked beyond what it is given for. */
static size_t put_rule(struct bpf_insn *program, size_t n, const struct device_rule *rule)
{
	int allowed_access = BPF_DEVCG_ACC_MKNOD | (rule->read ? BPF_DEVCG_ACC_READ : 0) | (rule->write ? BPF_DEVCG_ACC_WRITE : 0);

	program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 5, rule->block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 3, 0, 4, rule->major);
	program[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 3, rule->minor);
	program[n++] = INSN(BPF_JMP | BPF_JSET | BPF_K, 5, 0, 2, ~allowed_access & 0xffff);
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return n;
}

/* r2 type, r3 major, r4 minor, r5 access; each device is some instructions that end in "return 1". */
static size_t build(struct bpf_insn *program, const struct device_rule *more, size_t count)
{
	size_t n = 0;

	program[n++] = INSN(BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	program[n++] = INSN(BPF_LDX | BPF_W | BPF_MEM, 3, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	program[n++] = INSN(BPF_LDX | BPF_W | BPF_MEM, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	program[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	/* The low half of access_type is the type, the high half what is asked. */
	program[n++] = INSN(BPF_ALU | BPF_MOV | BPF_X, 5, 2, 0, 0);
	program[n++] = INSN(BPF_ALU | BPF_RSH | BPF_K, 5, 0, 0, 16);
	program[n++] = INSN(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	n = put_common(program, n);
	for (size_t i = 0; i < count && i < DEVICE_RULES_MAX; i++)
		n = put_rule(program, n, &more[i]);
	program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return n;
}

int device_filter_attach(const struct container_cgroup *cgroup, const struct device_rule *more, size_t count, struct berth_error *err)
{
	struct bpf_insn program[PROGRAM_MAX + 2];
	union bpf_attr load = { 0 }, attach = { 0 };
	CLEAN_FD int group = openat(cgroup->host->v2_root, cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (group < 0)
		return fail_errno(err, "cannot open cgroup %s", cgroup->path);
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insn_cnt = (uint32_t)build(program, more, count);
	load.insns = (uint64_t)(uintptr_t)program;
	load.license = (uint64_t)(uintptr_t)"LGPL";
	strcpy(load.prog_name, "berth_devices");
	CLEAN_FD int fd = sys_bpf(BPF_PROG_LOAD, &load);
	if (fd < 0)
		return fail_errno(err, "cannot load the device filter into the kernel");
	/* ALLOW_MULTI: programs of the host above ours are asked too, ours cannot be replaced from below. */
	attach.target_fd = (uint32_t)group;
	attach.attach_bpf_fd = (uint32_t)fd;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	if (sys_bpf(BPF_PROG_ATTACH, &attach) < 0)
		return fail_errno(err, "cannot attach the device filter to cgroup %s", cgroup->path);
	return 0;
}
