/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of dhcpv6.c: every message of a client, with and without what it must carry */
#include "dhcpv6.h"
#include "service.h"

enum {
	SOLICIT = 1, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE,
	RECONFIGURE, INFORM
};

enum { MSG_OFF = 14 + 40 + 8, OPTS_OFF = MSG_OFF + 4 };

static struct conf cf;
static struct guest guest;
static struct pkt from_guest = {
	.ethertype = 0x86dd, .proto = IPPROTO_UDP, .ttl = 1,
	.smac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
	.src.port = 546, .dst.port = 547,
};

static const char client_id[] = "\0\4client's own UUID";
static const uint8_t server_id[10] = { 0, 3, 0, 1, 0x9a, 0x55, 0x9a, 0x55, 0x9a, 0x55 };

static const char *const ours = "2001:db8:1:2::15", *const other = "2001:db8:1:2::99";

static void opt(struct bytes *m, uint16_t code, const void *v, uint16_t len)
{
	add16(m, code);
	add16(m, len);
	add(m, v, len);
}

enum { CID = 1, SID = 2 };

static struct bytes message(uint8_t type, int ids)
{
	struct bytes m = { .b = { type, 0xab, 0xcd, 0xef }, .len = 4 };

	if (ids & CID)
		opt(&m, 1, client_id, sizeof(client_id));
	if (ids & SID)
		opt(&m, 2, server_id, sizeof(server_id));
	return m;
}

/* An identity association, with an address if @addr */
static void ia(struct bytes *m, uint16_t code, uint32_t iaid, const char *addr)
{
	struct bytes b = { .len = 0 };
	struct addr a;

	add32(&b, iaid);
	if (code != 4) {
		add32(&b, 3600);
		add32(&b, 7200);
	}
	if (addr) {
		a = ip(addr);
		add32(&b, 5 << 16 | 24);
		add(&b, a.b, 16);
		add32(&b, 3600);
		add32(&b, 7200);
	}
	opt(m, code, b.b, b.len);
}

static size_t reply(const struct bytes *m, struct frame_out *re)
{
	return ask(dhcpv6_reply, &cf, &guest, &from_guest, AT_DATA, m, re);
}

/* The @nth option @code in the @len bytes at @p; its length, or -1 */
static int find(const uint8_t *p, size_t len, uint16_t code, int nth, const uint8_t **v)
{
	size_t at;

	for (at = 0; at + 4 <= len; at += 4 + be16(p + at + 2)) {
		if (be16(p + at) != code || nth--)
			continue;
		*v = p + at + 4;
		return be16(p + at + 2);
	}
	CHECK(at == len);
	return -1;
}

static int option(const struct frame_out *re, uint16_t code, int nth, const uint8_t **v)
{
	return find(re->b + OPTS_OFF, re->len - OPTS_OFF, code, nth, v);
}

static int has(const struct frame_out *re, uint16_t code, const void *want, int len)
{
	const uint8_t *v;

	return option(re, code, 0, &v) == len && !memcmp(v, want, len);
}

static int lacks(const struct frame_out *re, uint16_t code)
{
	const uint8_t *v;

	return option(re, code, 0, &v) < 0;
}

static void check_common(const struct frame_out *re, uint8_t type, int ids)
{
	CHECK(!memcmp(re->b, guest_mac, 6));
	CHECK(!memcmp(re->b + 22, cf.net[V6].our.b, 16));
	CHECK(!memcmp(re->b + 38, from_guest.src.addr.b, 16));
	CHECK(be32(re->b + 14) == 0x600bcdef);	/* flow label: the transaction */
	CHECK(be16(re->b + 54) == 547 && be16(re->b + 56) == 546);
	CHECK(re->b[MSG_OFF] == type && !memcmp(re->b + MSG_OFF + 1, "\xab\xcd\xef", 3));
	CHECK(has(re, 2, server_id, sizeof(server_id)));
	CHECK(ids & CID ? has(re, 1, client_id, sizeof(client_id)) : lacks(re, 1));
}

/* Is the @nth IA_NA of the answer our address, for ever, and @gone, if any, no more? */
static int leased(const struct frame_out *re, int nth, uint32_t iaid, const char *gone)
{
	struct addr a = cf.net[V6].addr, b = ip(gone ? gone : "::");
	const uint8_t *v, *in;
	int len = option(re, 3, nth, &v), rest = len - 12;

	if (len != 12 + (gone ? 56 : 28) || be32(v) != iaid ||
	    be32(v + 4) != 0xffffffff || be32(v + 8) != 0xffffffff)
		return 0;
	if (find(v + 12, rest, 5, 0, &in) != 24 || memcmp(in, a.b, 16) ||
	    be32(in + 16) != 0xffffffff || be32(in + 20) != 0xffffffff)
		return 0;
	return !gone || (find(v + 12, rest, 5, 1, &in) == 24 &&
			 !memcmp(in, b.b, 16) && !be32(in + 16) && !be32(in + 20));
}

/* Has the @nth identity association @code nothing but @status? */
static int refused(const struct frame_out *re, uint16_t code, int nth, uint32_t iaid,
		   uint16_t status)
{
	const uint8_t *v, *in;
	int len = option(re, code, nth, &v), head = code == 4 ? 4 : 12;

	return len == head + 6 && be32(v) == iaid &&
	       (code == 4 || (!be32(v + 4) && !be32(v + 8))) &&
	       find(v + head, len - head, 13, 0, &in) == 2 && be16(in) == status;
}

/* RFC 8415, 16: which identifiers make a message valid */
static void t_identifiers(void)
{
	static const struct { uint8_t type, ids[4], answer; } v[] = {
		{ SOLICIT, { 0, 1, 0, 0 }, ADVERTISE },
		{ REQUEST, { 0, 0, 0, 1 }, REPLY },
		{ CONFIRM, { 0, 1, 0, 0 }, REPLY },
		{ RENEW,   { 0, 0, 0, 1 }, REPLY },
		{ REBIND,  { 0, 1, 0, 0 }, REPLY },
		{ RELEASE, { 0, 0, 0, 1 }, REPLY },
		{ DECLINE, { 0, 0, 0, 1 }, REPLY },
		{ INFORM,  { 1, 1, 1, 1 }, REPLY },
		{ ADVERTISE, { 0 }, 0 }, { REPLY, { 0 }, 0 }, { RECONFIGURE, { 0 }, 0 },
		{ 0, { 0 }, 0 }, { 12, { 0 }, 0 }, { 13, { 0 }, 0 }, { 255, { 0 }, 0 },
	};
	struct frame_out re;
	struct bytes m;
	size_t i;
	int ids;

	for (i = 0; i < NELEM(v); i++) {
		for (ids = 0; ids < 4; ids++) {
			m = message(v[i].type, ids);
			if (v[i].type != INFORM)
				ia(&m, 3, 1, ours);
			if (!CHECK(!!reply(&m, &re) == v[i].ids[ids]))
				fprintf(stderr, "... type %d, ids %d\n", v[i].type, ids);
			if (re.len)
				check_common(&re, v[i].answer, ids);
		}
		m = message(v[i].type, CID);		/* meant for another server */
		opt(&m, 2, "\0\3\0\1\x9a\x55\x9a\x55\x9a\x56", 10);
		CHECK(!reply(&m, &re));
		m = message(v[i].type, CID);
		opt(&m, 2, server_id, 9);
		CHECK(!reply(&m, &re));
		m = message(v[i].type, CID);
		opt(&m, 2, "\0\3\0\1\x9a\x55\x9a\x55\x9a\x55\0", 11);
		CHECK(!reply(&m, &re));
	}
}

static void t_solicit(void)
{
	struct bytes m = message(SOLICIT, CID);
	struct frame_out re;

	ia(&m, 3, 0x11223344, other);		/* a wish, not granted */
	CHECK(reply(&m, &re));
	check_common(&re, ADVERTISE, CID);
	CHECK(leased(&re, 0, 0x11223344, NULL));
	CHECK(has(&re, 7, "\xff", 1) && lacks(&re, 14) && lacks(&re, 13));
	CHECK(lacks(&re, 23) && lacks(&re, 24) && lacks(&re, 39));

	opt(&m, 14, "", 0);
	CHECK(reply(&m, &re));
	check_common(&re, REPLY, CID);
	CHECK(leased(&re, 0, 0x11223344, NULL));
	CHECK(has(&re, 14, "", 0) && lacks(&re, 7));
}

static void t_several_ias(void)
{
	struct bytes m = message(SOLICIT, CID);
	struct frame_out re;

	ia(&m, 25, 5, NULL);
	ia(&m, 3, 1, NULL);
	ia(&m, 4, 2, NULL);
	ia(&m, 3, 3, ours);
	CHECK(reply(&m, &re));
	CHECK(leased(&re, 0, 1, NULL) && refused(&re, 3, 1, 3, 2));
	CHECK(refused(&re, 4, 0, 2, 2) && refused(&re, 25, 0, 5, 6));

	m = message(REQUEST, CID | SID);
	ia(&m, 25, 5, NULL);
	CHECK(reply(&m, &re) && refused(&re, 25, 0, 5, 6) && lacks(&re, 3));
}

static void t_request(void)
{
	struct bytes m = message(REQUEST, CID | SID);
	struct frame_out re;

	ia(&m, 3, 7, ours);
	CHECK(reply(&m, &re) && leased(&re, 0, 7, NULL) && lacks(&re, 7));
	m = message(REQUEST, CID | SID);
	ia(&m, 3, 7, NULL);
	CHECK(reply(&m, &re) && leased(&re, 0, 7, NULL));
	m = message(REQUEST, CID | SID);
	ia(&m, 3, 7, other);
	CHECK(reply(&m, &re) && refused(&re, 3, 0, 7, 4));
}

static void t_renew(void)
{
	struct frame_out re;
	struct bytes m;
	int type;

	for (type = RENEW; type <= REBIND; type++) {
		m = message(type, type == RENEW ? CID | SID : CID);
		ia(&m, 3, 7, ours);
		CHECK(reply(&m, &re) && leased(&re, 0, 7, NULL));
		check_common(&re, REPLY, CID);
		m = message(type, type == RENEW ? CID | SID : CID);
		ia(&m, 3, 7, other);
		CHECK(reply(&m, &re) && leased(&re, 0, 7, other));
	}
}

static void t_confirm(void)
{
	struct bytes m = message(CONFIRM, CID);
	struct frame_out re;

	CHECK(!reply(&m, &re));			/* about nothing */
	ia(&m, 3, 7, NULL);
	CHECK(!reply(&m, &re));
	ia(&m, 3, 8, ours);
	CHECK(reply(&m, &re) && has(&re, 13, "\0\0", 2));
	CHECK(lacks(&re, 3) && lacks(&re, 23));
	ia(&m, 4, 9, other);
	CHECK(reply(&m, &re) && has(&re, 13, "\0\4", 2));
}

static void t_done(void)
{
	struct frame_out re;
	struct bytes m;
	int type;

	for (type = RELEASE; type <= DECLINE; type++) {
		m = message(type, CID | SID);
		ia(&m, 3, 7, ours);
		CHECK(reply(&m, &re) && has(&re, 13, "\0\0", 2) && lacks(&re, 3));
	}
}

static void t_inform(void)
{
	struct bytes m = message(INFORM, 0);
	struct frame_out re;
	int code;

	cf.net[V6].dns_count = 1;
	CHECK(reply(&m, &re) && !lacks(&re, 23) && lacks(&re, 3) && lacks(&re, 13));
	for (code = 3; code <= 25; code += code == 3 ? 1 : 21) {
		m = message(INFORM, CID);
		ia(&m, code, 1, NULL);
		CHECK(!reply(&m, &re));
	}
	conf_base(&cf);
}

static void t_config(void)
{
	static const char names[] = "\3eng\7example\3org\0\3lab\7example\3org";
	struct net_conf *n = &cf.net[V6];
	struct bytes m = message(SOLICIT, CID);
	struct frame_out re;

	n->dns_count = 2;
	n->dns[0] = ip("2001:db8::53");
	n->dns[1] = ip("fe80::1");
	strcpy(cf.search[0], "eng.example.org");
	strcpy(cf.search[1], "lab.example.org");
	cf.search_count = 2;
	strcpy(cf.fqdn, "guest.example.org");
	CHECK(reply(&m, &re) && has(&re, 23, n->dns, 32));
	CHECK(has(&re, 24, names, sizeof(names)));
	CHECK(has(&re, 39, "\0\5guest\7example\3org", 20));
	opt(&m, 39, "\1\1g", 3);		/* "please update" */
	CHECK(reply(&m, &re) && has(&re, 39, "\2\5guest\7example\3org", 20));
	cf.dhcp_dns = cf.dhcp_search = false;
	CHECK(reply(&m, &re) && lacks(&re, 23) && lacks(&re, 24) && !lacks(&re, 39));
	opt(&m, 39, "", 0);
	CHECK(!reply(&m, &re));
	conf_base(&cf);
}

static void t_raw(void)
{
	struct bytes m = message(SOLICIT, CID);
	struct frame_out re;

	cf.net[V6].dns_count = 1;
	cf.dhcpv6_opt_count = 2;
	cf.dhcpv6_opts[0] = (struct raw_opt){ .code = 23, .len = 16 };
	cf.dhcpv6_opts[1] = (struct raw_opt){ .code = 0x1234, .len = 3, .data = "abc" };
	cf.net[V6].dns[0] = ip("2001:db8::53");
	CHECK(reply(&m, &re) && has(&re, 23, cf.dhcpv6_opts[0].data, 16));
	CHECK(has(&re, 0x1234, "abc", 3));
	conf_base(&cf);
}

/* The longest of all, and more than can be answered */
static void t_crowded(void)
{
	struct bytes m = message(SOLICIT, 0);
	uint8_t id[131] = { 0, 2 };
	struct frame_out re;
	int i, j;

	for (i = 0; i < CONF_SEARCH_MAX; i++) {
		for (j = 0; j < 253; j++)
			cf.search[i][j] = j % 2 ? '.' : 'a' + i;
	}
	cf.search_count = CONF_SEARCH_MAX;
	cf.net[V6].dns_count = 3;
	opt(&m, 1, id, 130);
	ia(&m, 3, 1, NULL);
	CHECK(reply(&m, &re) && re.len > 1200 && leased(&re, 0, 1, NULL));
	CHECK(!lacks(&re, 24) && has(&re, 1, id, 130));
	ask_any_length(dhcpv6_reply, &cf, &guest, &from_guest, AT_DATA, &m);
	cf.mtu = 1280;
	CHECK(reply(&m, &re) && re.len <= 1294 && !lacks(&re, 24));
	for (i = 0; i < CONF_OPTS_MAX; i++)
		cf.dhcpv6_opts[i] = (struct raw_opt){ .code = 200, .len = 256 };
	cf.dhcpv6_opt_count = CONF_OPTS_MAX;
	CHECK(reply(&m, &re) && re.len <= 1294 && leased(&re, 0, 1, NULL));
	for (i = 2; i < 100; i++)
		ia(&m, 3, i, NULL);
	CHECK(!reply(&m, &re));

	m = message(SOLICIT, 0);
	opt(&m, 1, id, 131);			/* longer than a DUID can be */
	CHECK(!reply(&m, &re));
	m = message(SOLICIT, 0);
	opt(&m, 1, id, 0);
	CHECK(!reply(&m, &re));
	conf_base(&cf);
}

static void t_off(void)
{
	struct bytes m = message(SOLICIT, CID);
	struct frame_out re;

	cf.no_dhcpv6 = true;
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	cf.net[V6].enabled = false;
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	memset(&cf.net[V6].addr, 0, 16);	/* local mode */
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	from_guest.dst.addr = ip("fe80::1");	/* not to a group */
	CHECK(!reply(&m, &re));
	from_guest.dst.addr = ip("ff05::1:3");
	CHECK(reply(&m, &re));
	from_guest.src.addr = ip("::");
	CHECK(!reply(&m, &re));
	from_guest.src.addr = ip("fe80::5054:ff:fe12:3456");
}

static void t_any(void)
{
	struct bytes m, bad;
	struct frame_out re;
	int type;

	for (type = SOLICIT; type <= INFORM; type++) {
		m = message(type, type == SOLICIT || type == CONFIRM || type == REBIND ?
			    CID : CID | SID);
		opt(&m, 8, "\0", 2);
		opt(&m, 6, "\0\x17\0\x18", 4);
		if (type != INFORM) {
			ia(&m, 25, 9, NULL);
			ia(&m, 4, 8, ours);
			ia(&m, 3, 7, other);
		}
		ask_any_length(dhcpv6_reply, &cf, &guest, &from_guest, AT_DATA, &m);
		ask_any_byte(dhcpv6_reply, &cf, &guest, &from_guest, AT_DATA, &m);
		add16(&m, 3);			/* cut off after its code */
		CHECK(!reply(&m, &re));
	}
	m = message(SOLICIT, CID);
	bad = m;
	opt(&bad, 3, "\0\0\0\1\0\0\0\0\0\0\0", 11);
	CHECK(!reply(&bad, &re));
	bad = m;				/* an option too long for its IA */
	opt(&bad, 3, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\x18\1\2\3\4", 20);
	CHECK(!reply(&bad, &re));
	bad = m;				/* an address too short for one */
	opt(&bad, 3, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\4\1\2\3\4", 20);
	CHECK(!reply(&bad, &re));
	bad = m;				/* ... or without the last of its lifetimes */
	opt(&bad, 3, "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\x14"
		     "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\0\0\0\1", 36);
	CHECK(!reply(&bad, &re));
}

int main(void)
{
	conf_base(&cf);
	from_guest.src.addr = ip("fe80::5054:ff:fe12:3456");
	from_guest.dst.addr = ip("ff02::1:2");
	t_identifiers();
	t_solicit();
	t_several_ias();
	t_request();
	t_renew();
	t_confirm();
	t_done();
	t_inform();
	t_config();
	t_raw();
	t_crowded();
	t_off();
	t_any();
	return test_end("dhcpv6");
}
