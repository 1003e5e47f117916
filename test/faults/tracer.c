/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a command and does something to it at a chosen system call: what tests of faults need to be exhaustive. Counts the calls of the command's n-th process (0 is the command
 * itself, 1 the first that it makes, and so on, in the order of their birth) and at its n-th call
 *
 *   kill     sends SIGKILL to that process
 *   ERRNO    makes the call fail with that error, without being made
 *
 *   tracer PROCESS CALL kill|ERRNO -- COMMAND...
 *
 * With TRACER_OWN in the environment calls count only as long as the process runs a program whose name begins with it: a guest's init that fails is no fault of a start.
 *
 * Ends with the command's exit status (128+n for a signal). The last line on stderr is "tracer: did CALL-NAME-NUMBER" or "tracer: not reached, N calls". Everything the command has
 * started is let go and lives on when the command itself has ended, as without a tracer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/elf.h>
#include <linux/ptrace.h>

#define PROCESSES_MAX 256

static struct process {
	pid_t pid;
	bool thread;		/* of one that is counted: its calls count as that one's */
	int counted_as;		/* index of the process */
	bool inside;		/* the next stop is a call's end */
	bool failing;		/* its result is to be replaced */
	bool foreign;		/* it runs a program of somebody else's */
} processes[PROCESSES_MAX];
static int count, born;

static const struct { const char *name; int number; } errors[] = {
	{ "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE }, { "EIO", EIO }, { "EAGAIN", EAGAIN }, { "EPERM", EPERM }, { "ENOSYS", ENOSYS }, { "EINTR", EINTR },
};

static struct process *find(pid_t pid)
{
	for (int i = 0; i < count; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

static bool is_foreign(pid_t pid)
{
	const char *own = getenv("TRACER_OWN");
	char path[64], target[4096];
	ssize_t length;
	char *name;

	if (!own)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	name = strrchr(target, '/');
	return strncmp(name ? name + 1 : target, own, strlen(own)) != 0;
}

static struct process *add(pid_t pid, int counted_as)
{
	struct process *process = find(pid);

	if (process)
		return process;
	if (count == PROCESSES_MAX) {
		fprintf(stderr, "tracer: more than %d processes\n", PROCESSES_MAX);
		exit(99);
	}
	process = &processes[count++];
	*process = (struct process){ .pid = pid, .counted_as = counted_as };
	return process;
}

static bool is_thread_of(pid_t pid, pid_t leader)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", leader, pid);
	return access(path, F_OK) == 0;
}

/* x86_64 and aarch64 differ in where the number and the result are; ptrace(2) tells both alike. */
static long call_number(pid_t pid)
{
	struct ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.nr : -1;
}

static void set_registers(pid_t pid, bool entry, int error)
{
#ifdef __x86_64__
	struct user_regs_struct registers;

	ptrace(PTRACE_GETREGS, pid, 0, &registers);
	if (entry)
		registers.orig_rax = (unsigned long)-1;
	else
		registers.rax = (unsigned long)-error;
	ptrace(PTRACE_SETREGS, pid, 0, &registers);
#else
	int number = -1;
	struct iovec part = { &number, sizeof(number) };
	struct user_regs_struct registers;
	struct iovec all = { &registers, sizeof(registers) };

	if (entry) {
		ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
		return;
	}
	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all);
	registers.regs[0] = (unsigned long)-error;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all);
#endif
}

int main(int argc, char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int target, error = 0, status, result = 0;
	long wanted, calls = 0, done = -1;
	bool executed = false;
	char byte;
	int go[2];
	pid_t command;

	if (argc < 6 || strcmp(argv[4], "--") != 0)
		return 99;
	target = atoi(argv[1]);
	wanted = atol(argv[2]);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, argv[3]))
			error = errors[i].number;
	if (!error && strcmp(argv[3], "kill") != 0)
		return 99;
	if (pipe2(go, O_CLOEXEC) < 0)
		return 99;
	command = fork();
	if (command == 0) {
		close(go[1]);
		/* Waits until it is seized. */
		if (read(go[0], &byte, 1) == 1)
			execvp(argv[5], argv + 5);
		_exit(127);
	}
	/* Seized and not attached: what it makes begins without a SIGSTOP, which would stay with it when we end. */
	if (ptrace(PTRACE_SEIZE, command, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, command, 0, 0) < 0 || waitpid(command, &status, 0) < 0) {
		perror("tracer: cannot seize the command");
		return 99;
	}
	add(command, born++);
	ptrace(PTRACE_SYSCALL, command, 0, 0);
	if (write(go[1], "x", 1) != 1)
		return 99;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		struct process *process;
		int signal_number = 0;

		if (pid < 0)
			break;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == command) {
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
				/* What it has left runs on by itself: tracees are let go when their tracer ends. */
				break;
			}
			/* A build has thousands. */
			process = find(pid);
			if (process)
				*process = processes[--count];
			continue;
		}
		process = find(pid);
		/* The first stop of a new one may come before its parent's event says whose it is. */
		if (!process)
			process = add(pid, is_thread_of(pid, command) ? 0 : born++);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			process->inside = !process->inside;
			if (process->inside && executed && !process->foreign && process->counted_as == target && ++calls == wanted) {
				done = call_number(pid);
				if (!error) {
					kill(pid, SIGKILL);
					continue;
				}
				set_registers(pid, true, error);
				process->failing = true;
			} else if (!process->inside && process->failing) {
				set_registers(pid, false, error);
				process->failing = false;
			}
		} else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8) || status >> 8 == (SIGTRAP | PTRACE_EVENT_VFORK << 8) || status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8)) {
			unsigned long child = 0;

			ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
			if (child && !find((pid_t)child))
				add((pid_t)child, is_thread_of((pid_t)child, pid) ? process->counted_as : born++);
		} else if (status >> 16 == PTRACE_EVENT_EXEC) {
			/* The calls before are this program's own. */
			executed = true;
			process->foreign = is_foreign(pid);
		} else if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			continue;
		} else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP) {
			signal_number = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, 0, signal_number);
	}
	if (done >= 0)
		fprintf(stderr, "tracer: did %ld\n", done);
	else
		fprintf(stderr, "tracer: not reached, %ld calls\n", calls);
	return result;
}
