/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log_test.c - levels, time stamps, the bucket, cutting of the log file; links: util
 *
 * Each case runs in a child with standard error in a file: messages go where
 * the state of the process says, and die() ends it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "../../log.h"
#include "../../util.h"

static char text[1 << 18];		/* what a case wrote */
static char log_path[] = "/tmp/log_test.XXXXXX";

/* Exit status of @fn in a child; its standard error is in @text then */
static int run(void (*fn)(void))
{
	char path[] = "/tmp/log_test.XXXXXX";
	int st, fd = mkstemp(path);
	pid_t pid = fork();

	if (!pid) {
		dup2(fd, STDERR_FILENO);
		fn();
		exit(0);
	}
	waitpid(pid, &st, 0);
	CHECK(read_file(path, text, sizeof(text)) >= 0);
	close(fd);
	unlink(path);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static void say_all(void)
{
	log_err("e%d", 1);
	log_warn("w");
	log_info("i");
	log_debug("d");
	log_trace("t");
}

static void quiet(void)
{
	log_set_level(LOG_WARN);
	say_all();
}

static void loud(void)
{
	log_set_level(LOG_TRC);
	say_all();
}

static void stamps(void)
{
	log_set_timestamps(true);
	log_info("late");
}

static void dying(void)
{
	die("bad %s", "thing");
}

static void dying_errno(void)
{
	die_errno(-98, "port %d", 7);
}

static void silent(void)
{
	log_set_stderr(false);
	log_err("lost");
	log_set_stderr(true);
	log_err("found");
}

static char made[2][32] = { "/tmp/log_test.XXXXXX", "/tmp/log_test.XXXXXX" };

static void dying_undone(void)
{
	char copy[32];

	die_unlink(strcpy(copy, made[0]));
	die_unlink("/nonexistent/file");
	memset(copy, 0, sizeof(copy));
	die("gone");
}

static void dying_late(void)
{
	die_unlink(made[1]);
	die_keep();
	die_said();
}

static void t_undone(void)
{
	close(mkstemp(made[0]));
	close(mkstemp(made[1]));
	CHECK(run(dying_undone) == 1 && !strcmp(text, "gone\n"));
	CHECK(access(made[0], F_OK));
	CHECK(run(dying_late) == 1 && !text[0]);
	CHECK(!access(made[1], F_OK));
	unlink(made[1]);
}

static void t_levels(void)
{
	CHECK(!run(say_all) && !strcmp(text, "e1\nw\ni\n"));
	CHECK(!run(quiet) && !strcmp(text, "e1\nw\n"));
	CHECK(!run(loud) && !strcmp(text, "e1\nw\ni\nd\nt\n"));
	CHECK(!run(silent) && !strcmp(text, "found\n"));
	CHECK(run(dying) == 1 && !strcmp(text, "bad thing\n"));
	CHECK(run(dying_errno) == 1 && !strcmp(text, "port 7: Address already in use\n"));
	CHECK(!run(stamps) && !strcmp(text, "0.0000: late\n"));
	CHECK(log_on(LOG_NOTE) && !log_on(LOG_DBG));
}

static void long_line(void)
{
	static char s[9000];

	memset(s, 'x', sizeof(s) - 1);
	log_info("%s", s);
	log_info("end");
}

static void t_long(void)
{
	size_t n;

	CHECK(!run(long_line));
	n = strspn(text, "x");
	CHECK(n > 4096 && n < 9000 && !strcmp(text + n, "\nend\n"));
}

/* 5 at once, 5 a second after that; the next says how many were not written */
static void flood(void)
{
	struct bucket b = { 0 };
	uint64_t now = 1000000;
	int i;

	for (i = 0; i < 100; i++)
		log_limited(&b, now, LOG_NOTE, "m%d", i);
	log_limited(&b, now + 199, LOG_NOTE, "early");
	log_limited(&b, now, LOG_DBG, "never");
	log_limited(&b, now + 200, LOG_NOTE, "next");
	log_limited(&b, now + 200, LOG_NOTE, "dropped");
	for (i = 0; i < 10; i++)
		log_limited(&b, now + 60000, LOG_NOTE, "r%d", i);
	log_limited(&b, now + 61000, LOG_NOTE, "s");
	for (i = 0; i < 10; i++)		/* what was left is not saved up */
		log_limited(&b, now + 62000, LOG_NOTE, "t%d", i);
}

static void t_bucket(void)
{
	CHECK(!run(flood));
	CHECK(!strcmp(text, "m0\nm1\nm2\nm3\nm4\n"
			    "next (96 messages suppressed before this one)\n"
			    "r0 (1 messages suppressed before this one)\n"
			    "r1\nr2\nr3\nr4\n"
			    "s (5 messages suppressed before this one)\n"
			    "t0\nt1\nt2\nt3\nt4\n"));
}

static void file_few(void)
{
	log_set_ident("pasta");
	CHECK(!log_open_file(log_path, 100000));
	log_open_syslog();
	CHECK(read_file(log_path, text, sizeof(text)) > 0 && strstr(text, " (starting)\n"));
	log_set_level(LOG_DBG);
	log_set_stderr(false);
	say_all();
}

/* Everything but digits of a line's time, which must be at the start */
static const char *skip_stamp(const char *s)
{
	size_t n = strspn(s, "0123456789");

	CHECK(n && s[n] == '.' && strspn(s + n + 1, "0123456789") == 4);
	return s + n + 5;
}

static void t_file(void)
{
	static const char *const want[] = {
		": ERROR:   e1\n", ": WARNING: w\n", ": info:    i\n", ": d\n",
	};
	const char *s = text;
	struct stat st;
	size_t i;

	unlink(log_path);
	CHECK(!run(file_few) && !text[0]);
	CHECK(!stat(log_path, &st) && (st.st_mode & 0777) == 0600);
	CHECK(read_file(log_path, text, sizeof(text)) > 0);
	CHECK(!strncmp(s, "pasta ", 6));
	s = strchr(s, '\n') + 1;
	for (i = 0; i < NELEM(want); i++) {
		s = skip_stamp(s);
		CHECK(!strncmp(s, want[i], strlen(want[i])));
		s += strlen(want[i]);
	}
	CHECK(!*s);
	CHECK(log_open_file("/nonexistent/log", 1) < 0);
}

static char big[5000];

/* As a daemon: what the first process said stays, whatever room the PID takes */
static void file_daemon(void)
{
	log_set_stderr(false);
	memset(big, 'x', sizeof(big) - 1);
	log_open_file(log_path, 100000);
	log_info("first");
	log_err("%s", big);
	log_info("last");
	if (!fork()) {
		log_file_pid(getpid());
		log_file_pid(getpid());
		log_info("daemon %ld", (long)getpid());
		_exit(0);
	}
	wait(NULL);
}

static void t_daemon(void)
{
	const char *s = text;
	long pid, said;

	CHECK(!run(file_daemon));
	CHECK(read_file(log_path, text, sizeof(text)) > 0);
	s = strchr(s, '(');
	CHECK(s && sscanf(s, "(%ld)\n", &pid) == 1);
	s = strstr(text, ")\n0.");
	CHECK(s && strstr(s, "info:    first\n"));
	s = strstr(text, "x\n");
	CHECK(s && strstr(s, "info:    last\n"));
	s = strstr(text, "daemon ");
	CHECK(s && sscanf(s, "daemon %ld", &said) == 1 && pid == said);
	CHECK(s && !strcmp(strchr(s, '\n'), "\n"));
}

enum { LINES = 3000, LIMIT = 20000 };

static void file_many(void)
{
	int i;

	log_set_stderr(false);
	log_open_file(log_path, LIMIT);
	log_file_pid(getpid());
	for (i = 0; i < LINES; i++)
		log_info("line %d %.*s", i, i % 40, "........................................");
}

/* Whole lines, in order, up to the last, behind the first line of all */
static void t_cut(void)
{
	int first = -1, last = -1, n;
	long len;
	char *s;

	CHECK(!run(file_many));
	len = read_file(log_path, text, sizeof(text));
	CHECK(len > LIMIT / 2 && len <= LIMIT);
	CHECK(!strncmp(text, "passt ", 6) && text[len - 1] == '\n');
	strtok(text, "\n");
	while ((s = strtok(NULL, "\n"))) {
		s += strcspn(s, " ");
		CHECK(sscanf(s, " info: line %d", &n) == 1);
		if (first < 0)
			first = n;
		else
			CHECK(n == last + 1);
		last = n;
	}
	CHECK(last == LINES - 1 && first > 0);
	unlink(log_path);
}

int main(void)
{
	int fd = mkstemp(log_path);

	close(fd);
	t_levels();
	t_undone();
	t_long();
	t_bucket();
	t_file();
	t_daemon();
	t_cut();
	return test_end("log");
}
