/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h - messages for people: standard error, syslog or a file
 *
 * Where messages go is the one piece of process-wide state (log.c). What a
 * packet can trigger goes through log_limited() and a bucket that the worker
 * owns, so that a flood of packets is never a flood of lines.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTE, LOG_DBG, LOG_TRC };

/* Token bucket: 5 lines a second, bursts of 5 */
struct bucket {
	uint64_t refilled;		/* ms */
	uint32_t tokens;
	uint32_t suppressed;		/* lines not written since the last one */
};

#define LOG_FMT(n)	__attribute__((format(printf, n, n + 1)))

/* Log at a level; a newline is added. Below the threshold: free of charge
 * apart from the evaluation of the arguments.
 */
void log_err(const char *fmt, ...) LOG_FMT(1);
void log_warn(const char *fmt, ...) LOG_FMT(1);
void log_info(const char *fmt, ...) LOG_FMT(1);
void log_debug(const char *fmt, ...) LOG_FMT(1);
void log_trace(const char *fmt, ...) LOG_FMT(1);

/* As log_err(), then exit(1). Start-up only. */
_Noreturn void die(const char *fmt, ...) LOG_FMT(1);

/* As die(), where it has been said what is wrong */
_Noreturn void die_said(void);

/* As die(), with ": " and strerror() of @err (positive or negative errno) */
_Noreturn void die_errno(int err, const char *fmt, ...) LOG_FMT(2);

/* Should die() come, it removes @path, a file that start-up made */
void die_unlink(const char *path);

/* Start-up is over: die() removes nothing any more */
void die_keep(void);

/* Remove what die() would: for a signal that ends start-up */
void die_undo(void);

/* Would a message of this level be written? Guards costly arguments. */
bool log_on(enum log_level level);

/* A message that traffic can trigger: written while @b has tokens, else
 * counted; the next one written says how many were not. @now in ms.
 */
void log_limited(struct bucket *b, uint64_t now, enum log_level level,
		 const char *fmt, ...) LOG_FMT(4);

/* Highest level that is written from now on (default LOG_NOTE) */
void log_set_level(enum log_level level);

/* Prefix lines on standard error with seconds since start (for -d) */
void log_set_timestamps(bool on);

/* @ident for syslog and for the first line of a log file ("passt", "pasta") */
void log_set_ident(const char *ident);

/* Start sending to the syslog daemon's datagram socket as well. No-op if
 * there is none.
 */
void log_open_syslog(void);

/* Log to the file @path instead of syslog, cut its oldest part when it grows
 * beyond @size bytes: 0, or -errno if it can't be opened or written
 */
int log_open_file(const char *path, size_t size);

/* The process that goes on is @pid: to the first line of the log file, which has none
 * until then
 */
void log_file_pid(long pid);

/* Stop (or resume) writing to standard error: the daemon has detached */
void log_set_stderr(bool on);

/* Highest level that goes to standard error, of those that are written at all */
void log_limit_stderr(enum log_level level);

#endif
