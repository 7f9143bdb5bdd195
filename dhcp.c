/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: DHCP and BOOTP server
 *
 * There is one address to give and one link to give it on, for ever, so there is no
 * state: what to answer follows from the message alone. We are authoritative, a
 * client that wants to keep another address is refused.
 *
 * An answer's options are rows of a table. They go out in the order in which the
 * client asked for them, then the rest; what the user gave by number takes
 * the place of ours. Where room is short, the rows that a client can't do without
 * have it kept for them. Pure: one frame in, at most one out; called by tap.c.
 *
 * References: RFC 951, RFC 1542 and RFC 1534 (BOOTP), RFC 2131, RFC 2132, RFC 3396 (long
 * options), RFC 3397 (search list), RFC 3442 (routes), RFC 4039 (rapid commit), RFC 4702
 * (name of the client), RFC 6842 (client identifier is echoed).
 */
#include "dhcp.h"

#include "conf.h"
#include "dnsname.h"
#include "msg.h"
#include "pkt.h"
#include "util.h"
#include "worker.h"

enum { PORT_SERVER = 67, PORT_CLIENT = 68 };

enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHERNET = 1 };

enum {
	DHCP_BOOTP,			/* without this option */
	DHCP_DISCOVER, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK,
	DHCP_RELEASE, DHCP_INFORM,
};

enum {
	OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOSTNAME = 12,
	OPT_MTU = 26, OPT_ADDRESS = 50, OPT_LEASE = 51, OPT_TYPE = 53,
	OPT_SERVER = 54, OPT_LIST = 55, OPT_MAX_SIZE = 57, OPT_CLIENT = 61,
	OPT_RAPID = 80, OPT_FQDN = 81, OPT_SEARCH = 119, OPT_ROUTES = 121,
	OPT_END = 255,
};

enum { FQDN_SERVER = 1, FQDN_OVERRIDE = 2, FQDN_WIRE = 4, FQDN_NO_RCODE = 255 };

enum {
	IP_HLEN = 20, IP_MTU_MIN = 576, TTL = 255,
	L4_OFF = ETH_HLEN_ + IP_HLEN,
	OPT_LEN_MAX = 255,		/* of one piece of an option */
	MTU_VALUE_MIN = 68,
	BOOTP_LEN = 300,		/* of a message; DHCP: at least */
};

#define MAGIC		0x63825363
#define FLAG_BROADCAST	0x8000

struct bootp {				/* network byte order */
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t magic;
};

struct request {
	struct bootp h;
	uint8_t type;			/* DHCP_* */
	uint32_t wanted, server;	/* options; network byte order, 0: none */
	uint16_t max_size;		/* of the client's datagrams, with headers */
	bool rapid;
	bool fqdn_ascii, fqdn_server;	/* client's name: form, "do you update?" */
	struct span list, client;	/* contents of options */
};

/*
 * Parse
 */

/* One option of @r; false if its length can't be */
static bool parse_option(struct request *r, uint8_t code, struct span v)
{
	bool empty = !v.left;
	uint8_t flags;

	switch (code) {
	case OPT_TYPE:
		r->type = span_get8(&v);
		return !v.bad && !v.left && r->type != DHCP_BOOTP;
	case OPT_ADDRESS:
		span_get(&v, &r->wanted, sizeof(r->wanted));
		return !v.bad && !v.left;
	case OPT_SERVER:
		span_get(&v, &r->server, sizeof(r->server));
		return !v.bad && !v.left;
	case OPT_MAX_SIZE:
		r->max_size = span_get16(&v);
		return !v.bad && !v.left;
	case OPT_FQDN:
		flags = span_get8(&v);
		r->fqdn_ascii = !(flags & FQDN_WIRE);
		r->fqdn_server = flags & FQDN_SERVER;
		return !v.bad;
	case OPT_RAPID:
		r->rapid = true;
		return empty;
	case OPT_LIST:
		r->list = v;
		return true;
	case OPT_CLIENT:
		r->client = v;
		return true;
	default:
		return true;
	}
}

static bool parse_options(struct request *r, struct span s)
{
	struct span v;
	uint8_t code;

	while (s.left) {
		code = span_get8(&s);
		if (code == OPT_END)
			break;
		if (code == OPT_PAD)
			continue;
		v = span_cut(&s, span_get8(&s));
		if (s.bad || !parse_option(r, code, v))
			return false;
	}
	return true;
}

/* May @be stand for one host in a header? 0 does: none */
static bool host_or_none(uint32_t be)
{
	struct addr a = addr_v4(be);

	return !be || (addr_is_unicast(&a) && !addr_is_loopback(&a));
}

static bool valid_header(const struct bootp *h)
{
	static const uint8_t none[MAC_LEN];

	return h->op == OP_REQUEST && h->htype == HTYPE_ETHERNET &&
	       h->hlen == MAC_LEN && !(h->chaddr[0] & 1) &&
	       memcmp(h->chaddr, none, MAC_LEN) && host_or_none(h->ciaddr) &&
	       host_or_none(h->giaddr);
}

static bool parse(struct request *r, struct span s)
{
	*r = (struct request){ .type = DHCP_BOOTP };
	span_get(&s, &r->h, sizeof(r->h));
	if (s.bad || !valid_header(&r->h))
		return false;
	return r->h.magic != htonl(MAGIC) || parse_options(r, s);
}

/*
 * Decide
 */

/* Kinds of answers: what goes into them differs */
enum { TO_NONE = 0, TO_BOOTP = 1, TO_LEASE = 2, TO_INFORM = 4, TO_REFUSE = 8 };

struct answer {
	uint8_t kind;			/* TO_* */
	uint8_t type;			/* DHCP_* */
};

/* A client selects our offer or another server's, or wants to go on with the
 * address that it has
 */
static struct answer decide_request(const struct request *r, const struct net_conf *n)
{
	uint32_t ours = addr_to4(&n->addr);

	if (r->server && r->server != addr_to4(&n->our))
		return (struct answer){ TO_NONE, 0 };
	if ((r->wanted && r->wanted != ours) ||
	    (r->h.ciaddr && r->h.ciaddr != ours))
		return (struct answer){ TO_REFUSE, DHCP_NAK };
	return (struct answer){ TO_LEASE, DHCP_ACK };
}

static struct answer decide(const struct request *r, const struct net_conf *n)
{
	switch (r->type) {
	case DHCP_BOOTP:
		return (struct answer){ TO_BOOTP, 0 };
	case DHCP_DISCOVER:
		return (struct answer){ TO_LEASE, r->rapid ? DHCP_ACK : DHCP_OFFER };
	case DHCP_REQUEST:
		return decide_request(r, n);
	case DHCP_INFORM:
		return (struct answer){ TO_INFORM, DHCP_ACK };
	default:			/* RELEASE, DECLINE: nothing to note down */
		return (struct answer){ TO_NONE, 0 };
	}
}

/*
 * Build
 */

struct reply {
	const struct conf *cf;
	const struct net_conf *n;
	const struct request *req;
	struct answer a;
	struct msg m;
	size_t kept;			/* room for essential options to come */
	uint8_t done[256 / 8];		/* codes dealt with */
};

static void put_ip(struct msg *v, const struct addr *a)
{
	msg_put(v, &a->w[3], sizeof(a->w[3]));
}

static void put_string(struct msg *v, const char *s)
{
	msg_put(v, s, strlen(s));
}

static bool fill_type(const struct reply *r, struct msg *v)
{
	msg_put8(v, r->a.type);
	return true;
}

static bool fill_server(const struct reply *r, struct msg *v)
{
	put_ip(v, &r->n->our);
	return true;
}

static bool fill_client(const struct reply *r, struct msg *v)
{
	struct span s = r->req->client;
	uint8_t id[OPT_LEN_MAX];
	size_t len = s.left;

	if (!len)
		return false;
	span_get(&s, id, len);
	msg_put(v, id, len);
	return true;
}

static bool fill_lease(const struct reply *r, struct msg *v)
{
	(void)r;
	msg_put32(v, 0xffffffff);	/* for ever */
	return true;
}

static bool fill_rapid(const struct reply *r, struct msg *v)
{
	(void)v;
	return r->req->type == DHCP_DISCOVER && r->a.type == DHCP_ACK;
}

static bool fill_mask(const struct reply *r, struct msg *v)
{
	msg_put32(v, (uint32_t)(0xffffffffULL << (32 - r->n->plen)));
	return true;
}

static bool fill_router(const struct reply *r, struct msg *v)
{
	put_ip(v, &r->n->gw);
	return !addr_is_any(&r->n->gw);
}

/* A router outside of the subnet is reached by a route of its own */
static bool fill_routes(const struct reply *r, struct msg *v)
{
	const struct net_conf *n = r->n;

	msg_put8(v, 32);		/* router: on the link */
	put_ip(v, &n->gw);
	msg_put32(v, 0);
	msg_put8(v, 0);			/* all else: router */
	put_ip(v, &n->gw);
	return !addr_is_any(&n->gw) && !addr_in_prefix(&n->gw, &n->addr, n->plen);
}

static bool fill_dns(const struct reply *r, struct msg *v)
{
	int i;

	for (i = 0; i < r->n->dns_count; i++)
		put_ip(v, &r->n->dns[i]);
	return r->cf->dhcp_dns && i;
}

static bool fill_hostname(const struct reply *r, struct msg *v)
{
	put_string(v, r->cf->hostname);
	return *r->cf->hostname;
}

static bool fill_mtu(const struct reply *r, struct msg *v)
{
	msg_put16(v, r->cf->mtu);
	return r->cf->mtu >= MTU_VALUE_MIN;
}

/* In the form that the client uses. We update no name server. */
static bool fill_fqdn(const struct reply *r, struct msg *v)
{
	const struct request *q = r->req;
	uint8_t wire[DNSNAME_MAX];
	size_t len = dnsname_encode(r->cf->fqdn, wire, sizeof(wire));

	msg_put8(v, (q->fqdn_ascii ? 0 : FQDN_WIRE) |
		    (q->fqdn_server ? FQDN_OVERRIDE : 0));
	msg_put8(v, FQDN_NO_RCODE);
	msg_put8(v, FQDN_NO_RCODE);
	if (q->fqdn_ascii)
		put_string(v, r->cf->fqdn);
	else
		msg_put(v, wire, len);
	return len;
}

/* As many names as there is room for */
static bool fill_search(const struct reply *r, struct msg *v)
{
	if (!r->cf->dhcp_search)
		return false;
	v->len = dnsname_list(r->cf->search, r->cf->search_count, true, v->buf,
			      v->max);
	return v->len;
}

enum { ESSENTIAL = 1, PROTOCOL = 2 };	/* PROTOCOL: not for the user to set */

static const struct option {
	uint8_t code, kinds, flags;
	bool (*fill)(const struct reply *r, struct msg *v);	/* false: left out */
} options[] = {
	{ OPT_TYPE,     TO_LEASE | TO_INFORM | TO_REFUSE, ESSENTIAL | PROTOCOL, fill_type },
	{ OPT_SERVER,   TO_LEASE | TO_INFORM | TO_REFUSE, ESSENTIAL | PROTOCOL, fill_server },
	{ OPT_CLIENT,   TO_LEASE | TO_INFORM | TO_REFUSE, ESSENTIAL | PROTOCOL, fill_client },
	{ OPT_RAPID,    TO_LEASE,			  ESSENTIAL | PROTOCOL, fill_rapid },
	{ OPT_LEASE,    TO_LEASE,			  ESSENTIAL, fill_lease },
	{ OPT_MASK,     TO_LEASE | TO_INFORM | TO_BOOTP,  ESSENTIAL, fill_mask },
	{ OPT_ROUTES,   TO_LEASE | TO_INFORM | TO_BOOTP,  ESSENTIAL, fill_routes },
	{ OPT_ROUTER,   TO_LEASE | TO_INFORM | TO_BOOTP,  ESSENTIAL, fill_router },
	{ OPT_DNS,      TO_LEASE | TO_INFORM | TO_BOOTP,  0, fill_dns },
	{ OPT_MTU,      TO_LEASE | TO_INFORM | TO_BOOTP,  0, fill_mtu },
	{ OPT_HOSTNAME, TO_LEASE | TO_INFORM | TO_BOOTP,  0, fill_hostname },
	{ OPT_FQDN,     TO_LEASE | TO_INFORM,		  0, fill_fqdn },
	{ OPT_SEARCH,   TO_LEASE | TO_INFORM | TO_BOOTP,  0, fill_search },
};

static const struct option *find_option(uint8_t code)
{
	size_t i;

	for (i = 0; i < NELEM(options); i++) {
		if (options[i].code == code)
			return &options[i];
	}
	return NULL;
}

/* Bytes of an option with a value of @len bytes, in as many pieces as it takes */
static size_t option_size(size_t len)
{
	return len + 2 * MAX((len + OPT_LEN_MAX - 1) / OPT_LEN_MAX, 1U);
}

/* Room for options, beside the end mark and what is kept back */
static size_t spare_room(const struct reply *r)
{
	size_t room = msg_room(&r->m), used = r->kept + 1;

	return room > used ? room - used : 0;
}

/* Longest value of an option that takes up @room bytes at most */
static size_t value_max(size_t room)
{
	return room - MIN(room, 2 * ((room + OPT_LEN_MAX + 1) / (OPT_LEN_MAX + 2)));
}

static void put_value(struct msg *m, uint8_t code, const uint8_t *v, size_t len)
{
	size_t n;

	do {
		n = MIN(len, (size_t)OPT_LEN_MAX);
		msg_put8(m, code);
		msg_put8(m, n);
		msg_put(m, v, n);
		v += n;
		len -= n;
	} while (len);
}

static bool replaced(const struct reply *r, const struct option *o)
{
	return !(o->flags & PROTOCOL) &&
	       msg_has_raw(r->cf->dhcp_opts, r->cf->dhcp_opt_count, o->code);
}

/* Room that the essential options of this answer take */
static size_t essential_size(const struct reply *r)
{
	uint8_t buf[OPT_LEN_MAX];
	const struct option *o;
	size_t sum = 0;
	struct msg v;

	for (o = options; o < options + NELEM(options); o++) {
		v = msg_begin(buf, sizeof(buf), 0, 0);
		if (o->flags & ESSENTIAL && o->kinds & r->a.kind &&
		    !replaced(r, o) && o->fill(r, &v))
			sum += option_size(v.len);
	}
	return sum;
}

static void put_raw(struct reply *r, uint8_t code)
{
	const struct raw_opt *o = r->cf->dhcp_opts;
	int i;

	if (r->a.kind == TO_REFUSE || code == OPT_PAD || code == OPT_END)
		return;
	for (i = 0; i < r->cf->dhcp_opt_count; i++) {
		if (o[i].code == code && option_size(o[i].len) <= spare_room(r))
			put_value(&r->m, code, o[i].data, o[i].len);
	}
}

static void put_ours(struct reply *r, const struct option *o)
{
	uint8_t buf[CONF_SEARCH_MAX * DNSNAME_MAX];
	bool essential = o->flags & ESSENTIAL;
	size_t room = essential ? OPT_LEN_MAX : value_max(spare_room(r));
	struct msg v = msg_begin(buf, MIN(room, sizeof(buf)), 0, 0);

	if (!(o->kinds & r->a.kind) || !o->fill(r, &v) || v.full)
		return;
	put_value(&r->m, o->code, buf, v.len);
	if (essential)
		r->kept -= option_size(v.len);
}

static void put_option(struct reply *r, uint8_t code)
{
	const struct option *o = find_option(code);
	uint8_t bit = 1 << code % 8;

	if (r->done[code / 8] & bit)
		return;
	r->done[code / 8] |= bit;

	if (o && !replaced(r, o))
		put_ours(r, o);
	else
		put_raw(r, code);
}

static void put_options(struct reply *r)
{
	struct span list = r->req->list;
	size_t i;

	r->kept = essential_size(r);
	put_option(r, OPT_TYPE);
	while (list.left)
		put_option(r, span_get8(&list));
	for (i = 0; i < NELEM(options); i++)
		put_option(r, options[i].code);
	for (i = 0; i < (size_t)r->cf->dhcp_opt_count; i++) {
		if (r->cf->dhcp_opts[i].code < OPT_END)
			put_option(r, r->cf->dhcp_opts[i].code);
	}
	msg_put8(&r->m, OPT_END);
}

static void put_header(struct reply *r)
{
	const struct bootp *q = &r->req->h;
	struct bootp h = {
		.op = OP_REPLY, .htype = HTYPE_ETHERNET, .hlen = MAC_LEN,
		.xid = q->xid, .flags = q->flags, .giaddr = q->giaddr,
		.magic = htonl(MAGIC),
	};

	memcpy(h.chaddr, q->chaddr, sizeof(h.chaddr));
	if (r->a.kind & (TO_LEASE | TO_BOOTP))
		h.yiaddr = addr_to4(&r->n->addr);
	if (r->a.kind != TO_REFUSE && r->a.type != DHCP_OFFER)
		h.ciaddr = q->ciaddr;
	if (r->a.kind == TO_REFUSE && q->giaddr)
		h.flags |= htons(FLAG_BROADCAST);
	msg_put(&r->m, &h, sizeof(h));
}

/* Where an answer goes (RFC 2131, 4.1) */
struct dest {
	struct addr ip;
	const uint8_t *mac;
	uint16_t port;
};

static struct dest destination(const struct reply *r, const struct pkt *p)
{
	static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
	const struct bootp *q = &r->req->h;

	if (q->giaddr)
		return (struct dest){ addr_v4(q->giaddr), p->smac, PORT_SERVER };
	if (r->a.kind != TO_REFUSE) {
		if (q->ciaddr)
			return (struct dest){ addr_v4(q->ciaddr), q->chaddr,
					      PORT_CLIENT };
		if (r->a.kind != TO_INFORM && !(q->flags & htons(FLAG_BROADCAST)))
			return (struct dest){ r->n->addr, q->chaddr, PORT_CLIENT };
	}
	return (struct dest){ addr_v4(INADDR_BROADCAST), broadcast, PORT_CLIENT };
}

/* Longest frame that the client takes and the link carries */
static size_t frame_room(const struct conf *cf, const struct request *q, size_t max)
{
	size_t ip = MAX(q->max_size, IP_MTU_MIN);

	if (q->type == DHCP_BOOTP)
		ip = IP_HLEN + MSG_UDP_HLEN + BOOTP_LEN;
	return MIN(msg_frame_max(cf, max, IP_MTU_MIN), ETH_HLEN_ + ip);
}

static size_t build(struct reply *r, const struct pkt *p)
{
	struct dest d = destination(r, p);
	struct l3 l3 = {
		.smac = r->cf->our_mac, .dmac = d.mac,
		.src = &r->n->our, .dst = &d.ip,
		.proto = IPPROTO_UDP, .ttl = TTL,
	};
	size_t len;

	put_header(r);
	put_options(r);
	len = r->m.len - L4_OFF - MSG_UDP_HLEN;
	if (len < BOOTP_LEN)
		msg_pad(&r->m, BOOTP_LEN - len);
	return msg_udp(&r->m, &l3, PORT_SERVER, d.port);
}

/* Without a router there is no address of ours to serve from */
static bool service_on(const struct conf *cf)
{
	const struct net_conf *n = &cf->net[V4];

	return n->enabled && !cf->no_dhcp && !addr_is_any(&n->addr) &&
	       !addr_is_any(&n->our);
}

size_t dhcp_reply(const struct conf *cf, const struct guest *g,
		  const struct pkt *p, uint8_t *out, size_t max)
{
	struct request q;
	struct reply r = { .cf = cf, .n = &cf->net[V4], .req = &q };

	(void)g;
	if (!service_on(cf) || !parse(&q, p->data))
		return 0;
	r.a = decide(&q, r.n);
	if (r.a.kind == TO_NONE)
		return 0;
	r.m = msg_begin(out, frame_room(cf, &q, max), L4_OFF, MSG_UDP_HLEN);
	return build(&r, p);
}
