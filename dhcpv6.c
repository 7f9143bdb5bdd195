/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: DHCPv6 server
 *
 * There is one address to give, for ever, so there is no state: what to answer
 * follows from the message alone. A table says for each message which identifiers it
 * must and must not carry, and what the answer is made of. The first IA_NA of a
 * message gets the address, every other identity association the status that
 * says that there is nothing for it. Our DUID is made from our MAC address alone
 * (DUID-LL), so that it is the same after a restart.
 *
 * Messages are read twice: once to prove that they are well-formed, and again to answer
 * one identity association after the other. Pure: one frame in, at most one out;
 * called by tap.c.
 *
 * References: RFC 8415, RFC 3646 (resolvers, search list), RFC 4704 (name of the client).
 */
#include "dhcpv6.h"

#include "conf.h"
#include "dnsname.h"
#include "msg.h"
#include "pkt.h"
#include "util.h"
#include "worker.h"

enum { PORT_CLIENT = 546, PORT_SERVER = 547 };

enum {
	DHCP6_SOLICIT = 1, DHCP6_ADVERTISE, DHCP6_REQUEST, DHCP6_CONFIRM,
	DHCP6_RENEW, DHCP6_REBIND, DHCP6_REPLY, DHCP6_RELEASE, DHCP6_DECLINE,
	DHCP6_RECONFIGURE, DHCP6_INFORM, DHCP6_COUNT
};

enum {
	OPT_CLIENTID = 1, OPT_SERVERID = 2, OPT_IA_NA = 3, OPT_IA_TA = 4,
	OPT_IAADDR = 5, OPT_PREFERENCE = 7, OPT_STATUS = 13, OPT_RAPID = 14,
	OPT_DNS = 23, OPT_SEARCH = 24, OPT_IA_PD = 25, OPT_FQDN = 39,
};

enum {
	STATUS_SUCCESS = 0, STATUS_NO_ADDRS = 2, STATUS_NOT_ON_LINK = 4,
	STATUS_NO_PREFIX = 6,
};

enum { FQDN_SERVER = 1, FQDN_OVERRIDE = 2 };

enum { DUID_LL = 3, HW_ETHERNET = 1, DUID_MAX = 130, OUR_DUID_LEN = 10 };

enum { IAADDR_LEN = 24 };

enum { HOP_LIMIT = 255, MTU_MIN = 1280, L4_OFF = ETH_HLEN_ + 40 };

#define INFINITE	0xffffffff

struct request {
	uint8_t type;			/* DHCP6_* */
	uint8_t xid[3];
	bool has_client, has_server, has_ia;
	bool rapid;
	bool fqdn_server;		/* client's name: "you update" */
	struct span client, server;	/* DUIDs */
	struct span options;
};

struct reply {
	const struct conf *cf;
	const struct net_conf *n;
	const struct request *req;
	struct msg m;
	bool address_given;
};

/*
 * Parse
 */

struct option {
	uint16_t code;
	struct span v;
};

/* Take the next option off @s; false at the end, and if it is cut off (@s is bad) */
static bool next_option(struct span *s, struct option *o)
{
	if (!s->left)
		return false;
	o->code = span_get16(s);
	o->v = span_cut(s, span_get16(s));
	return !s->bad;
}

/* Bytes of an identity association before its options */
static size_t ia_header(uint16_t code)
{
	return code == OPT_IA_TA ? 4 : 12;
}

static bool parse_ia(struct request *r, struct option *o)
{
	struct option in;

	r->has_ia = true;
	span_skip(&o->v, ia_header(o->code));
	while (next_option(&o->v, &in)) {
		if (in.code == OPT_IAADDR && in.v.left < IAADDR_LEN)
			return false;
	}
	return !o->v.bad;
}

/* False if the option can't be */
static bool parse_option(struct request *r, struct option *o)
{
	switch (o->code) {
	case OPT_CLIENTID:
		r->has_client = true;
		r->client = o->v;
		return o->v.left && o->v.left <= DUID_MAX;
	case OPT_SERVERID:
		r->has_server = true;
		r->server = o->v;
		return true;
	case OPT_IA_NA:
	case OPT_IA_TA:
	case OPT_IA_PD:
		return parse_ia(r, o);
	case OPT_RAPID:
		r->rapid = true;
		return true;
	case OPT_FQDN:
		r->fqdn_server = span_get8(&o->v) & FQDN_SERVER;
		return !o->v.bad;
	default:
		return true;
	}
}

static bool parse(struct request *r, struct span s)
{
	struct option o;

	*r = (struct request){ .type = span_get8(&s) };
	span_get(&s, r->xid, sizeof(r->xid));
	r->options = s;
	while (next_option(&s, &o)) {
		if (!parse_option(r, &o))
			return false;
	}
	return !s.bad;
}

/* An address that the client has, from an IAADDR option */
static struct addr option_addr(const struct option *o)
{
	struct addr a;

	span_peek(o->v, a.b, sizeof(a.b));
	return a;
}

/*
 * Build
 */

/* Start an option whose length is not known yet; to be given to close_option() */
static size_t open_option(struct msg *m, uint16_t code)
{
	msg_put16(m, code);
	msg_put16(m, 0);
	return m->len;
}

static void close_option(struct msg *m, size_t start)
{
	uint16_t len = htons(m->len - start);

	if (!m->full)
		memcpy(m->buf + start - sizeof(len), &len, sizeof(len));
}

static void put_option(struct msg *m, uint16_t code, const void *v, size_t len)
{
	msg_put16(m, code);
	msg_put16(m, len);
	msg_put(m, v, len);
}

static void put_status(struct msg *m, uint16_t status)
{
	msg_put16(m, OPT_STATUS);
	msg_put16(m, sizeof(status));
	msg_put16(m, status);
}

static void put_address(struct msg *m, const struct addr *a, uint32_t lifetime)
{
	size_t at = open_option(m, OPT_IAADDR);

	msg_put(m, a->b, sizeof(a->b));
	msg_put32(m, lifetime);		/* preferred */
	msg_put32(m, lifetime);		/* valid */
	close_option(m, at);
}

static void put_times(struct msg *m, uint32_t t)
{
	msg_put32(m, t);		/* T1 */
	msg_put32(m, t);		/* T2 */
}

/* How many addresses other than ours to give do the options @s hold? With @m,
 * tell the client to stop using them.
 */
static int other_addresses(const struct net_conf *n, struct span s, struct msg *m)
{
	struct option o;
	struct addr a;
	int count = 0;

	while (next_option(&s, &o)) {
		a = option_addr(&o);
		if (o.code != OPT_IAADDR || addr_eq(&a, &n->addr))
			continue;
		if (m)
			put_address(m, &a, 0);
		count++;
	}
	return count;
}

/* The address for an IA_NA with options @s. One who selects it must not have another in
 * mind; one who has another is told that it is gone.
 */
static void put_lease(struct reply *r, struct span s)
{
	uint8_t type = r->req->type;

	if (type == DHCP6_REQUEST && other_addresses(r->n, s, NULL)) {
		put_times(&r->m, 0);
		put_status(&r->m, STATUS_NOT_ON_LINK);
		return;
	}
	put_times(&r->m, INFINITE);
	put_address(&r->m, &r->n->addr, INFINITE);
	if (type == DHCP6_RENEW || type == DHCP6_REBIND)
		other_addresses(r->n, s, &r->m);
}

static void put_ia(struct reply *r, struct option *o)
{
	struct msg *m = &r->m;
	size_t at = open_option(m, o->code);

	msg_put32(m, span_get32(&o->v));	/* the client's identifier of it */
	span_skip(&o->v, ia_header(o->code) - 4);
	if (o->code == OPT_IA_TA) {
		put_status(m, STATUS_NO_ADDRS);
	} else if (o->code == OPT_IA_PD || r->address_given) {
		put_times(m, 0);
		put_status(m, o->code == OPT_IA_PD ? STATUS_NO_PREFIX :
						     STATUS_NO_ADDRS);
	} else {
		r->address_given = true;
		put_lease(r, o->v);
	}
	close_option(m, at);
}

static bool is_ia(uint16_t code)
{
	return code == OPT_IA_NA || code == OPT_IA_TA || code == OPT_IA_PD;
}

static void put_dns(struct reply *r)
{
	size_t at;
	int i;

	if (!r->cf->dhcp_dns || !r->n->dns_count)
		return;
	at = open_option(&r->m, OPT_DNS);
	for (i = 0; i < r->n->dns_count; i++)
		msg_put(&r->m, r->n->dns[i].b, sizeof(r->n->dns[i].b));
	close_option(&r->m, at);
}

/* We update no name server */
static void put_fqdn(struct reply *r)
{
	struct { uint8_t flags, name[DNSNAME_MAX]; } v = {
		.flags = r->req->fqdn_server ? FQDN_OVERRIDE : 0,
	};
	size_t len = dnsname_encode(r->cf->fqdn, v.name, sizeof(v.name));

	if (len)
		put_option(&r->m, OPT_FQDN, &v, sizeof(v.flags) + len);
}

static void put_raw(struct reply *r)
{
	const struct raw_opt *o = r->cf->dhcpv6_opts;
	int i;

	for (i = 0; i < r->cf->dhcpv6_opt_count; i++) {
		if (o[i].len + 4U <= msg_room(&r->m))
			put_option(&r->m, o[i].code, o[i].data, o[i].len);
	}
}

/* As many names as there is room for */
static void put_search(struct reply *r)
{
	uint8_t names[CONF_SEARCH_MAX * DNSNAME_MAX];
	size_t len, room = msg_room(&r->m);

	if (!r->cf->dhcp_search || room < 4)
		return;
	len = dnsname_list(r->cf->search, r->cf->search_count, false, names,
			   MIN(room - 4, sizeof(names)));
	if (len)
		put_option(&r->m, OPT_SEARCH, names, len);
}

/* In the order in which they go into the message; the search list, which may
 * have to be cut, last. Each gives way to the user's own.
 */
static const struct config {
	uint16_t code;
	void (*put)(struct reply *r);
} configs[] = {
	{ OPT_DNS,    put_dns },
	{ OPT_FQDN,   put_fqdn },
	{ 0,          put_raw },
	{ OPT_SEARCH, put_search },
};

static void put_config(struct reply *r)
{
	const struct config *c;

	for (c = configs; c < configs + NELEM(configs); c++) {
		if (!c->code || !msg_has_raw(r->cf->dhcpv6_opts,
					     r->cf->dhcpv6_opt_count, c->code))
			c->put(r);
	}
}

/*
 * Decide
 */

static bool answer_lease(struct reply *r)
{
	struct span s = r->req->options;
	struct option o;

	while (next_option(&s, &o)) {
		if (is_ia(o.code))
			put_ia(r, &o);
	}
	put_config(r);
	return true;
}

/* With rapid commit this is the end of it. Else there is no better server to wait
 * for, which the highest preference says.
 */
static bool answer_solicit(struct reply *r)
{
	static const uint8_t preference = 255;

	if (r->req->rapid)
		put_option(&r->m, OPT_RAPID, "", 0);
	else
		put_option(&r->m, OPT_PREFERENCE, &preference, 1);
	return answer_lease(r);
}

/* Does the client, which was away, still have the right address? No answer if it
 * asks about none.
 */
static bool answer_confirm(struct reply *r)
{
	struct span s = r->req->options;
	struct option o, in;
	int asked = 0, wrong = 0;

	while (next_option(&s, &o)) {
		if (o.code != OPT_IA_NA && o.code != OPT_IA_TA)
			continue;
		span_skip(&o.v, ia_header(o.code));
		wrong += other_addresses(r->n, o.v, NULL);
		while (next_option(&o.v, &in))
			asked += in.code == OPT_IAADDR;
	}
	put_status(&r->m, wrong ? STATUS_NOT_ON_LINK : STATUS_SUCCESS);
	return asked;
}

/* RELEASE, DECLINE: there is nothing to note down */
static bool answer_done(struct reply *r)
{
	put_status(&r->m, STATUS_SUCCESS);
	return true;
}

static bool answer_inform(struct reply *r)
{
	put_config(r);
	return !r->req->has_ia;
}

/* What a message must carry to be valid (RFC 8415, 16) and what answers it */
enum server_id { SERVER_NONE, SERVER_OURS, SERVER_ANY };

static const struct rule {
	bool (*answer)(struct reply *r);	/* false: don't */
	enum server_id server;
	bool client;				/* identifier needed */
} rules[DHCP6_COUNT] = {
	[DHCP6_SOLICIT] = { answer_solicit, SERVER_NONE, true },
	[DHCP6_REQUEST] = { answer_lease,   SERVER_OURS, true },
	[DHCP6_CONFIRM] = { answer_confirm, SERVER_NONE, true },
	[DHCP6_RENEW]   = { answer_lease,   SERVER_OURS, true },
	[DHCP6_REBIND]  = { answer_lease,   SERVER_NONE, true },
	[DHCP6_RELEASE] = { answer_done,    SERVER_OURS, true },
	[DHCP6_DECLINE] = { answer_done,    SERVER_OURS, true },
	[DHCP6_INFORM]  = { answer_inform,  SERVER_ANY,  false },
};

static void our_duid(const struct conf *cf, uint8_t duid[OUR_DUID_LEN])
{
	struct msg m = msg_begin(duid, OUR_DUID_LEN, 0, 0);

	msg_put16(&m, DUID_LL);
	msg_put16(&m, HW_ETHERNET);
	msg_put(&m, cf->our_mac, MAC_LEN);
}

static bool names_us(const struct request *q, const uint8_t duid[OUR_DUID_LEN])
{
	uint8_t id[OUR_DUID_LEN];

	span_peek(q->server, id, sizeof(id));
	return q->server.left == sizeof(id) && !memcmp(id, duid, sizeof(id));
}

/* The rule for @q, or NULL if it is to be ignored */
static const struct rule *find_rule(const struct request *q,
				    const uint8_t duid[OUR_DUID_LEN])
{
	const struct rule *rule = &rules[q->type < DHCP6_COUNT ? q->type : 0];

	if (!rule->answer || (rule->client && !q->has_client))
		return NULL;
	if (q->has_server ? rule->server == SERVER_NONE || !names_us(q, duid) :
			    rule->server == SERVER_OURS)
		return NULL;
	return rule;
}

static void put_header(struct reply *r, const uint8_t duid[OUR_DUID_LEN])
{
	const struct request *q = r->req;
	struct span s = q->client;
	uint8_t id[DUID_MAX];
	size_t len = s.left;

	msg_put8(&r->m, q->type == DHCP6_SOLICIT && !q->rapid ? DHCP6_ADVERTISE :
								DHCP6_REPLY);
	msg_put(&r->m, q->xid, sizeof(q->xid));
	put_option(&r->m, OPT_SERVERID, duid, OUR_DUID_LEN);
	if (q->has_client) {
		span_get(&s, id, len);
		put_option(&r->m, OPT_CLIENTID, id, len);
	}
}

static size_t build(struct reply *r, const struct pkt *p)
{
	const uint8_t *xid = r->req->xid;
	struct l3 l3 = {
		.smac = r->cf->our_mac, .dmac = p->smac,
		.src = &r->n->our, .dst = &p->src.addr,
		.flow_label = (xid[0] & 0x0f) << 16 | xid[1] << 8 | xid[2],
		.proto = IPPROTO_UDP, .ttl = HOP_LIMIT,
	};

	return msg_udp(&r->m, &l3, PORT_SERVER, PORT_CLIENT);
}

static bool service_on(const struct conf *cf)
{
	const struct net_conf *n = &cf->net[V6];

	return n->enabled && !cf->no_dhcpv6 && !addr_is_any(&n->addr) &&
	       !addr_is_any(&n->our);
}

size_t dhcpv6_reply(const struct conf *cf, const struct guest *g,
		    const struct pkt *p, uint8_t *out, size_t max)
{
	struct request q;
	struct reply r = { .cf = cf, .n = &cf->net[V6], .req = &q };
	const struct rule *rule;
	uint8_t duid[OUR_DUID_LEN];

	(void)g;
	if (!service_on(cf) || !addr_is_multicast(&p->dst.addr) ||
	    !addr_is_unicast(&p->src.addr) || !parse(&q, p->data))
		return 0;
	our_duid(cf, duid);
	rule = find_rule(&q, duid);
	if (!rule)
		return 0;
	r.m = msg_begin(out, msg_frame_max(cf, max, MTU_MIN), L4_OFF, MSG_UDP_HLEN);
	put_header(&r, duid);
	return rule->answer(&r) ? build(&r, p) : 0;
}
