/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public interface of libberth: containers as a hosting panel or berthctl sees them.
 *
 * Every function that can fail returns 0 or more on success and a negative errno otherwise, and then has
 * filled *err. The library never prints, never exits and keeps no global state but the interrupt flag.
 * Strings handed in are borrowed for the call. What is handed out says how it is released.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BERTH_PUBLIC __attribute__((visibility("default")))

/* What kind of failure: each is one documented exit code of berthctl. */
enum berth_failure {
	BERTH_FAILED = 1,	/* the work was tried and did not succeed */
	BERTH_USAGE = 2,	/* a name, key or value is not acceptable; nothing was touched */
	BERTH_NOT_FOUND = 3,	/* no such container or template */
	BERTH_EXISTS = 4,	/* the container, template or address exists already */
	BERTH_WRONG_STATE = 5,	/* running where it must not be, or not running where it must */
	BERTH_BUSY = 6,		/* another command holds the container's lock */
	BERTH_REFUSED = 7,	/* host policy, capacity or a kernel that cannot enforce it */
	BERTH_TIMED_OUT = 8,	/* a deadline passed */
};

/* One failure: no allocation, so it crosses the start socket between processes as it is. */
struct berth_error {
	enum berth_failure kind;
	int code;		/* positive errno */
	char text[512];		/* one line without a newline: what, on which object, why, the remedy */
};

/* One Berth on this host: the default one, or all of it under a directory of its own. */
struct berth;

/* Opens the instance under root ("" or "/" is the default one). Free with berth_close(). The directories are made
 * at first use. */
BERTH_PUBLIC int berth_open(const char *root, struct berth **ret, struct berth_error *err);
BERTH_PUBLIC void berth_close(struct berth *berth);
/* How long a command waits for a container's lock, in milliseconds; 0 is not at all. The default is 30 s. */
BERTH_PUBLIC void berth_set_lock_timeout(struct berth *berth, unsigned int milliseconds);
/* What the last command went on in spite of ("oversold = warn" in berth.conf), one line; "" if nothing. */
BERTH_PUBLIC const char *berth_warning(const struct berth *berth);
/* Async-signal-safe: makes a running create or template build stop and undo itself. */
BERTH_PUBLIC void berth_interrupt(void);
BERTH_PUBLIC const char *berth_version(void);

/* --- settings ------------------------------------------------------------------------------------------ */

/* The key table as the outside sees it: one entry per key, in the order of the configuration file. */
struct berth_key {
	const char *name;	/* "memory-high"; also the option --memory-high */
	const char *syntax;	/* "SIZE" */
	const char *help;	/* one line */
	const char *manual;	/* a paragraph */
	const char *fallback;	/* the value in force when the key is not given; "" if none */
	bool list;		/* also has --NAME-add and --NAME-del */
	bool readonly;		/* set by create, never by the user */
	bool number;		/* raw value is a number in JSON */
	bool yes_no;		/* raw value is a boolean in JSON */
};
BERTH_PUBLIC size_t berth_key_count(void);
BERTH_PUBLIC struct berth_key berth_key_at(size_t index);

/* One assignment from a command line. A list key takes several BERTH_ASSIGN in a row as its whole new list. */
enum berth_assignment { BERTH_ASSIGN, BERTH_ADD, BERTH_DELETE };
struct berth_setting {
	enum berth_assignment how;
	const char *key;
	const char *value;
};

/* Called once per value of a key: with the value as the file spells it and, for numbers, raw units. */
typedef int (*berth_value_function)(const struct berth_key *key, const char *value, const char *raw, bool given, void *data);

/* Makes control characters (C0, C1, DEL) and what is no UTF-8 into '?', in place: of words that come from a guest, before they go to a terminal or into JSON. The library's own errors
 * and answers have been through it. */
BERTH_PUBLIC void berth_make_printable(char *text);

/* --- life of a container --------------------------------------------------------------------------------- */

/* Progress of long work: done and total in the same unit (entries). May be NULL. */
typedef void (*berth_progress_function)(const char *what, uint64_t done, uint64_t total, void *data);

/* How its owner gets into a guest. Nothing of it is kept on the host. */
struct berth_access {
	const char *root_password;	/* NULL: as it is */
	const char *const *ssh_keys;	/* lines of authorized_keys, added where they are not there yet */
	size_t ssh_key_count;
	const char *user_data;		/* for cloud-init; NULL: none */
};

/* linked: the tree is an overlay of the template's, not a copy. access may be NULL. */
BERTH_PUBLIC int berth_create(struct berth *berth, const char *name, const char *template_name, bool linked,
			      const struct berth_setting *settings, size_t count, const struct berth_access *access,
			      berth_progress_function progress, void *data, struct berth_error *err);
/* Returns when the guest's init has been executed. The monitor is a child of the calling process, which should end or reap. */
BERTH_PUBLIC int berth_start(struct berth *berth, const char *name, struct berth_error *err);

enum berth_stop { BERTH_STOP_ASK, BERTH_STOP_KILL };
/* Asks the init to power off and waits up to timeout_ms, then kills what is left; BERTH_STOP_KILL kills at once. */
BERTH_PUBLIC int berth_stop(struct berth *berth, const char *name, enum berth_stop how, unsigned int timeout_ms,
			    struct berth_error *err);
/* For berth-monitor, which has become the caller: tears the run down whose monitor this process was, and starts the
 * container again after a reboot inside. */
BERTH_PUBLIC int berth_after_exit(struct berth *berth, const char *name, bool reboot, struct berth_error *err);
BERTH_PUBLIC int berth_destroy(struct berth *berth, const char *name, bool force, struct berth_error *err);
BERTH_PUBLIC int berth_pause(struct berth *berth, const char *name, bool paused, struct berth_error *err);

/* What set could not do to a running container, one line per key; NULL when everything is in force. */
struct berth_set_result {
	bool changed;
	bool running;
	char pending[512];	/* names of keys that take effect at the next start, blank separated */
};
BERTH_PUBLIC int berth_set(struct berth *berth, const char *name, const struct berth_setting *settings, size_t count,
			   struct berth_set_result *ret, struct berth_error *err);
/* What can be said of it without a container. */
BERTH_PUBLIC int berth_check_access(const struct berth_access *access, struct berth_error *err);
/* Of a running container too. */
BERTH_PUBLIC int berth_set_access(struct berth *berth, const char *name, const struct berth_access *access, struct berth_error *err);
/* Calls function for every value of every key of the container (or of one key), in table order. */
BERTH_PUBLIC int berth_get(struct berth *berth, const char *name, const char *key, berth_value_function function,
			   void *data, struct berth_error *err);

enum berth_state {
	BERTH_STOPPED,
	BERTH_STARTING,
	BERTH_RUNNING,
	BERTH_PAUSED,
	BERTH_BROKEN,		/* processes or leftovers without a living init: stop, start or recover cleans up */
};
BERTH_PUBLIC const char *berth_state_name(enum berth_state state);

/* What is true now, read from the kernel. Numbers that the host cannot tell are UINT64_MAX. */
struct berth_status {
	char name[33];
	enum berth_state state;
	bool ready;			/* the guest has said so, or come as far: berth_wait_ready() */
	bool monitor;			/* the monitor is alive */
	pid_t init_pid;			/* 0 when not running */
	pid_t monitor_pid;
	uint32_t id;			/* number of its id range */
	uint32_t host_uid;		/* first of its 65,536 host ids */
	char uuid[37];
	char template_name[65];
	char hostname[65];
	char description[257];
	char addresses[512];		/* blank separated */
	char interface[16];		/* host end of its veth; "" without addresses */
	bool autostart;
	uint64_t started_at;		/* seconds since 1970; 0 when not running */
	uint64_t memory_limit, swap_limit;	/* bytes; UINT64_MAX is unlimited */
	uint64_t memory_used, memory_peak, swap_used;	/* bytes */
	uint64_t memory_oom_kills;	/* since this start */
	uint64_t cpu_microseconds;	/* CPU time used since this start */
	uint64_t pids, pids_limit;
	uint64_t disk_used, inodes_used;	/* of a container with a quota, or on storage that counts */
	uint64_t io_read, io_written;	/* bytes since this start */
	const struct berth_settings *settings;	/* in berth_list(), during the call; else NULL */
};
/* Calls function for every value of a key, as berth_get() does. */
BERTH_PUBLIC int berth_settings_value(const struct berth_settings *settings, const char *key, berth_value_function function, void *data);
BERTH_PUBLIC int berth_status(struct berth *berth, const char *name, struct berth_status *ret, struct berth_error *err);

/* Calls function for every container in the order of their names. A container whose configuration cannot be read
 * is still listed, with broken_why saying the reason. */
typedef int (*berth_list_function)(const struct berth_status *status, const char *broken_why, void *data);
/* Which of the members that tell what a container uses are read: each is a file of the kernel's, or a few. The others are UINT64_MAX. */
enum berth_usage {
	BERTH_USAGE_MEMORY = 1, BERTH_USAGE_PEAK = 2, BERTH_USAGE_SWAP = 4, BERTH_USAGE_KILLS = 8, BERTH_USAGE_CPU = 16, BERTH_USAGE_PIDS = 32,
	BERTH_USAGE_IO = 64, BERTH_USAGE_DISK = 128, BERTH_USAGE_ALL = 255,
};
BERTH_PUBLIC int berth_list(struct berth *berth, unsigned int usage, berth_list_function function, void *data, struct berth_error *err);

/* One limit of a container: as it was asked for, and as the kernel or the filesystem has it. */
struct berth_limit {
	const char *key;
	char configured[264];		/* as get shows it */
	char effective[264];		/* the same of what is in force; "" when nothing is */
	char configured_raw[64], effective_raw[64];	/* as for JSON; "" where it is no number */
	uint64_t used, peak;		/* in the key's raw units; UINT64_MAX: not counted */
	uint64_t hits;			/* how often it was met since the start; UINT64_MAX: not counted */
	bool bytes;			/* used and peak are bytes */
};
typedef int (*berth_limit_function)(const struct berth_limit *limit, void *data);
BERTH_PUBLIC int berth_limits(struct berth *berth, const char *name, berth_limit_function function, void *data, struct berth_error *err);

/* What happened to a container: mostly to its processes, for want of memory; oldest first; kept over restarts, the last thousand or so. */
enum berth_event_kind {
	BERTH_OOM_KILL,			/* the kernel ended a process: over the limit */
	BERTH_STALL_KILL,		/* Berth did: everything had waited for memory for seconds, with nothing left to reclaim */
	BERTH_TRAFFIC_QUOTA,		/* the month's traffic-quota is used up; bytes is what was used, there is no process */
};
struct berth_event {
	uint64_t time;			/* seconds since 1970 */
	enum berth_event_kind kind;
	int pid;			/* as the host numbers it; 0: not known */
	uint64_t bytes;			/* of memory that it had */
	char process[33];		/* its name; "?" if not known */
};
BERTH_PUBLIC const char *berth_event_name(enum berth_event_kind kind);
typedef int (*berth_event_function)(const struct berth_event *event, void *data);
BERTH_PUBLIC int berth_events(struct berth *berth, const char *name, berth_event_function function, void *data, struct berth_error *err);
/* For berth-monitor's child: notes what the OOM killer did, or ends what keeps the container from going on. */
enum berth_noticed {
	BERTH_NOTICED_KILL,		/* the OOM killer was at work */
	BERTH_NOTICED_STALL,		/* everything has waited for memory for seconds */
	BERTH_NOTICED_WAIT,		/* everything has waited for the disk for seconds */
};
BERTH_PUBLIC int berth_notice(struct berth *berth, const char *name, enum berth_noticed noticed, struct berth_error *err);

/* Waits until the guest says that it is ready: READY=1 of its init (sd_notify(3)), or, where the init is another, logins and services are there.
 * BERTH_TIMED_OUT; BERTH_WRONG_STATE when it ends before. */
BERTH_PUBLIC int berth_wait_ready(struct berth *berth, const char *name, unsigned int timeout_ms, struct berth_error *err);
/* Waits until the container is in the state, up to timeout_ms (UINT_MAX: for ever). */
BERTH_PUBLIC int berth_wait(struct berth *berth, const char *name, enum berth_state state, unsigned int timeout_ms,
			    struct berth_error *err);
/* Finishes or undoes what a dead command or monitor left; name NULL is all. Counts what was mended in *ret. */
BERTH_PUBLIC int berth_recover(struct berth *berth, const char *name, unsigned int *ret, struct berth_error *err);
/* Makes the nftables tables anew and puts back what a stranger took of the running containers' network (a flushed ruleset, a deleted route). Counts the
 * containers in *ret. */
BERTH_PUBLIC int berth_recover_network(struct berth *berth, unsigned int *ret, struct berth_error *err);

/* --- traffic ----------------------------------------------------------------------------------------------- */

/* A month of a container's traffic, in bytes. Internal is with the host and its other containers, public all else. */
struct berth_traffic_month {
	char start[11];			/* its first day: 2026-11-01, UTC */
	bool current;
	uint64_t bytes[2][2][2];	/* [in, out][public, internal][IPv4, IPv6] */
	uint64_t used;			/* of traffic-quota: what traffic-counted says, of the public traffic */
	uint64_t quota;			/* UINT64_MAX: none */
};
typedef int (*berth_traffic_function)(const struct berth_traffic_month *month, void *data);
/* Calls function for every month that is kept, the oldest first, up to now. */
BERTH_PUBLIC int berth_traffic(struct berth *berth, const char *name, berth_traffic_function function, void *data, struct berth_error *err);
/* Writes down what was counted since the last time, and does what traffic-action says where a quota is used up or a new month has begun; name NULL is
 * all that run, except those that another command is working at. Counts them in *ret. */
BERTH_PUBLIC int berth_traffic_collect(struct berth *berth, const char *name, unsigned int *ret, struct berth_error *err);

/* --- inside a container ------------------------------------------------------------------------------------ */

struct berth_exec {
	char *const *argv;		/* NULL: a login shell of the user root */
	bool terminal;			/* give it a terminal of the container's own */
	const char *directory;		/* NULL: the user's home */
	const char *user;		/* name or number of a user of the guest's; NULL is root */
};
/* Runs the command in the container with this process's stdin, stdout and stderr; *ret_status is its exit status as
 * a shell reports it (128+n for a signal, 126 not executable, 127 not found, 125 Berth's own failure). */
BERTH_PUBLIC int berth_exec(struct berth *berth, const char *name, const struct berth_exec *exec, int *ret_status,
			    struct berth_error *err);
/* Copies from an fd to a file of the container's, which appears whole, owned by its root; a directory takes it under own_name. */
BERTH_PUBLIC int berth_push(struct berth *berth, const char *name, int from, const char *own_name, const char *path, mode_t mode, struct berth_error *err);
/* Copies a file of the container's to an fd. *ret_mode is its mode, without setuid and writing by others. */
BERTH_PUBLIC int berth_pull(struct berth *berth, const char *name, const char *path, int to, mode_t *ret_mode, struct berth_error *err);
/* Joins the console until the detach keys (Ctrl-a q) or the end of the container. */
BERTH_PUBLIC int berth_console(struct berth *berth, const char *name, struct berth_error *err);

/* --- templates ---------------------------------------------------------------------------------------------- */

struct berth_template {
	char name[65];			/* debian:12 */
	char distribution[33], release[33], architecture[17], init[17];
	char origin[17];		/* script, import or index */
	char mirror[257];		/* that it was built from, as given; "" if none was */
	char command[257];		/* what containers of it run as init; "" is /sbin/init */
	uint64_t built_at;		/* seconds since 1970 */
	uint64_t bytes, entries;
};
/* How a template is made. All may be 0, but the source of an import. */
struct berth_template_options {
	const char *source;		/* of an import: a tar archive ("-" is stdin), a directory with a root filesystem, or one that is an OCI image layout */
	const char *mirror;		/* for scripts, instead of the distribution's own or the one of berth.conf */
	const char *image;		/* the one of several images of an OCI layout */
	const char *max_size;		/* of an import or fetch, such as "20G"; NULL is template-max-size of berth.conf */
	bool replace;			/* makes anew what is there: it changes places with the old one in one step */
	bool insecure;			/* also from sources that are not signed by a pinned key */
	bool verbose;			/* what programs print goes to stderr */
};
/* By the script of the distribution's name. */
BERTH_PUBLIC int berth_template_build(struct berth *berth, const char *name, const struct berth_template_options *options,
				      berth_progress_function progress, void *data, struct berth_error *err);
/* From options->source. */
BERTH_PUBLIC int berth_template_import(struct berth *berth, const char *name, const struct berth_template_options *options,
				       berth_progress_function progress, void *data, struct berth_error *err);
/* The newest image of that name from the index that berth.conf names. */
BERTH_PUBLIC int berth_template_fetch(struct berth *berth, const char *name, const struct berth_template_options *options,
				      berth_progress_function progress, void *data, struct berth_error *err);
/* Builds or fetches anew what is there, from where it came. BERTH_WRONG_STATE for an import. */
BERTH_PUBLIC int berth_template_update(struct berth *berth, const char *name, const struct berth_template_options *options,
				       berth_progress_function progress, void *data, struct berth_error *err);
/* A tar archive of it to fd; compression is gz, xz, zst or tar. */
BERTH_PUBLIC int berth_template_export(struct berth *berth, const char *name, int fd, const char *compression, berth_progress_function progress,
				       void *data, struct berth_error *err);
BERTH_PUBLIC int berth_template_show(struct berth *berth, const char *name, struct berth_template *ret,
				     struct berth_error *err);
/* BERTH_WRONG_STATE while containers are made of it, unless forced. */
BERTH_PUBLIC int berth_template_delete(struct berth *berth, const char *name, bool force, struct berth_error *err);
typedef int (*berth_template_function)(const struct berth_template *found, void *data);
BERTH_PUBLIC int berth_template_list(struct berth *berth, berth_template_function function, void *data,
				     struct berth_error *err);

/* --- storage -------------------------------------------------------------------------------------------------- */

/* Makes a filesystem with quotas in a sparse file (size as of a key, "50G") and mounts it where the containers will be. fstab gets the
 * line that does so at boot. */
BERTH_PUBLIC int berth_storage_init(struct berth *berth, const char *path, const char *size, char fstab[static 1024],
				    struct berth_error *err);
struct berth_storage {
	char directory[1024];		/* where containers are */
	const char *quota;		/* "project", "qgroup" or "none" */
	char remedy[256];		/* with none: how to get one */
	uint64_t bytes, bytes_free, inodes, inodes_free;
};
BERTH_PUBLIC int berth_storage_show(struct berth *berth, struct berth_storage *ret, struct berth_error *err);

/* --- the host ------------------------------------------------------------------------------------------------ */

enum berth_verdict { BERTH_GOOD, BERTH_WEAK, BERTH_MISSING };
struct berth_finding {
	enum berth_verdict verdict;	/* MISSING: containers cannot run without it */
	const char *what;
	char found[128];
	char remedy[256];		/* "" when good */
};
typedef int (*berth_finding_function)(const struct berth_finding *finding, void *data);
/* Looks over the host; returns the number of MISSING findings. */
BERTH_PUBLIC int berth_check(struct berth *berth, berth_finding_function function, void *data, struct berth_error *err);

/* One resource of the host. Bytes; for cpus thousandths. UINT64_MAX: not known. */
struct berth_host_row {
	const char *name;
	uint64_t physical, usable;	/* all there is; what may be promised */
	uint64_t sold, running;		/* sums of the limits of all containers, of those that run */
	uint64_t unlimited;		/* containers without a limit, which are not in the sums */
	uint64_t guaranteed;		/* sum of guarantees */
	uint64_t used, used_by_containers;
	uint64_t oversell;		/* thousandths: how much may be sold of one that is usable; UINT64_MAX: as much as one likes */
	uint64_t pressure_some, pressure_full;	/* hundredths of a percent of the last ten seconds */
};
enum { BERTH_HOST_MEMORY, BERTH_HOST_SWAP, BERTH_HOST_CPUS, BERTH_HOST_DISK, BERTH_HOST_ROWS };
struct berth_host {
	uint64_t containers, running;
	struct berth_host_row rows[BERTH_HOST_ROWS];
};
/* Takes as long with a thousand containers as with one. */
BERTH_PUBLIC int berth_host(struct berth *berth, struct berth_host *ret, struct berth_error *err);
/* The plans of berth.conf: calls function for every value of every key of each. */
typedef int (*berth_plan_function)(const char *plan, const struct berth_key *key, const char *value, const char *raw, void *data);
BERTH_PUBLIC int berth_plans(struct berth *berth, berth_plan_function function, void *data, struct berth_error *err);
