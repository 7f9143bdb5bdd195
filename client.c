/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.c - the socket on which virtual machines connect, one at a time
 *
 * A path is free if nobody listens there: a socket that was left behind is replaced,
 * one that answers is not, nor is any other file. Without a path from the user, the
 * usual ones are tried in turn; programs such as qrap look for us there.
 *
 * unix(7). Called by passt.c.
 */
#define _GNU_SOURCE		/* accept4(), struct ucred */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "util.h"

enum { PROBES_MAX = 99, BACKLOG = 16 };

static bool answers(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		die_errno(errno, "Can't open a UNIX domain socket");
	rc = connect(fd, (const struct sockaddr *)at, sizeof(*at)) ? errno : 0;
	close(fd);
	return !rc || rc == EAGAIN;	/* its queue is full */
}

/* Is there something that was never a socket of ours? */
static bool is_foreign(const struct sockaddr_un *at)
{
	struct stat st;

	return !lstat(at->sun_path, &st) && !S_ISSOCK(st.st_mode);
}

/* Take the place of a socket that does not answer: descriptor or -errno */
static int listen_at(const struct sockaddr_un *at)
{
	int fd, rc;

	if (is_foreign(at))
		return -EEXIST;
	if (answers(at))
		return -EADDRINUSE;
	if (unlink(at->sun_path) && errno != ENOENT)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)at, sizeof(*at)) && !listen(fd, BACKLOG))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int client_listen(const struct conf *cf)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int i, fd = -EADDRINUSE;

	if (cf->sock_path[0]) {
		snprintf(at.sun_path, sizeof(at.sun_path), "%.*s",
			 (int)sizeof(at.sun_path) - 1, cf->sock_path);
		fd = listen_at(&at);
	}
	for (i = 1; fd < 0 && !cf->sock_path[0] && i <= PROBES_MAX; i++) {
		snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/passt_%d.socket", i);
		fd = listen_at(&at);
	}
	if (fd < 0)
		die_errno(fd, "Can't bind UNIX domain socket %s", at.sun_path);

	die_unlink(at.sun_path);
	log_info("UNIX domain socket bound at %s", at.sun_path);
	log_info("Start QEMU with, for example: -device virtio-net-pci,netdev=n "
		 "-netdev stream,id=n,server=off,addr.type=unix,addr.path=%s",
		 at.sun_path);
	return fd;
}

/* #syscalls:passt accept4 getsockopt close */
int client_accept(int fd, bool connected)
{
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (conn < 0)
		return -errno;
	getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	log_info("%s connection from PID %d", connected ? "discarding" : "accepted",
		 peer.pid);
	if (!connected)
		return conn;
	close(conn);
	return -EBUSY;
}
