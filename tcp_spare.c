/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_spare.c - sockets that have had their connection, kept for the next one
 *
 * Where connections follow each other quickly, making, setting up and closing a
 * socket is a good part of their cost. connect() to AF_UNSPEC makes one that is through
 * as good as new (connect(2)). Only sockets without an address or device of their own,
 * for which nothing is left to be done by the kernel, are kept, a few, for a second.
 * Called by tcp.c.
 */
#include "tcp_spare.h"

#include <unistd.h>

#include "conf.h"
#include "sock.h"
#include "worker.h"

enum { SPARES = 4, KEEP_MS = 1000 };

struct tcp_spares {
	struct timer timer;
	uint8_t n[IPVERS];
	int fd[IPVERS][SPARES];
};

struct tcp_spares *tcp_spare_init(void)
{
	static struct tcp_spares spares;

	return &spares;
}

struct timer *tcp_spare_timer(struct worker *w)
{
	return &w->spares->timer;
}

static bool plain(const struct worker *w, enum ipver ver)
{
	const struct net_conf *n = &w->cf->net[ver];

	return !n->outbound_if[0] && addr_is_any(&n->outbound);
}

bool tcp_spare_put(struct worker *w, int fd, enum ipver ver)
{
	struct tcp_spares *s = w->spares;

	if (s->n[ver] == SPARES || !plain(w, ver) || sock_disconnect(fd))
		return false;
	s->fd[ver][s->n[ver]++] = fd;
	timer_set(&w->wheel, &s->timer, w->now + KEEP_MS);
	return true;
}

int tcp_spare_take(struct worker *w, enum ipver ver)
{
	struct tcp_spares *s = w->spares;

	return s->n[ver] ? s->fd[ver][--s->n[ver]] : -1;
}

/* #syscalls close */
void tcp_spare_expire(struct worker *w)
{
	enum ipver v;
	int fd;

	timer_stop(&w->wheel, &w->spares->timer);
	for (v = V4; v < IPVERS; v++)
		while ((fd = tcp_spare_take(w, v)) >= 0)
			close(fd);
}
