/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: log.c - messages for people: standard error, syslog or a file
 *
 * The one room with state at file scope: where lines go is a property of the
 * process, and die() must work from anywhere. A line reaches each sink in one
 * system call, so that lines of several processes don't mix. Nothing here
 * blocks on the syslog daemon, and a sink that fails is passed over in
 * silence: there is nobody left to tell.
 *
 * syslog takes datagrams at /dev/log, in the form of RFC 3164 without the
 * parts that the daemon knows better (time, host). The socket is connected
 * at start-up because the path is out of reach later.
 *
 * A log file keeps its first line, which says who writes it. When it is full,
 * the oldest third or so of the other lines is cut, at a line's end.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

enum {
	MSG_MAX = 4608,			/* a path and some words */
	CHUNK = 4096,
	CUT_PERCENT = 30,
	BUCKET_TOKENS = 5, BUCKET_MS = 200,	/* burst; one more every so long */
	FACILITY_DAEMON = 3 << 3,	/* RFC 3164, 4.1.1 */
	MADE_MAX = 4,
};

#define PID_LATER	"starting)\n"	/* longer than any PID */

static struct {
	enum log_level max, stderr_max;
	bool stamps, no_stderr;
	const char *ident;
	uint64_t start;			/* ns */
	int syslog_fd;			/* 0: none */
	int file_fd;			/* appends; 0: none */
	int edit_fd;			/* same file, for cutting; 0: can't */
	size_t size;			/* limit, bytes */
	size_t used;			/* bytes in the file */
	size_t head;			/* length of its first line */
} out = { .max = LOG_NOTE, .stderr_max = LOG_TRC, .ident = "passt" };

/* Files for die() to remove, or "" */
static char made[MADE_MAX][PATH_MAX];

static const struct {
	const char *prefix;		/* in a file */
	int severity;			/* RFC 3164, 4.1.1 */
} levels[] = {
	[LOG_ERROR] = { "ERROR:   ", 3 },
	[LOG_WARN]  = { "WARNING: ", 4 },
	[LOG_NOTE]  = { "info:    ", 6 },
	[LOG_DBG]   = { "",	     7 },
	[LOG_TRC]   = { "",	     7 },
};

/* "seconds.fraction: " since start to @buf: its length */
static size_t stamp(char *buf, size_t size)
{
	uint64_t now = now_ns();

	if (!out.start)
		out.start = now;
	now = (now - out.start) / 100000;
	return (size_t)snprintf(buf, size, "%llu.%04llu: ",
				(unsigned long long)now / 10000,
				(unsigned long long)now % 10000);
}

/* Move what lies in the file from @from up to @end to @to, cut the rest
 * #syscalls pread64 pwrite64 ftruncate ftruncate64
 */
static size_t move_down(off_t from, off_t end, off_t to)
{
	char buf[CHUNK];
	ssize_t n;

	while (from < end) {
		n = pread(out.edit_fd, buf, MIN(sizeof(buf), (size_t)(end - from)), from);
		if (n <= 0 || pwrite(out.edit_fd, buf, (size_t)n, to) != n)
			break;
		from += n;
		to += n;
	}
	if (ftruncate(out.edit_fd, to))
		return (size_t)end;
	return (size_t)to;
}

/* Offset behind the first line end at @from or after, or @end */
static off_t line_end(off_t from, off_t end)
{
	char buf[CHUNK], *nl;
	ssize_t n;

	while (from < end) {
		n = pread(out.edit_fd, buf, MIN(sizeof(buf), (size_t)(end - from)), from);
		if (n <= 0)
			break;
		nl = memchr(buf, '\n', (size_t)n);
		if (nl)
			return from + (nl - buf) + 1;
		from += n;
	}
	return end;
}

/* Make room in the log file
 * #syscalls lseek _llseek
 */
static void file_cut(void)
{
	off_t end = lseek(out.edit_fd, 0, SEEK_END);
	off_t head = (off_t)out.head, cut;

	if (end <= head) {			/* somebody else cut it */
		out.used = end > 0 ? (size_t)end : 0;
		return;
	}
	cut = head + (end - head) * CUT_PERCENT / 100;
	out.used = move_down(line_end(cut, end), end, head);
}

/* #syscalls writev */
static void file_write(const struct iovec *iov, int n, size_t len)
{
	ssize_t rc;

	if (out.edit_fd && out.used + len > out.size)
		file_cut();
	rc = writev(out.file_fd, iov, n);
	if (rc > 0)
		out.used += (size_t)rc;
}

/* #syscalls sendmsg */
static void syslog_write(enum log_level level, const struct iovec *msg)
{
	char pre[64];
	struct iovec iov[2] = { { pre, 0 }, *msg };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	iov[0].iov_len = (size_t)snprintf(pre, sizeof(pre), "<%d>%.32s: ",
					  FACILITY_DAEMON + levels[level].severity,
					  out.ident);
	sendmsg(out.syslog_fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Send one line to every sink that is open */
static void emit(enum log_level level, char *msg, size_t len)
{
	char when[32];
	struct iovec iov[] = {
		{ when, out.stamps || out.file_fd ? stamp(when, sizeof(when)) : 0 },
		{ NULL, 0 }, { msg, len }, { (char []){ '\n' }, 1 },
	};
	char prefix[16];

	if (!out.no_stderr && level <= out.stderr_max) {
		bool skip = !out.stamps;

		if (writev(STDERR_FILENO, iov + 2 * skip, 4 - 2 * skip) < 0)
			out.no_stderr = errno == EBADF;
	}
	if (out.syslog_fd)
		syslog_write(level, &iov[2]);
	if (out.file_fd) {
		iov[1].iov_base = prefix;
		iov[1].iov_len = strlen(strcpy(prefix, levels[level].prefix));
		file_write(iov, 4, iov[0].iov_len + iov[1].iov_len + len + 1);
	}
}

/* Formatted text to the @size bytes at @buf, cut if it must be: its length */
static size_t format(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	return n < 0 ? 0 : MIN((size_t)n, size - 1);
}

static void log_va(enum log_level level, const char *fmt, va_list ap)
{
	char msg[MSG_MAX];

	if (log_on(level))
		emit(level, msg, format(msg, sizeof(msg), fmt, ap));
}

void log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_ERROR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_NOTE, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_DBG, fmt, ap);
	va_end(ap);
}

void log_trace(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_TRC, fmt, ap);
	va_end(ap);
}

void die_undo(void)
{
	int i;

	for (i = 0; i < MADE_MAX; i++)
		if (made[i][0])
			unlink(made[i]);
}

void die_said(void)
{
	die_undo();
	exit(1);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_ERROR, fmt, ap);
	va_end(ap);
	die_said();
}

void die_errno(int err, const char *fmt, ...)
{
	char msg[MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	format(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	die("%s: %s", msg, err_str(err));
}

void die_unlink(const char *path)
{
	int i = 0;

	while (i < MADE_MAX && made[i][0])
		i++;
	if (i < MADE_MAX)
		snprintf(made[i], sizeof(made[i]), "%s", path);
}

void die_keep(void)
{
	int i;

	for (i = 0; i < MADE_MAX; i++)
		made[i][0] = '\0';
}

bool log_on(enum log_level level)
{
	return level <= out.max;
}

/* Take a token of @b if there is one */
static bool bucket_take(struct bucket *b, uint64_t now)
{
	uint64_t more = (now - b->refilled) / BUCKET_MS;

	if (!b->refilled || more >= BUCKET_TOKENS - b->tokens) {
		b->tokens = BUCKET_TOKENS;
		b->refilled = MAX(now, 1u);
	} else {
		b->tokens += (uint32_t)more;
		b->refilled += more * BUCKET_MS;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

void log_limited(struct bucket *b, uint64_t now, enum log_level level,
		 const char *fmt, ...)
{
	char msg[MSG_MAX];
	size_t len;
	va_list ap;

	if (!log_on(level))
		return;
	if (!bucket_take(b, now)) {
		b->suppressed++;
		return;
	}

	va_start(ap, fmt);
	len = format(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (b->suppressed) {
		len += (size_t)snprintf(msg + len, sizeof(msg) - len,
					" (%u messages suppressed before this one)",
					b->suppressed);
		len = MIN(len, sizeof(msg) - 1);
		b->suppressed = 0;
	}
	emit(level, msg, len);
}

void log_set_level(enum log_level level)
{
	out.max = level;
}

void log_set_timestamps(bool on)
{
	out.stamps = on;
}

void log_set_ident(const char *ident)
{
	out.ident = ident;
	if (!out.start)
		out.start = now_ns();
}

void log_open_syslog(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd;

	if (out.syslog_fd || out.file_fd)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		close(fd);
	else
		out.syslog_fd = fd;
}

/* First line of the log file: program, version, executable, and in parentheses the PID,
 * for which log_file_pid() takes the room of PID_LATER. 0 or -errno.
 */
static int file_head(void)
{
	char exe[1024], pid[24] = PID_LATER, line[sizeof(exe) + 128];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int len;

	exe[MAX(n, 0)] = '\0';
	if (!out.edit_fd)
		snprintf(pid, sizeof(pid), "%ld)\n", (long)getpid());
	len = snprintf(line, sizeof(line), "%.32s %s: %s (%s", out.ident, VERSION, exe,
		       pid);
	n = write(out.file_fd, line, MIN((size_t)len, sizeof(line) - 1));
	if (n < 0)
		return -errno;
	out.head = out.used = (size_t)n;
	return 0;
}

void log_file_pid(long pid)
{
	const size_t room = sizeof(PID_LATER) - 1;
	char text[24];
	off_t at = (off_t)(out.head - room), end;
	int len;

	if (!out.edit_fd || out.head < room)
		return;
	if (pread(out.edit_fd, text, room, at) != (ssize_t)room ||
	    memcmp(text, PID_LATER, room))
		return;
	len = snprintf(text, sizeof(text), "%ld)\n", pid);
	end = lseek(out.edit_fd, 0, SEEK_END);
	if (len <= 0 || (size_t)len > room || end < (off_t)out.head ||
	    pwrite(out.edit_fd, text, (size_t)len, at) != len)
		return;
	out.used = move_down((off_t)out.head, end, at + len);
	out.head = (size_t)at + (size_t)len;
}

int log_open_file(const char *path, size_t size)
{
	struct stat st;
	int fd;

	fd = open(path, O_CREAT | O_TRUNC | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (out.syslog_fd)
		close(out.syslog_fd);
	out.syslog_fd = 0;
	out.file_fd = fd;
	out.size = size;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		out.edit_fd = MAX(fd, 0);
	}
	return file_head();
}

void log_set_stderr(bool on)
{
	out.no_stderr = !on;
}

void log_limit_stderr(enum log_level level)
{
	out.stderr_max = level;
}
