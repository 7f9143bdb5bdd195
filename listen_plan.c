/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen_plan.c - what is reachable, and so what should listen; pure
 *
 * A port is to be open for those who would be answered, and for nobody else: by family, and
 * by whether the peer is on loopback, which takes another way. One socket as
 * the rule says serves all. Where only some would be answered, a socket of one family, or
 * at the loopback address, takes its place; that of a fixed rule stays, parked, so that
 * the port is ours.
 */
#include "listen_int.h"
#include "util.h"

static uint8_t bits(enum ipver v, bool all, bool lo)
{
	return (all ? (v == V4 ? REACH_ALL4 : REACH_ALL6) : 0) |
	       (lo ? (v == V4 ? REACH_LO4 : REACH_LO6) : 0);
}

static bool reach_all(uint8_t reach, enum ipver v)
{
	return reach & bits(v, true, false);
}

static bool reach_lo(uint8_t reach, enum ipver v)
{
	return reach & bits(v, false, true);
}

/* Who reaches a service that waits at @a, or at any address, of the family @v */
static uint8_t reach_family(const struct reach_ctx *c, enum ipver v, const struct addr *a,
			    unsigned ifindex)
{
	enum { LO_INDEX = 1 };
	bool any = addr_is_any(a);
	bool at_lo = (any || addr_is_loopback(a)) && (!ifindex || ifindex == LO_INDEX);
	bool at_own = any || addr_eq(a, &c->own[v]) || (v == V6 && addr_eq(a, &c->own_ll));

	/* What loopback's peers send to the own address comes by the loopback device */
	return bits(v, c->remote[v] && at_own && ifindex != LO_INDEX,
		    (c->lo_to_lo[v] && at_lo) ||
		    (c->lo_to_own[v] && at_own && (!ifindex || ifindex == LO_INDEX)));
}

uint8_t listen_reach(const struct reach_ctx *c, const struct scan_sock *sk)
{
	uint8_t reach = reach_family(c, addr_ver(&sk->addr), &sk->addr, sk->ifindex);

	if (sk->dual)
		reach |= reach_family(c, V4, &sk->addr, sk->ifindex);
	return reach;
}

/* Is the rule's address or device one that only peers on loopback come to? */
static bool is_lo(const struct fwd_rule *r)
{
	return addr_is_loopback(&r->listen) || !strcmp(r->ifname, "lo");
}

static bool is_wild(const struct fwd_rule *r)
{
	return addr_is_any(&r->listen) && !r->ifname[0];
}

/* What should wait for peers of family @v */
static enum slot_state want(const struct fwd_rule *r, uint8_t reach, enum ipver v)
{
	if (!r->dual && addr_ver(&r->listen) != v)
		return SLOT_NONE;
	if (reach_all(reach, v) || (is_lo(r) && reach_lo(reach, v)))
		return SLOT_ON;
	return is_wild(r) && reach_lo(reach, v) ? SLOT_ON_LO : SLOT_NONE;
}

void listen_plan(const struct fwd_rule *r, uint8_t reach, uint8_t state[SLOTS])
{
	enum slot_state v4 = want(r, reach, V4), v6 = want(r, reach, V6);
	bool four = r->dual || addr_is4(&r->listen), six = r->dual || !four;

	state[SLOT_RULE] = SLOT_ON;
	state[SLOT_V4] = state[SLOT_V6] = SLOT_NONE;
	if ((!four || v4 == SLOT_ON) && (!six || v6 == SLOT_ON))
		return;

	state[SLOT_RULE] = r->scan ? SLOT_NONE : SLOT_PARKED;
	state[SLOT_V4] = v4;
	state[SLOT_V6] = v6;
}

struct sock_place listen_place(const struct fwd_rule *r, uint16_t port, int slot,
			       enum slot_state st)
{
	struct sock_place p = {
		.at = { r->listen, port }, .ifname = r->ifname, .proto = r->proto,
		.dual = r->dual,
	};

	if (slot == SLOT_RULE)
		return p;
	p.dual = false;
	if (st == SLOT_ON_LO)
		p.at.addr = addr_loopback(slot == SLOT_V4 ? V4 : V6);
	else if (slot == SLOT_V4 && r->dual)
		p.at.addr = addr_any(V4);
	return p;
}
