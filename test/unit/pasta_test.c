/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pasta_test.c - watching paths and processes, exit statuses
 * links: pasta_watch isolation
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "isolation.h"
#include "pasta.h"
#include "test.h"

static char dir[64];

static const char *at(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

static void touch(const char *name)
{
	char path[128];

	close(open(at(name, path, sizeof(path)), O_CREAT | O_WRONLY, 0600));
}

static void drop(const char *name)
{
	char path[128];

	CHECK(!unlink(at(name, path, sizeof(path))));
}

/* Something is reported within @ms, and says that the namespace is gone */
static int gone_within(struct pasta *p, int ms)
{
	struct pollfd pfd = { .fd = p->watch, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1 && pasta_watch_event(p);
}

static struct pasta watch_path(const char *path, int no_quit)
{
	static struct conf cf;
	struct pasta p = { .netns = -1, .go = -1, .tap = -1,
			   .watch = -1, .watch_dir = -1 };

	cf.no_netns_quit = no_quit;
	snprintf(p.path, sizeof(p.path), "%s", path);
	CHECK(pasta_watch_open(&p, &cf) == p.watch);
	return p;
}

static void t_removed(void)
{
	char path[128];
	struct pasta p;

	touch("ns");
	p = watch_path(at("ns", path, sizeof(path)), 0);
	CHECK(p.watch >= 0 && !gone_within(&p, 0));
	touch("ns2");
	drop("ns2");
	CHECK(!gone_within(&p, 50));
	drop("ns");
	CHECK(gone_within(&p, 1000));
	close(p.watch);
}

static void t_renamed(void)
{
	char from[128], to[128];
	struct pasta p;

	touch("ns");
	p = watch_path(at("ns", from, sizeof(from)), 0);
	CHECK(!rename(from, at("other", to, sizeof(to))));
	CHECK(gone_within(&p, 1000));
	close(p.watch);
	drop("other");
}

static void t_directory_removed(void)
{
	char path[128], sub[128];
	struct pasta p;

	CHECK(!mkdir(at("sub", sub, sizeof(sub)), 0700));
	touch("sub/ns");
	p = watch_path(at("sub/ns", path, sizeof(path)), 0);
	drop("sub/ns");
	CHECK(!rmdir(sub));
	CHECK(gone_within(&p, 1000));
	close(p.watch);
}

static void t_not_watched(void)
{
	char path[128];
	struct pasta p;

	touch("ns");
	p = watch_path(at("ns", path, sizeof(path)), 1);
	CHECK(p.watch == -1);
	drop("ns");
}

/* A path in procfs is watched through its process, and tells at once */
static void t_process(void)
{
	char path[64];
	struct pasta p;
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	p = watch_path(path, 0);
	CHECK(p.watch >= 0 && !gone_within(&p, 20));
	kill(pid, SIGKILL);
	CHECK(gone_within(&p, 500));
	waitpid(pid, NULL, 0);
	close(p.watch);
}

/* What can't be named by its process is looked at every second */
static void t_procfs_self(void)
{
	struct pasta p = watch_path("/proc/self/ns/net", 0);

	CHECK(p.watch >= 0 && !gone_within(&p, 1200));
	close(p.watch);
	close(p.watch_dir);
}

static void t_status(void)
{
	static const struct { int code, sig, status; } v[] = {
		{ 0, 0, 0 }, { 7, 0, 7 }, { 255, 0, 255 },
		{ 0, SIGKILL, 137 }, { 0, SIGTERM, 143 },
	};
	unsigned i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct pasta p = { .tap = -1 };
		siginfo_t si;
		int status = -1;

		CHECK(!pasta_child_status(&p, &status) && status == -1);
		p.child = fork();
		if (!p.child) {
			if (v[i].sig)
				kill(getpid(), v[i].sig);
			_exit(v[i].code);
		}
		waitid(P_PID, (id_t)p.child, &si, WEXITED | WNOWAIT);
		CHECK(pasta_child_status(&p, &status));
		CHECK(status == v[i].status && !p.child);
		CHECK(!pasta_child_status(&p, &status));
	}
}

static void t_nothing_to_do(void)
{
	static struct conf cf;
	struct pasta p;

	pasta_open(&p, &cf);
	CHECK(p.netns == -1 && p.userns == ISOLATE_NEW && !p.child);
	CHECK(pasta_caps(&p) == 0);
	CHECK(pasta_in_ns(&p, NULL, NULL) < 0);
	pasta_go(&p);
	CHECK(!pasta_watch_event(&p));
}

int main(void)
{
	snprintf(dir, sizeof(dir), "/tmp/pasta_test.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	t_removed();
	t_renamed();
	t_directory_removed();
	t_not_watched();
	t_process();
	t_procfs_self();
	t_status();
	t_nothing_to_do();
	CHECK(!rmdir(dir));
	return test_end("pasta");
}
