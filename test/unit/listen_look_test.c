/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_look_test.c - a port that follows a service, with a kernel that does not answer
 *
 * links: listen listen_plan listen_event scan splice tcp_splice udp_splice tcp tcp_state
 * links: tcp_timer tcp_from_guest tcp_from_sock tcp_sack udp dgram dgram_to_guest
 * links: dgram_cut icmp_err
 *
 * Both sides of the namespace's border are this host; the clock is the test's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf.h"
#include "listen.h"
#include "listen_int.h"
#include "sock.h"
#include "splice.h"
#include "test.h"
#include "util.h"
#include "worker.h"

enum { LOOK = 20000 };			/* ms, after which nothing is taken for granted */

static struct conf cf;
static struct worker w = { .cf = &cf, .now = 1000 };
static int asked;			/* questions since the last look began */
static int mute_from;			/* the first one that gets no answer, or 0 */

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	asked++;
	return syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	ssize_t n = syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);

	if (!mute_from || asked < mute_from)
		return n;
	errno = ENOBUFS;
	return -1;
}

static int in_ns(struct worker *wk, int (*fn)(void *ctx), void *ctx)
{
	(void)wk;
	return fn(ctx);
}

static int service(struct side *at)
{
	int fd = sock_open(IPPROTO_TCP, V4);

	*at = (struct side){ .addr = addr_loopback(V4) };
	CHECK(fd >= 0 && !sock_bind(fd, at, 0) && !listen(fd, 4) && !sock_local(fd, at));
	return fd;
}

static void look(int mute)
{
	asked = 0;
	mute_from = mute;
	w.now += LOOK;
	listen_turn(&w);
	CHECK(!mute || asked >= mute);
}

static bool is_open(const struct side *at)
{
	int rc, fd = socket(sock_family(V4), SOCK_STREAM | SOCK_CLOEXEC, 0);
	union sockaddr_any sa;
	socklen_t len = sock_addr(at, 0, &sa);

	rc = connect(fd, &sa.sa, len);
	close(fd);
	return !rc;
}

/* What was seen of a change is forgotten where the rest can't be: nothing is closed, and it
 * is looked at again
 */
int main(void)
{
	struct side at, other, port;
	int fd = service(&at), second, rule = service(&port);
	struct fwd_rule *r = &cf.inbound.rules[cf.inbound.count++];

	close(rule);
	*r = (struct fwd_rule){
		.listen = addr_loopback(V4), .first = port.port, .last = port.port,
		.target_first = at.port, .proto = IPPROTO_TCP, .scan = true,
	};
	w.in_ns = in_ns;
	w.splice = splice_init();
	wheel_init(&w.wheel, w.now);
	CHECK(!loop_init(&w.loop));
	w.listen = listen_init(&cf);
	CHECK(listen_start(&w) && is_open(&port));
	look(0);
	CHECK(is_open(&port));

	/* One question a family: has anything changed? Then the same, to be used. */
	second = service(&other);
	look(IPVERS + 1);
	CHECK(is_open(&port));
	close(second);
	look(1);
	CHECK(is_open(&port));
	close(fd);
	look(IPVERS + 1);
	CHECK(is_open(&port));
	look(0);
	CHECK(!is_open(&port));
	return test_end("listen_look");
}
