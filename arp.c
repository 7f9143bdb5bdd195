/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: Address Resolution Protocol
 *
 * Whatever the guest wants to reach lies behind us, so that every address it asks
 * for is at our MAC address. Not so its own: a guest that probes the
 * address it is about to use (RFC 5227) or announces it must not hear of a
 * conflict. Pure: one frame in, at most one out; called by tap.c.
 *
 * References: RFC 826, RFC 5227.
 */
#include "arp.h"

#include <net/ethernet.h>
#include <net/if_arp.h>

#include "msg.h"
#include "conf.h"
#include "pkt.h"
#include "worker.h"

struct arp {
	uint16_t htype, ptype;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t smac[MAC_LEN], sip[4], tmac[MAC_LEN], tip[4];
};

static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };

static struct addr addr_of(const uint8_t ip[4])
{
	uint32_t be;

	memcpy(&be, ip, sizeof(be));
	return addr_v4(be);
}

static bool parse(struct arp *a, struct span s)
{
	span_get(&s, a, sizeof(*a));
	return !s.bad && a->htype == htons(ARPHRD_ETHER) &&
	       a->ptype == htons(ETHERTYPE_IP) && a->hlen == MAC_LEN &&
	       a->plen == sizeof(a->sip) && !(a->smac[0] & 1);
}

bool arp_shows_guest(const struct pkt *p)
{
	struct addr sender;
	struct arp a;

	if (!parse(&a, p->l3))
		return false;
	sender = addr_of(a.sip);
	return addr_is_unicast(&sender);
}

/* Does @ip belong to the guest, for all we know? */
static bool guest_has(const struct net_conf *n, const struct guest *g,
		      const struct addr *ip)
{
	if (addr_eq(ip, &n->addr))
		return true;
	return addr_eq(ip, &g->seen[V4]) && !addr_eq(ip, &n->our) &&
	       !addr_eq(ip, &n->gw);
}

static bool wants_reply(const struct net_conf *n, const struct guest *g,
			const struct arp *a)
{
	struct addr target = addr_of(a->tip);

	if (!memcmp(a->sip, a->tip, sizeof(a->sip)))
		return false;		/* announcement */
	return addr_is_unicast(&target) && !addr_is_loopback(&target) &&
	       !guest_has(n, g, &target);
}

static size_t put_frame(const uint8_t *dmac, const struct arp *a, uint8_t *out,
			size_t max)
{
	struct msg m = msg_begin(out, max, 0, 0);

	msg_put(&m, dmac, MAC_LEN);
	msg_put(&m, a->smac, MAC_LEN);
	msg_put16(&m, ETHERTYPE_ARP);
	msg_put(&m, a, sizeof(*a));
	return m.full ? 0 : m.len;
}

size_t arp_reply(const struct conf *cf, const struct guest *g,
		 const struct pkt *p, uint8_t *out, size_t max)
{
	const struct net_conf *n = &cf->net[V4];
	struct arp in, re;

	if (!n->enabled || !parse(&in, p->l3) || in.op != htons(ARPOP_REQUEST) ||
	    !wants_reply(n, g, &in))
		return 0;

	re = in;
	re.op = htons(ARPOP_REPLY);
	memcpy(re.smac, cf->our_mac, MAC_LEN);
	memcpy(re.sip, in.tip, sizeof(re.sip));
	memcpy(re.tmac, in.smac, MAC_LEN);
	memcpy(re.tip, in.sip, sizeof(re.tip));
	return put_frame(re.tmac, &re, out, max);
}

size_t arp_probe(const struct conf *cf, const struct guest *g, uint8_t *out,
		 size_t max)
{
	const struct net_conf *n = &cf->net[V4];
	const struct addr *target = &g->seen[V4];
	struct arp a = {
		.htype = htons(ARPHRD_ETHER), .ptype = htons(ETHERTYPE_IP),
		.hlen = MAC_LEN, .plen = sizeof(a.sip), .op = htons(ARPOP_REQUEST),
	};

	if (addr_is_any(target))
		target = &n->addr;
	if (!n->enabled || addr_is_any(target))
		return 0;

	memcpy(a.smac, cf->our_mac, MAC_LEN);
	memcpy(a.sip, &n->our.b[12], sizeof(a.sip));
	memcpy(a.tip, &target->b[12], sizeof(a.tip));
	return put_frame(broadcast, &a, out, max);
}
