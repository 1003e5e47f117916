/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes named so that they cannot be mistaken for another: a pid with its start time, held as a pidfd.
 * Deadlines on the monotonic clock. Knows no containers.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); 0 if there is no such process. */
uint64_t process_start_time(pid_t pid);

/* A pidfd of the process if it is still the one that started at start_time, else -ESRCH. Linux 5.3. Another error: it cannot be told now. */
int process_open(pid_t pid, uint64_t start_time);

/* Waits until the process behind the pidfd has ended, at most until deadline. 0, or -ETIMEDOUT. */
int process_wait_gone(int pidfd, int64_t deadline);

/* True once the process has ended (it may still be a zombie). */
bool process_is_gone(int pidfd);

/* Runs argv (absolute path first) with stdin from /dev/null and waits for it. Returns its exit status (128+n for a signal) or a negative
 * errno. */
int process_run(const char *const *argv, const char *const *environment);

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t now_ms(void);
#define NO_DEADLINE INT64_MAX
/* What poll(2) takes: milliseconds left, 0 when passed, -1 for no deadline. */
int deadline_left(int64_t deadline);
void sleep_ms(unsigned int milliseconds);
