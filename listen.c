/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.c - forwarded ports: which sockets there are to be, and when that is looked at
 *
 * DOC: a client of a forwarded port should be refused by the kernel, not accepted and
 * then reset, when nobody would answer it. So with "auto" there is no socket, and for a
 * fixed port one that is bound but does not listen, until a socket that serves the port
 * is seen in the namespace that it leads to (listen_look.c). What there is to be is worked
 * out anew for every port (listen_plan.c), and then done, as far as it differs.
 *
 * There is nothing to see in a virtual machine, nor where a rule names another
 * machine as its target, nor in a namespace that may pass on what comes to it:
 * there a port is always open, and who is not answered is reset.
 *
 * Sockets in the guest's namespace are opened by calls through w->in_ns.
 * Called by passt.c and listen_look.c.
 */
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conf.h"
#include "listen_int.h"
#include "sock.h"
#include "util.h"
#include "worker.h"

enum {
	START_TRIES = 250, START_WAIT = 4,	/* ms: an earlier process may be ending */
	SAY_MAX = 4,			/* failures of a rule that are told one by one */
};

static struct listen_table *table_of(struct worker *w, enum listen_dir dir)
{
	return &w->listen->table[dir];
}

/* What the kernel can do */
struct means { bool v6, device; };

static struct means find_means(void)
{
	struct means m = { .device = true };
	int fd = sock_open(IPPROTO_UDP, V6);

	m.v6 = fd != -EAFNOSUPPORT;
	if (fd < 0)
		fd = sock_open(IPPROTO_UDP, V4);
	if (fd >= 0) {
		m.device = sock_device(fd, "lo") != -EPERM;
		close(fd);
	}
	return m;
}

/* Without IPv6, what was meant for both is for IPv4; where sockets can't be bound to
 * loopback's device, they are to its addresses
 */
static void set_rules(struct listen_table *t, const struct fwd_table *rules, struct means m)
{
	int i;

	t->rules = *rules;
	for (i = 0; i < rules->count; i++) {
		struct fwd_rule *r = &t->rules.rules[i];

		t->base[i + 1] = t->base[i] + r->last - r->first + 1;
		if (t->dir == LISTEN_OUT && !m.device)
			r->ifname[0] = '\0';
		if (r->dual && !m.v6) {
			r->dual = false;
			r->listen = addr_any(V4);
		}
	}
}

struct listeners *listen_init(const struct conf *cf)
{
	static struct listeners l;
	struct means m = find_means();
	struct rlimit lim = { 0 };

	getrlimit(RLIMIT_NOFILE, &lim);
	l.weak_max = MIN(lim.rlim_cur, (rlim_t)INT32_MAX);
	l.weak_max -= l.weak_max / 8;
	l.spare = -1;
	l.dual_default = sock_dual_default();
	l.table[LISTEN_OUT].dir = LISTEN_OUT;
	set_rules(&l.table[LISTEN_IN], &cf->inbound, m);
	set_rules(&l.table[LISTEN_OUT], &cf->outbound, m);
	if (cf->outbound.count && !m.device)
		log_warn("Sockets can't be bound to a device: ports of the namespace are "
			 "forwarded from 127.0.0.1 and ::1 only");
	return &l;
}

/* Tags */

union tag listen_tag(const struct listen_table *t, uint32_t index, int slot)
{
	return (union tag){
		.index = index << 3 | (uint32_t)slot << 1 | t->dir, .kind = EV_LISTEN,
	};
}

bool listen_find(struct listeners *l, union tag tag, struct listen_at *at)
{
	struct listen_table *t = &l->table[tag.index & 1];
	uint32_t index = tag.index >> 3, slot = tag.index >> 1 & 3;
	int i;

	for (i = 0; i < t->rules.count && t->base[i + 1] <= index; i++)
		;
	if (i == t->rules.count || slot >= SLOTS)
		return false;
	*at = (struct listen_at){
		.rule = &t->rules.rules[i], .table = t,
		.state = &t->ports[index],
		.port = t->rules.rules[i].first + (index - t->base[i]),
		.fd = t->ports[index].fd[slot] - 1,
	};
	at->both = slot == SLOT_RULE && at->rule->dual;
	at->v6 = slot == SLOT_V6 || (slot == SLOT_RULE && !addr_is4(&at->rule->listen));
	return at->fd >= 0 && t->ports[index].state[slot] >= SLOT_ON;
}

/* Messages */

enum { PLACE_STRLEN = ADDR_STRLEN + 48 };

/* "HOST TCP port 0.0.0.0%eth0/80"; programs that start us look for it */
static const char *place_str(const struct listen_table *t, const struct fwd_rule *r,
			     uint16_t port, char buf[PLACE_STRLEN])
{
	char a[ADDR_STRLEN];

	snprintf(buf, PLACE_STRLEN, "%s %s port %s%s%s/%u",
		 t->dir == LISTEN_IN ? "HOST" : "SPLICE",
		 r->proto == IPPROTO_TCP ? "TCP" : "UDP",
		 r->dual ? "*" : addr_str(&r->listen, a), r->ifname[0] ? "%" : "",
		 r->ifname, port);
	return buf;
}

static const char *hint(const struct fwd_rule *r, int err, uint16_t port)
{
	switch (-err) {
	case EMFILE:
		return " (each port takes a descriptor: see ulimit -Hn)";
	case ENFILE:
		return " (each port takes a descriptor: see sysctl fs.file-max)";
	case EACCES:
		return port < 1024 ? " (see sysctl net.ipv4.ip_unprivileged_port_start)" :
				     "";
	case EPERM:
		return r->ifname[0] ?
			" (binding to a device takes privileges before Linux 5.7)" : "";
	default:
		return "";
	}
}

/* A port could not be had: is that the end? */
static bool failed(struct worker *w, const struct listen_table *t, const struct fwd_rule *r,
		   uint16_t port, int err, unsigned before)
{
	static const char fmt[] = "Listen failed for %s: %s%s";
	bool fatal = !w->listen->running && !r->weak;
	const char *why = hint(r, err, port);
	char buf[PLACE_STRLEN];

	place_str(t, r, port, buf);
	if (fatal)
		log_err(fmt, buf, err_str(err), why);
	else if (w->listen->running)
		log_limited(&w->log_tokens, w->now, LOG_WARN, fmt, buf, err_str(err), why);
	else if (before < SAY_MAX)
		log_warn(fmt, buf, err_str(err), why);
	return fatal;
}

/* One socket */

static int slot_fd(const struct listen_port *p, int slot)
{
	return p->fd[slot] - 1;
}

static void close_slot(struct listen_port *p, int slot)
{
	if (p->fd[slot])
		close(slot_fd(p, slot));
	p->fd[slot] = 0;
	p->state[slot] = SLOT_NONE;
}

static int open_patiently(struct worker *w, const struct sock_place *p, bool must)
{
	int i, rc;

	for (i = 0; ; i++) {
		rc = sock_listen_open(p);
		if (rc != -EADDRINUSE || !must || w->listen->running || i == START_TRIES)
			return rc;
		usleep(START_WAIT * 1000);
	}
}

static int open_slot(struct worker *w, const struct listen_table *t,
		     const struct fwd_rule *r, struct listen_port *p, uint16_t port,
		     int slot, enum slot_state st)
{
	struct sock_place place = listen_place(r, port, slot, st);
	int fd;

	if (r->weak && w->listen->full)
		return -EMFILE;
	place.freebind = w->cf->freebind;
	place.dual_default = w->listen->dual_default && t->dir == LISTEN_IN;
	place.shared = slot != SLOT_RULE && p->fd[SLOT_RULE];
	fd = open_patiently(w, &place, !r->weak);
	if (fd < 0)
		return fd;
	if (r->weak && fd >= w->listen->weak_max) {
		close(fd);
		w->listen->full = true;
		return -EMFILE;
	}
	p->fd[slot] = fd + 1;
	p->state[slot] = r->proto == IPPROTO_TCP ? SLOT_PARKED : st;
	return 0;
}

int listen_watch(struct worker *w, int fd, union tag tag)
{
	int rc = loop_add(&w->loop, fd, EPOLLIN, tag);

	return rc == -EEXIST ? loop_mod(&w->loop, fd, EPOLLIN, tag) : rc;
}

/* From here on peers are welcome */
static int turn_on(struct worker *w, struct listen_table *t, const struct fwd_rule *r,
		   struct listen_port *p, int slot, enum slot_state st)
{
	int rc = 0, fd = slot_fd(p, slot);

	if (p->state[slot] == SLOT_PARKED && r->proto == IPPROTO_TCP)
		rc = sock_listen_start(fd);
	else if (p->state[slot] == SLOT_PARKED)
		sock_listen_refuse(fd, false);
	if (!rc)
		rc = listen_watch(w, fd, listen_tag(t, p - t->ports, slot));
	if (!rc)
		p->state[slot] = st;
	return rc;
}

static void park(struct worker *w, const struct fwd_rule *r, struct listen_port *p,
		 int slot)
{
	loop_del(&w->loop, slot_fd(p, slot));
	if (r->proto == IPPROTO_TCP)
		sock_listen_park(slot_fd(p, slot));
	else
		sock_listen_refuse(slot_fd(p, slot), true);
	p->state[slot] = SLOT_PARKED;
}

/* All sockets of a port */

/* Close and park what is too much, first, as it is in the way of the rest */
static void reduce(struct worker *w, const struct fwd_rule *r, struct listen_port *p,
		   const uint8_t plan[SLOTS])
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (!p->fd[i] || p->state[i] == plan[i])
			continue;
		if (plan[i] == SLOT_PARKED)
			park(w, r, p, i);
		else if (plan[i] == SLOT_NONE || p->state[i] != SLOT_PARKED)
			close_slot(p, i);
	}
}

static int extend_slot(struct worker *w, struct listen_table *t, const struct fwd_rule *r,
		       struct listen_port *p, uint16_t port, int slot, enum slot_state st)
{
	int rc = p->fd[slot] ? 0 : open_slot(w, t, r, p, port, slot, st);

	if (!rc && st != SLOT_PARKED && w->listen->started)
		rc = turn_on(w, t, r, p, slot, st);
	if (rc && slot != SLOT_RULE)
		close_slot(p, slot);
	return rc;
}

static int extend(struct worker *w, struct listen_table *t, const struct fwd_rule *r,
		  struct listen_port *p, uint16_t port, const uint8_t plan[SLOTS])
{
	bool udp = r->proto == IPPROTO_UDP;	/* peers' sockets will join them */
	int rc = 0, i;

	for (i = 0; i < SLOTS && !rc; i++) {
		bool among = i != SLOT_RULE && p->fd[SLOT_RULE];

		if (plan[i] == SLOT_NONE || (p->fd[i] && p->state[i] == plan[i]))
			continue;
		if (among)
			sock_listen_share(slot_fd(p, SLOT_RULE), true);
		rc = extend_slot(w, t, r, p, port, i, plan[i]);
		if (among)
			sock_listen_share(slot_fd(p, SLOT_RULE), udp);
	}
	return rc;
}

bool listen_is_seen(const struct worker *w, const struct listen_table *t,
		    const struct fwd_rule *r)
{
	enum ipver v = addr_ver(&r->target);

	if (r->scan)
		return true;
	if (!w->in_ns)
		return false;
	return t->dir == LISTEN_OUT || addr_is_any(&r->target) ||
	       addr_eq(&r->target, &w->guest.seen[v]) ||
	       addr_eq(&r->target, &w->cf->net[v].addr);
}

bool listen_is_followed(const struct worker *w, const struct listen_table *t,
			const struct fwd_rule *r)
{
	return r->scan || (r->proto == IPPROTO_TCP && listen_is_seen(w, t, r));
}

struct apply {
	struct worker *w;
	struct listen_table *t;
	bool leaf;			/* what is not seen is not there */
	bool ask;			/* do nothing: is there anything to do? */
};

enum { REACH_SEEN = -1 };

/* Who would be answered at all ports of a rule, or REACH_SEEN: who the map says */
static int rule_reach(const struct apply *a, const struct fwd_rule *r)
{
	if (!a->w->listen->started && r->proto == IPPROTO_TCP)
		return 0;
	if (r->scan || (a->leaf && listen_is_followed(a->w, a->t, r)))
		return REACH_SEEN;
	return a->t->dir == LISTEN_IN ? REACH_FULL : REACH_LO;
}

/* One port as it should be: 0, or -errno if that is the end; a->ask: 1 if it is not */
static int apply_port(struct apply *a, const struct fwd_rule *r, struct listen_port *p,
		      uint16_t port, unsigned *bad)
{
	uint8_t plan[SLOTS];
	int rc = p->failed;
	bool end = false;

	listen_plan(r, p->reach, plan);
	if (!memcmp(plan, p->state, sizeof(plan))) {
		p->failed = false;
		return 0;
	}
	if (a->ask)
		return !p->failed || a->w->listen->retry;
	reduce(a->w, r, p, plan);
	if (!p->failed || a->w->listen->retry)
		rc = extend(a->w, a->t, r, p, port, plan);
	if (rc && !p->failed)
		end = failed(a->w, a->t, r, port, rc, *bad);
	*bad += !!rc;
	p->failed = rc;
	return end ? rc : 0;
}

/* Who would be answered at one of them; @found: as seen */
static uint8_t port_reach(const struct apply *a, struct listen_port *p, int all,
			  uint8_t found)
{
	if (all == REACH_SEEN)
		return found;
	if (p->refused && a->leaf && found != all)
		return found & all;
	p->refused = false;
	return all;
}

/* All ports of a rule. There may be many, and hardly ever has anything changed. */
static int apply_ports(struct apply *a, const struct fwd_rule *r, struct listen_port *p,
		       unsigned *bad)
{
	const uint8_t *seen = &a->w->listen->map[r->target_first];
	int i, rc, n = r->last - r->first + 1, all = rule_reach(a, r);
	bool udp = r->proto == IPPROTO_UDP;

	for (i = 0; i < n; i++, p++) {
		uint8_t found = udp ? seen[i] | seen[i] >> REACH_UDP_SHIFT : seen[i];
		uint8_t reach = port_reach(a, p, all, found & REACH_FULL);

		if (p->known && p->reach == reach && !p->failed)
			continue;
		if (p->reach != reach)
			a->w->listen->changed_at = a->w->now;
		p->reach = reach;
		p->known = false;
		rc = apply_port(a, r, p, r->first + i, bad);
		if (rc)
			return rc;
		p->known = true;
	}
	return 0;
}

static int apply_rule(struct apply *a, int i)
{
	const struct fwd_rule *r = &a->t->rules.rules[i];
	unsigned bad = 0, n = r->last - r->first + 1u;
	int rc;

	if (!a->w->listen->started && r->scan)
		return 0;
	rc = apply_ports(a, r, &a->t->ports[a->t->base[i]], &bad);
	a->t->failed += bad;
	if (rc || a->w->listen->started || a->ask)
		return rc;
	if (bad > SAY_MAX)
		log_warn("... and for %u more of %u ports", bad - SAY_MAX, n);
	return bad == n && !a->w->listen->full ? -EADDRINUSE : 0;
}

/* May run in the guest's namespace */
static int apply_all(void *ctx)
{
	struct apply *a = ctx;
	int i, rc = 0;

	a->t->failed = 0;
	for (i = 0; i < a->t->rules.count && !rc; i++)
		rc = apply_rule(a, i);
	return rc;
}

int listen_apply(struct worker *w, struct listen_table *t, bool leaf)
{
	struct apply a = { w, t, leaf, true };
	unsigned failed_before = t->failed;

	if (t->dir == LISTEN_OUT && (!w->in_ns || !apply_all(&a))) {
		t->failed = failed_before;
		return 0;
	}
	a.ask = false;
	return t->dir == LISTEN_IN ? apply_all(&a) : w->in_ns(w, apply_all, &a);
}

static void share_port(struct listen_port *p, bool on)
{
	bool among = p->fd[SLOT_V4] || p->fd[SLOT_V6];	/* see extend() */
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (p->fd[i])
			sock_listen_share(slot_fd(p, i), on || (among && i == SLOT_RULE));
	}
}

bool listen_share(struct worker *w, uint16_t port, bool on)
{
	struct listen_table *t;
	bool found = false;
	int i;

	if (!w->listen)
		return false;
	t = table_of(w, LISTEN_IN);
	for (i = 0; i < t->rules.count; i++) {
		const struct fwd_rule *r = &t->rules.rules[i];

		if (r->proto != IPPROTO_UDP || port < r->first || port > r->last)
			continue;
		share_port(&t->ports[t->base[i] + port - r->first], on);
		found = true;
	}
	return found;
}

bool listen_open(struct worker *w, enum listen_dir dir)
{
	struct listen_table *t = table_of(w, dir);

	if (!t->rules.count || !listen_apply(w, t, false))
		return true;
	log_err("Couldn't listen on requested ports");
	return false;
}
