/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dgram.c - flows of datagrams: open, mark, report errors, close
 *
 * A flow's socket is connected to the peer, so that errors find it and strangers
 * don't. It is bound to the guest's port, which must be shared: one guest port may
 * talk to many peers. What arrived between bind() and connect() came from anybody
 * and is thrown away. Multicast and broadcast are answered from unicast addresses:
 * there the socket stays unconnected, and the guest sees who really answered.
 *
 * What the socket receives goes to the guest in dgram_to_guest.c.
 *
 * Called by udp.c and icmp.c. RFC 768, 792, 1122 (3.2, 4.1), 4443, 8085.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "dgram.h"
#include "dgram_int.h"
#include "fwd.h"
#include "listen.h"
#include "util.h"

enum {
	RCVBUF = 4 << 20,
	TURN_ERRORS = 64,		/* budget of a flow in a turn */
	TIMEOUT = 30, TIMEOUT_STREAM = 120,	/* s, if the host has no opinion */
	QUOTED_MAX = 1280,
};

static unsigned read_timeout(const char *path, unsigned otherwise)
{
	char buf[32];
	uint64_t v = 0;
	size_t len;

	if (read_file(path, buf, sizeof(buf)) < 0)
		return otherwise * 1000;
	len = strcspn(buf, "\n");
	buf[len] = '\0';
	if (parse_num(buf, 86400, &v) || !v)
		return otherwise * 1000;
	return v * 1000;
}

struct dgram_state *dgram_init(void)
{
	static struct dgram_state x;

	x.timeout = read_timeout("/proc/sys/net/netfilter/nf_conntrack_udp_timeout",
				 TIMEOUT);
	x.timeout_stream =
		read_timeout("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream",
			     TIMEOUT_STREAM);
	random_fill(&x.frag_id, sizeof(x.frag_id));
	return &x;
}

static enum ipver ver_of(const struct flow *f)
{
	return addr_ver(&f->guest.addr);
}

static int bind_to(struct worker *w, const struct dgram *d, uint16_t port)
{
	enum ipver v = ver_of(&d->f);
	struct side at = { addr_any(v), port };

	if (addr_is_loopback(&d->remote.addr))
		return sock_bind(d->f.fd, &at, 0);
	return sock_bind_outbound(w->cf, d->f.fd, v, port);
}

/* To the guest's port, which may be one that we forward; or to any if that is taken or not
 * for us
 */
static int bind_port(struct worker *w, const struct dgram *d)
{
	uint16_t port = d->f.guest.port;
	int rc = 0;

	if (!addr_is_loopback(&d->remote.addr))
		rc = sock_outbound_device(w->cf, d->f.fd, ver_of(&d->f));
	if (rc)
		return rc;
	rc = bind_to(w, d, port);
	if (rc == -EADDRINUSE && dgram_is_udp(d) && !d->any_peer &&
	    listen_share(w, port, true)) {
		rc = bind_to(w, d, port);
		listen_share(w, port, false);
	}
	return rc ? bind_to(w, d, 0) : 0;
}

static int connect_peer(struct worker *w, struct dgram *d)
{
	const struct flow *f = &d->f;
	int rc;

	if (!d->any_peer) {
		rc = sock_connect(f->fd, &d->remote,
				  w->cf->net[ver_of(f)].template_index);
		if (!rc)
			sock_dgram_drain(f->fd);
		if (rc != -EACCES || !dgram_is_udp(d))
			return rc;
		d->any_peer = true;	/* a broadcast address: the kernel knows */
		if (listen_share(w, f->guest.port, false))
			return rc;	/* it would get what is to be forwarded */
	}
	return sock_opt(f->fd, SOL_SOCKET, SO_BROADCAST, 1);
}

/* Once, in words for those who can change it */
static void warn_ping(struct worker *w)
{
	if (w->dgram->ping_warned)
		return;
	w->dgram->ping_warned = true;
	log_warn("No echo for the guest: ping sockets are not allowed, "
		 "see net.ipv4.ping_group_range in icmp(7)");
}

void dgram_tune(const struct worker *w, int fd)
{
	sock_opt(fd, SOL_SOCKET, SO_RCVBUF, RCVBUF);	/* what the host allows, for bursts */
	if (w->link->caps & LINK_TX_USO)
		sock_dgram_gro(fd);	/* without it: one datagram at a time */
}

/* A socket like the flow's; -errno leaves it to the caller to close it */
static int open_socket(struct worker *w, struct dgram *d, enum ev_kind kind)
{
	struct flow *f = &d->f;
	bool udp = dgram_is_udp(d);
	int rc;

	rc = sock_open(udp ? IPPROTO_UDP : IPPROTO_ICMP, ver_of(f));
	if (rc == -EACCES && !udp) {
		warn_ping(w);
		return -ENOTSUP;
	}
	if (rc < 0)
		return rc;
	f->fd = rc;

	rc = sock_dgram_setup(f->fd, ver_of(f));
	if (!rc && udp && !d->any_peer)
		rc = sock_opt(f->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (udp)
		dgram_tune(w, f->fd);
	if (!rc)
		rc = bind_port(w, d);
	if (!rc)
		rc = connect_peer(w, d);
	if (!rc)
		rc = loop_add(&w->loop, f->fd, EPOLLIN | EPOLLET,
			      flow_tag(w, f, kind));
	return rc;
}

static int open_flow(struct worker *w, enum flow_type type, const struct pkt *p,
		     struct dgram **out)
{
	enum ev_kind kind = type == FLOW_UDP ? EV_UDP : EV_ICMP;
	struct side remote;
	struct dgram *d;
	bool any_peer;
	int rc;

	rc = fwd_from_guest(w->cf, p->proto, &p->dst, &remote);
	if (rc < 0)
		return rc;
	d = dgram_of(flow_new(w, type, p->proto));
	if (!d)
		return -ENOSPC;

	d->f.from_guest = true;
	d->f.guest = p->src;
	d->f.seen = p->dst;
	d->remote = remote;
	d->ttl = DGRAM_TTL;
	d->train_max = UINT16_MAX;
	d->any_peer = addr_is_multicast(&remote.addr) ||
		      addr_is_broadcast(&remote.addr);
	any_peer = d->any_peer;
	rc = open_socket(w, d, kind);
	if ((rc == -EACCES && d->any_peer != any_peer) || flow_make_room(w, rc)) {
		if (d->f.fd >= 0)
			close(d->f.fd);
		d->f.fd = -1;
		rc = open_socket(w, d, kind);
	}
	if (rc < 0) {
		dgram_close(w, d);
		return rc;
	}
	flow_hash(w, &d->f);
	*out = d;
	return 0;
}

/* Why can there be no flow? Tells the guest what it should know. */
static enum drop refused(struct worker *w, const struct pkt *p, int err)
{
	if (icmp_err_refuse(w, p, err))
		return DROP_NOFLOW;
	switch (-err) {
	case EAFNOSUPPORT:
		return DROP_DISABLED;
	case ENOTSUP:
		return DROP_SOCK;
	default:
		return DROP_FLOWS;
	}
}

struct dgram *dgram_from_guest(struct worker *w, enum flow_type type,
			       const struct pkt *p, int n)
{
	struct dgram *d = dgram_of(flow_find(w, p->proto, &p->src, &p->dst));
	int rc;

	if (likely(d))
		return d;
	if (!addr_is_unicast(&p->src.addr)) {
		w->stats.drop[DROP_ADDR] += n;
		return NULL;
	}
	rc = open_flow(w, type, p, &d);
	if (!rc)
		return d;
	flow_refused(w, type, &p->src, &p->dst, rc);
	w->stats.drop[refused(w, p, rc)] += n;
	return NULL;
}

void dgram_mark(struct dgram *d, const struct pkt *p)
{
	enum ipver v = ver_of(&d->f);
	bool may;

	if (unlikely(p->ttl != d->ttl) && p->ttl) {
		bool multicast = addr_is_multicast(&d->remote.addr);

		if (!sock_dgram_ttl(d->f.fd, v, multicast, p->ttl))
			d->ttl = p->ttl;
	}
	if (unlikely(p->tos != d->tos) && !sock_dgram_tos(d->f.fd, v, p->tos))
		d->tos = p->tos;
	icmp_err_note(&d->quote, p);
	may = v == V4 && !icmp_err_noted_df(&d->quote);
	if (unlikely(may != d->may_fragment) && !sock_dgram_fragment(d->f.fd, may))
		d->may_fragment = may;
}

static void tell_guest(struct worker *w, struct dgram *d, const struct sock_err *se,
		       const uint8_t *payload)
{
	const struct flow *f = &d->f;
	enum ipver v = ver_of(f);
	struct icmp_err e = {
		.quote = &d->quote, .guest = &f->guest, .seen = &f->seen,
		.payload = payload, .len = se->len,
	};

	if (addr_is_any(&se->from))
		e.from = w->cf->net[v].our;
	else if (addr_eq(&se->from, &d->remote.addr))
		e.from = f->seen.addr;
	else
		e.from = fwd_show(w->cf, &w->guest, &se->from);
	if (addr_is_any(&e.from))
		e.from = f->seen.addr;
	if (!dgram_is_udp(d)) {		/* the echo header is quoted as payload */
		if (se->len < DGRAM_HLEN)
			return;
		memcpy(d->quote.l4 + 6, payload + 6, 2);
		e.payload = payload + DGRAM_HLEN;
		e.len -= DGRAM_HLEN;
	}
	icmp_err_send(w, &e, se);
}

/* What is more than a turn's share, the loop reports again */
static void drain_errors(struct worker *w, struct dgram *d)
{
	uint8_t buf[QUOTED_MAX];
	struct sock_err se;
	int i;

	for (i = 0; i < TURN_ERRORS; i++) {
		if (sock_dgram_error(d->f.fd, &se, buf, sizeof(buf)))
			return;
		if (!addr_is_multicast(&d->remote.addr))
			tell_guest(w, d, &se, buf);
	}
	loop_mod(&w->loop, d->f.fd, EPOLLIN | EPOLLET,
		 flow_tag(w, &d->f, dgram_is_udp(d) ? EV_UDP : EV_ICMP));
}

void dgram_event(struct worker *w, union tag tag, uint32_t events)
{
	struct dgram *d = dgram_of(flow_by_tag(w, tag));

	if (!d)
		return;
	if (unlikely(events & EPOLLERR))
		drain_errors(w, d);
	d->readable = true;
	flow_dirty(w, &d->f);
}

/* #syscalls close */
void dgram_close(struct worker *w, struct dgram *d)
{
	if (d->f.fd >= 0)
		close(d->f.fd);
	flow_free(w, &d->f);
}
