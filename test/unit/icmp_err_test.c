/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors as the guest gets them: through a link that keeps the last frame */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "../../conf.h"
#include "../../csum.h"
#include "../../icmp_err.h"
#include "../../sock.h"
#include "../../worker.h"
#include "test.h"

static uint8_t frame[4096];
static struct iovec room;
static size_t sent;

static int reserve(struct link *l, struct slot *s, int n, size_t hdrlen, size_t paylen)
{
	(void)l;
	(void)n;
	room = (struct iovec){ frame + hdrlen, paylen };
	*s = (struct slot){ .hdr = { frame, hdrlen }, .data = &room, .ndata = 1 };
	return 1;
}

static int commit(struct link *l, struct slot *s, int used, int reserved)
{
	(void)l;
	(void)reserved;
	sent = used ? s->hdr.iov_len + s->len : 0;
	return used;
}

static const struct link_ops ops = { .tx_reserve = reserve, .tx_commit = commit };
static struct link link_ = { .ops = &ops };
static struct conf cf;
static struct worker w = { .cf = &cf, .link = &link_ };
static struct side guest[IPVERS], seen[IPVERS];
static struct addr router[IPVERS];
static uint8_t payload[3000];

#define ICMP(t, c)	.icmp = true, .type = t, .code = c

/* A guest's UDP datagram of @len bytes of payload, as parsed */
static struct pkt datagram(enum ipver v, bool df, size_t len)
{
	static uint8_t raw[4096];
	static struct frame f;
	struct l3 l3 = { .smac = payload, .dmac = payload, .src = &guest[v].addr,
			 .dst = &seen[v].addr, .proto = IPPROTO_UDP, .ttl = 7, .tos = 3 };
	size_t hlen = pkt_l3len(&guest[v].addr) + 8;
	struct iovec d = { raw + hlen, len };
	struct slot s = { .hdr = { raw, hlen }, .data = &d, .ndata = 1, .len = len };
	struct pkt p = { 0 };

	pkt_put_udp(pkt_put_l3(raw, &l3, 8 + len), guest[v].port, seen[v].port, len);
	memcpy(raw + hlen, payload, len);
	if (v == V4 && !df) {
		raw[14 + 6] = 0;
		raw[14 + 10] = raw[14 + 11] = 0;
		uint16_t c = csum_final(csum_add(0, raw + 14, 20));
		memcpy(raw + 14 + 10, &c, 2);
	}
	pkt_csum_l4(&s, &l3, 6, false);
	f.iov = (struct iovec){ raw, hlen + len };
	f.l2 = span_over(&f.iov, 1);
	CHECK(pkt_parse(&p, &f) == DROP_NONE);
	return p;
}

/* Is the frame a whole ICMP error about @p? The number of quoted payload bytes, or -1 */
static int check_error(enum ipver v, const struct pkt *p, uint8_t type, uint8_t code,
		       uint32_t info)
{
	struct frame f = { .iov = { frame, sent } };
	size_t hlen = v == V4 ? 20 : 40;
	uint8_t wire[48 + 8], orig[48 + 8];
	uint32_t word;
	struct pkt e;

	f.l2 = span_over(&f.iov, 1);
	if (!CHECK(sent && pkt_parse(&e, &f) == DROP_NONE))	/* checksums too */
		return -1;
	CHECK(addr_eq(&e.src.addr, &router[v]) && addr_eq(&e.dst.addr, &guest[v].addr));
	CHECK(e.icmp.type == type && e.icmp.code == code);
	span_skip(&e.l4, 4);
	span_get(&e.l4, &word, 4);
	CHECK(word == htonl(info));
	span_get(&e.l4, wire, hlen + 8);
	span_peek(p->l3, orig, hlen + 8);
	CHECK(!memcmp(wire, orig, hlen + 8));
	CHECK(sent - 14 <= (v == V4 ? 576 : 1280));
	return e.l4.left;
}

static void send_one(enum ipver v, const struct pkt *p, size_t len, struct sock_err se)
{
	struct quote q;
	struct icmp_err e = { .quote = &q, .guest = &guest[v], .seen = &seen[v],
			      .from = router[v], .payload = payload, .len = len };

	icmp_err_note(&q, p);
	sent = 0;
	icmp_err_send(&w, &e, &se);
}

static void t_types(void)
{
	static const struct {
		enum ipver v;
		bool df;
		struct sock_err se;
		int type, code;			/* type -1: nothing is sent */
		uint32_t info;
	} t[] = {
		{ V4, true, { ICMP(3, 3), .info = 9 }, 3, 3, 0 },
		{ V4, true, { ICMP(11, 0) }, 11, 0, 0 },
		{ V4, true, { ICMP(3, 4), .info = 1300 }, 3, 4, 1300 },
		{ V4, false, { ICMP(3, 4), .info = 1300 }, -1, 0, 0 },
		{ V4, true, { ICMP(12, 0), .info = 20 }, 12, 0, 20 << 24 },
		{ V4, true, { ICMP(5, 1) }, -1, 0, 0 },
		{ V4, true, { ICMP(0, 0) }, -1, 0, 0 },
		{ V4, true, { .err = EMSGSIZE, .info = 1400 }, 3, 4, 1400 },
		{ V4, true, { .err = ENETUNREACH }, 3, 0, 0 },
		{ V4, true, { .err = EHOSTUNREACH }, 3, 1, 0 },
		{ V4, true, { .err = EACCES }, 3, 13, 0 },
		{ V6, false, { ICMP(1, 4) }, 1, 4, 0 },
		{ V6, false, { ICMP(2, 0), .info = 1280 }, 2, 0, 1280 },
		{ V6, false, { ICMP(3, 0), .info = 5 }, 3, 0, 0 },
		{ V6, false, { ICMP(4, 1), .info = 40 }, 4, 1, 40 },
		{ V6, false, { ICMP(129, 0) }, -1, 0, 0 },
		{ V6, false, { .err = EMSGSIZE, .info = 1400 }, 2, 0, 1400 },
		{ V6, false, { .err = ENETUNREACH }, 1, 0, 0 },
		{ V6, false, { .err = EACCES }, 1, 1, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pkt p = datagram(t[i].v, t[i].df, 12);

		send_one(t[i].v, &p, 12, t[i].se);
		if (t[i].type < 0)
			CHECK(!sent);
		else
			CHECK(check_error(t[i].v, &p, t[i].type, t[i].code,
					  t[i].info) == 12);
	}
}

/* As much as is known and may be quoted */
static void t_lengths(void)
{
	struct sock_err se = { ICMP(3, 3) };
	struct pkt p = datagram(V4, true, 2000);

	send_one(V4, &p, 0, se);
	CHECK(check_error(V4, &p, 3, 3, 0) == 0);
	send_one(V4, &p, 2000, se);
	CHECK(check_error(V4, &p, 3, 3, 0) == 576 - 20 - 8 - 28);

	se.type = 1;
	p = datagram(V6, false, 2000);
	send_one(V6, &p, 1281, se);
	CHECK(check_error(V6, &p, 1, 3, 0) == 1280 - 40 - 8 - 48);
}

static void t_refuse(void)
{
	struct pkt p = datagram(V4, true, 5);

	sent = 0;
	CHECK(icmp_err_refuse(&w, &p, -ENETUNREACH));
	CHECK(check_error(V4, &p, 3, 0, 0) == 0);

	sent = 0;
	CHECK(!icmp_err_refuse(&w, &p, -ECONNREFUSED) && !sent);

	p.dst.addr = addr_v4(htonl(0xe0000001));
	sent = 0;
	icmp_err_refuse(&w, &p, -ENETUNREACH);
	CHECK(!sent);			/* never about multicast */
}

/* A SYN is quoted as far as the guest's kernel needs it */
static void t_syn(void)
{
	static const uint8_t l4[] = { 0x0f, 0xa0, 0, 53, 0xde, 0xad, 0xbe, 0xef };
	const uint8_t *e = frame + 14 + 40;

	sent = 0;
	icmp_err_refuse_syn(&w, &guest[V6], &seen[V6], 0xdeadbeef, -EHOSTUNREACH);
	CHECK(sent == 14 + 40 + 8 + 40 + sizeof(l4) && e[0] == 1 && e[1] == 3);
	CHECK(e[8] >> 4 == 6 && e[8 + 6] == IPPROTO_TCP);
	CHECK(!memcmp(e + 8 + 8, guest[V6].addr.b, 16) &&
	      !memcmp(e + 8 + 24, seen[V6].addr.b, 16));
	CHECK(!memcmp(e + 8 + 40, l4, sizeof(l4)));
	sent = 0;
	icmp_err_refuse_syn(&w, &guest[V6], &seen[V6], 0xdeadbeef, -ETIMEDOUT);
	CHECK(!sent);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i * 13;
	payload[0] = 0x02;		/* serves as MAC address as well */
	guest[V4] = (struct side){ addr_v4(htonl(0xc0000202)), 4000 };
	seen[V4] = (struct side){ addr_v4(htonl(0xc6336402)), 33434 };
	router[V4] = addr_v4(htonl(0xc0000201));
	addr_parse("2001:db8::2", &guest[V6].addr);
	addr_parse("2001:db8:1::2", &seen[V6].addr);
	addr_parse("2001:db8::1", &router[V6]);
	guest[V6].port = 4000;
	seen[V6].port = 53;
	memcpy(cf.our_mac, payload, 6);
	cf.net[V4].our = router[V4];
	cf.net[V6].our = router[V6];

	t_types();
	t_lengths();
	t_refuse();
	t_syn();
	return test_end("icmp_err");
}
