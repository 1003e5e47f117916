/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the monitor shares with those who start it and those who visit the console. No functions.
 */
#pragma once

/* Name of its socket in the run directory. SOCK_SEQPACKET; only host root is answered. */
#define MONITOR_SOCKET "console"

/* Made in the run directory when the guest's init has said READY=1 (sd_notify(3)). */
#define MONITOR_READY "ready"

/* The descriptors it is started with. */
enum {
	MONITOR_FD_HOST = 3,		/* to the host side of the start; see start.h */
	MONITOR_FD_LISTENER,		/* bound and listening */
	MONITOR_FD_DIRECTORY,		/* the container's directory, for console.log */
	MONITOR_FD_INIT,		/* pidfd of the container's init */
	MONITOR_FD_RUN,			/* the run directory, for the file that says that the guest is ready */
	MONITOR_FD_EVENTS,		/* of the container's memory: cgroup/memory_events.h; /dev/null where the host has none */
	MONITOR_FD_KILLS,		/* a file with a line "oom_kill N"; likewise */
	MONITOR_FD_MEMORY_PRESSURE,	/* PSI, to be read; likewise */
	MONITOR_FD_IO_PRESSURE,
	MONITOR_FD_COUNT,
};

/* A visitor's packets: one byte that says what, then its data. From the monitor every packet is plain output. */
#define CONSOLE_INPUT 'i'		/* bytes typed */
#define CONSOLE_SIZE 's'		/* struct winsize of the visitor's terminal */
#define CONSOLE_PACKET_MAX 4096

/* console.log is bounded: when it has this size it becomes console.log.1, replacing the one before. */
#define CONSOLE_LOG "console.log"
#define CONSOLE_LOG_OLD "console.log.1"
#define CONSOLE_LOG_MAX (256 * 1024)
