/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of dhcp.c: every message of a client, in every state of it, field by field */
#include "dhcp.h"
#include "service.h"

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

enum { BOOTP_OFF = 14 + 20 + 8, OPTS_OFF = BOOTP_OFF + 240 };

#define OURS	0xc000020f		/* 192.0.2.15 */
#define SERVER	0xc0000201
#define OTHER	0xc0000263

static struct conf cf;
static struct guest guest;

static const struct pkt from_guest = {
	.ethertype = 0x0800, .proto = IPPROTO_UDP, .ttl = 64,
	.smac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },	/* not that in the message */
	.src.port = 68, .dst.port = 67,
};

/* Offsets in the message */
enum { XID = 4, FLAGS = 10, CIADDR = 12, YIADDR = 16, SIADDR = 20, GIADDR = 24, CHADDR = 28 };

/* A message without END; @type 0: BOOTP */
static struct bytes message(uint8_t type)
{
	struct bytes m = { .b = { 1, 1, 6, 3, 0xde, 0xad, 0xbe, 0xef, 0, 9 }, .len = 236 };

	memcpy(m.b + CHADDR, guest_mac, 6);
	add32(&m, 0x63825363);
	if (type) {
		add16(&m, 53 << 8 | 1);
		add8(&m, type);
	}
	return m;
}

static void set32(struct bytes *m, size_t at, uint32_t v)
{
	struct bytes t = { .len = 0 };

	add32(&t, v);
	memcpy(m->b + at, t.b, 4);
}

static void opt(struct bytes *m, uint8_t code, const void *v, uint8_t len)
{
	add8(m, code);
	add8(m, len);
	add(m, v, len);
}

static void opt32(struct bytes *m, uint8_t code, uint32_t v)
{
	add16(m, code << 8 | 4);
	add32(m, v);
}

static size_t reply(struct bytes *m, struct frame_out *re)
{
	struct bytes end = *m;

	add8(&end, 255);
	return ask(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &end, re);
}

/* Value of option @code, its pieces put together. Length, or -1. */
static int option(const struct frame_out *re, uint8_t code, uint8_t v[2048])
{
	size_t at = OPTS_OFF;
	int len = -1;

	while (at < re->len && re->b[at] != 255) {
		if (!re->b[at]) {
			at++;
			continue;
		}
		if (re->b[at] == code) {
			len = len < 0 ? 0 : len;
			memcpy(v + len, re->b + at + 2, re->b[at + 1]);
			len += re->b[at + 1];
		}
		at += 2 + re->b[at + 1];
	}
	CHECK(at < re->len);
	return len;
}

static int has(const struct frame_out *re, uint8_t code, const void *want, int len)
{
	uint8_t v[2048];

	return option(re, code, v) == len && !memcmp(v, want, len);
}

static int lacks(const struct frame_out *re, uint8_t code)
{
	uint8_t v[2048];

	return option(re, code, v) < 0;
}

/* What is the same in all answers */
static void check_common(const struct frame_out *re)
{
	const uint8_t *m = re->b + BOOTP_OFF;

	CHECK(re->len >= BOOTP_OFF + 300);
	CHECK(be32(re->b + 26) == SERVER && be16(re->b + 34) == 67);
	CHECK(m[0] == 2 && m[1] == 1 && m[2] == 6 && m[3] == 0);
	CHECK(be32(m + XID) == 0xdeadbeef && !be16(m + 8) && !be32(m + SIADDR));
	CHECK(!memcmp(m + CHADDR, guest_mac, 6) && !m[44] && !m[108]);
	CHECK(be32(m + 236) == 0x63825363);
}

static int sent_to(const struct frame_out *re, const void *mac, uint32_t addr, uint16_t port)
{
	return !memcmp(re->b, mac, 6) && be32(re->b + 30) == addr &&
	       be16(re->b + 36) == port;
}

static const uint8_t to_all[] = { 255, 255, 255, 255, 255, 255 };

static void t_offer(void)
{
	struct bytes m = message(DISCOVER);
	struct frame_out re;

	opt32(&m, 50, OTHER);			/* a wish, not granted */
	CHECK(reply(&m, &re));
	check_common(&re);
	CHECK(sent_to(&re, guest_mac, OURS, 68));
	CHECK(be32(re.b + BOOTP_OFF + YIADDR) == OURS);
	CHECK(!be32(re.b + BOOTP_OFF + CIADDR));
	CHECK(re.b[OPTS_OFF] == 53 && has(&re, 53, "\2", 1));
	CHECK(has(&re, 54, "\xc0\0\2\1", 4) && has(&re, 51, "\xff\xff\xff\xff", 4));
	CHECK(has(&re, 1, "\xff\xff\xff", 4) && has(&re, 3, "\xc0\0\2\1", 4));
	CHECK(has(&re, 26, "\xff\xf0", 2));
	CHECK(lacks(&re, 6) && lacks(&re, 12) && lacks(&re, 80) && lacks(&re, 81));
	CHECK(lacks(&re, 119) && lacks(&re, 121) && lacks(&re, 61));
}

static void t_rapid(void)
{
	struct bytes m = message(DISCOVER);
	struct frame_out re;

	opt(&m, 80, "", 0);
	CHECK(reply(&m, &re));
	CHECK(has(&re, 53, "\5", 1) && has(&re, 80, "", 0) &&
	      has(&re, 51, "\xff\xff\xff\xff", 4));

	m = message(REQUEST);			/* it means nothing here */
	opt(&m, 80, "", 0);
	CHECK(reply(&m, &re) && has(&re, 53, "\5", 1) && lacks(&re, 80));
	m = message(DISCOVER);
	opt(&m, 80, "x", 1);
	CHECK(!reply(&m, &re));
}

/* RFC 2131, table 4: what tells the states apart */
static const struct {
	const char *state;
	uint32_t server, wanted, ciaddr;
	int type;				/* of the answer, 0: none */
} requests[] = {
	{ "SELECTING", SERVER, OURS, 0, ACK },
	{ "SELECTING, wrong address", SERVER, OTHER, 0, NAK },
	{ "SELECTING, sloppy", SERVER, 0, 0, ACK },
	{ "SELECTING another server", OTHER, OURS, 0, 0 },
	{ "SELECTING another server and address", OTHER, OTHER, 0, 0 },
	{ "INIT-REBOOT", 0, OURS, 0, ACK },
	{ "INIT-REBOOT, wrong address", 0, OTHER, 0, NAK },
	{ "RENEWING", 0, 0, OURS, ACK },
	{ "RENEWING, wrong address", 0, 0, OTHER, NAK },
	{ "RENEWING, contradiction", 0, OURS, OTHER, NAK },
};

static void t_request(void)
{
	struct frame_out re;
	struct bytes m;
	uint8_t type;
	size_t i;

	for (i = 0; i < NELEM(requests); i++) {
		m = message(REQUEST);
		set32(&m, CIADDR, requests[i].ciaddr);
		if (requests[i].server)
			opt32(&m, 54, requests[i].server);
		if (requests[i].wanted)
			opt32(&m, 50, requests[i].wanted);
		reply(&m, &re);
		type = requests[i].type;
		if (!CHECK(type ? re.len && has(&re, 53, &type, 1) : !re.len))
			fprintf(stderr, "... %s\n", requests[i].state);
		if (type == ACK) {
			check_common(&re);
			CHECK(sent_to(&re, guest_mac, OURS, 68));
			CHECK(be32(re.b + BOOTP_OFF + YIADDR) == OURS);
			CHECK(be32(re.b + BOOTP_OFF + CIADDR) == requests[i].ciaddr);
			CHECK(has(&re, 51, "\xff\xff\xff\xff", 4) &&
			      has(&re, 54, "\xc0\0\2\1", 4) && !lacks(&re, 1));
		} else if (type == NAK) {
			check_common(&re);
			CHECK(sent_to(&re, to_all, 0xffffffff, 68));
			CHECK(!be32(re.b + BOOTP_OFF + YIADDR));
			CHECK(!be32(re.b + BOOTP_OFF + CIADDR));
			CHECK(has(&re, 54, "\xc0\0\2\1", 4));
			CHECK(lacks(&re, 51) && lacks(&re, 1) && lacks(&re, 3) &&
			      lacks(&re, 26));
		}
	}
}

static void t_inform(void)
{
	struct bytes m = message(INFORM);
	struct frame_out re;

	set32(&m, CIADDR, OTHER);
	opt32(&m, 50, OTHER);
	CHECK(reply(&m, &re));
	check_common(&re);
	CHECK(sent_to(&re, guest_mac, OTHER, 68));
	CHECK(has(&re, 53, "\5", 1) && has(&re, 54, "\xc0\0\2\1", 4));
	CHECK(lacks(&re, 51) && !lacks(&re, 1) && !lacks(&re, 3));
	CHECK(!be32(re.b + BOOTP_OFF + YIADDR));
	CHECK(be32(re.b + BOOTP_OFF + CIADDR) == OTHER);

	set32(&m, CIADDR, 0);			/* where to? */
	CHECK(reply(&m, &re) && sent_to(&re, to_all, 0xffffffff, 68));
}

static void t_silent(void)
{
	static const uint8_t types[] = { 0, OFFER, DECLINE, ACK, NAK, RELEASE, 9, 13, 255 };
	struct frame_out re;
	struct bytes m;
	size_t i;

	for (i = 0; i < NELEM(types); i++) {
		m = message(0);
		opt(&m, 53, &types[i], 1);
		opt32(&m, 54, SERVER);
		set32(&m, CIADDR, OURS);
		CHECK(!reply(&m, &re));
	}
}

static void t_bootp(void)
{
	struct bytes m = message(0);
	struct frame_out re;

	strcpy(cf.hostname, "guest");
	CHECK(reply(&m, &re) == BOOTP_OFF + 300);
	check_common(&re);
	CHECK(sent_to(&re, guest_mac, OURS, 68));
	CHECK(be32(re.b + BOOTP_OFF + YIADDR) == OURS);
	CHECK(has(&re, 1, "\xff\xff\xff", 4) && has(&re, 3, "\xc0\0\2\1", 4));
	CHECK(has(&re, 12, "guest", 5));
	CHECK(lacks(&re, 53) && lacks(&re, 51) && lacks(&re, 54));

	memset(m.b + 236, 0, 4);		/* vendor area of another kind */
	m.len = 300;
	CHECK(reply(&m, &re) && lacks(&re, 53));
	memset(cf.hostname, 'h', 60);		/* does not fit */
	CHECK(reply(&m, &re) == BOOTP_OFF + 300 && lacks(&re, 12) && !lacks(&re, 26));
	conf_base(&cf);
}

static void t_destination(void)
{
	struct bytes m = message(DISCOVER);
	struct frame_out re;

	m.b[FLAGS] = 0x80;
	CHECK(reply(&m, &re) && sent_to(&re, to_all, 0xffffffff, 68));
	CHECK(be16(re.b + BOOTP_OFF + FLAGS) == 0x8000);

	set32(&m, GIADDR, 0xc0000209);
	CHECK(reply(&m, &re) && sent_to(&re, from_guest.smac, 0xc0000209, 67));
	CHECK(be32(re.b + BOOTP_OFF + GIADDR) == 0xc0000209);

	m = message(REQUEST);			/* NAK through a relay: broadcast there */
	set32(&m, GIADDR, 0xc0000209);
	opt32(&m, 50, OTHER);
	CHECK(reply(&m, &re) && sent_to(&re, from_guest.smac, 0xc0000209, 67));
	CHECK(has(&re, 53, "\6", 1) && be16(re.b + BOOTP_OFF + FLAGS) == 0x8000);

	m = message(DISCOVER);
	set32(&m, CIADDR, OURS);
	CHECK(reply(&m, &re) && sent_to(&re, guest_mac, OURS, 68));
	CHECK(!be32(re.b + BOOTP_OFF + CIADDR));

	m = message(REQUEST);			/* a known address: no need for broadcast */
	m.b[FLAGS] = 0x80;
	set32(&m, CIADDR, OURS);
	CHECK(reply(&m, &re) && sent_to(&re, guest_mac, OURS, 68));
}

static void t_client_id(void)
{
	struct frame_out re;
	uint8_t id[255];
	struct bytes m;
	int type;

	memset(id, 0x5a, sizeof(id));
	for (type = DISCOVER; type <= REQUEST; type += 2) {
		m = message(type);
		opt32(&m, 50, OTHER);
		opt(&m, 61, id, sizeof(id));
		CHECK(reply(&m, &re) && has(&re, 61, id, sizeof(id)));
		CHECK(!lacks(&re, 53) && !lacks(&re, 54));
		CHECK(re.len <= 14 + 576);
	}
}

/* Options in the order asked for; codes of no meaning and repetitions do no harm */
static void t_order(void)
{
	static const uint8_t list[] = { 26, 255, 3, 0, 12, 200, 3, 1, 51, 26 };
	static const uint8_t want[] = { 53, 26, 3, 12, 1, 51, 54, 6, 255 };
	struct bytes m = message(DISCOVER);
	struct frame_out re;
	size_t at, i = 0;

	strcpy(cf.hostname, "guest");
	cf.net[V4].dns_count = 1;
	cf.net[V4].dns[0] = ip("192.0.2.53");
	opt(&m, 55, list, sizeof(list));
	CHECK(reply(&m, &re));
	for (at = OPTS_OFF; at < re.len && i < sizeof(want); at += 2 + re.b[at + 1])
		CHECK(re.b[at] == want[i++]);
	CHECK(i == sizeof(want));
	conf_base(&cf);
}

static void t_dns(void)
{
	struct net_conf *n = &cf.net[V4];
	struct bytes m = message(REQUEST);
	struct frame_out re;

	n->dns[0] = ip("192.0.2.53");
	n->dns[1] = ip("198.51.100.1");
	n->dns_count = 2;
	CHECK(reply(&m, &re) && has(&re, 6, "\xc0\0\2\x35\xc6\x33\x64\1", 8));
	cf.dhcp_dns = false;
	CHECK(reply(&m, &re) && lacks(&re, 6));
	conf_base(&cf);
}

static void t_mtu(void)
{
	struct bytes m = message(REQUEST);
	struct frame_out re;

	cf.mtu = 0;
	CHECK(reply(&m, &re) && lacks(&re, 26));
	cf.mtu = 67;
	CHECK(reply(&m, &re) && lacks(&re, 26));
	cf.mtu = 68;
	CHECK(reply(&m, &re) && has(&re, 26, "\0\x44", 2));
	conf_base(&cf);
}

static void t_mask_routes(void)
{
	static const struct { int plen; const char *gw, *mask; int routes; } v[] = {
		{ 24, "192.0.2.1", "\xff\xff\xff", 0 },
		{ 32, "192.0.2.1", "\xff\xff\xff\xff", 1 },
		{ 31, "192.0.2.14", "\xff\xff\xff\xfe", 0 },
		{ 29, "192.0.2.1", "\xff\xff\xff\xf8", 1 },
		{ 1, "198.51.100.1", "\x80\0\0", 0 },
		{ 0, "198.51.100.1", "\0\0\0", 0 },
	};
	struct bytes m = message(REQUEST);
	struct frame_out re;
	uint8_t routes[14];
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		cf.net[V4].plen = v[i].plen;
		cf.net[V4].gw = ip(v[i].gw);
		CHECK(reply(&m, &re) && has(&re, 1, v[i].mask, 4));
		CHECK(has(&re, 3, cf.net[V4].gw.b + 12, 4));
		memset(routes, 0, sizeof(routes));
		routes[0] = 32;
		memcpy(routes + 1, cf.net[V4].gw.b + 12, 4);
		memcpy(routes + 10, cf.net[V4].gw.b + 12, 4);
		CHECK(v[i].routes ? has(&re, 121, routes, 14) : lacks(&re, 121));
	}
	memset(&cf.net[V4].gw, 0, 16);
	CHECK(reply(&m, &re) && lacks(&re, 3) && lacks(&re, 121));
	conf_base(&cf);
}

static void t_fqdn(void)
{
	struct bytes m = message(REQUEST);
	struct frame_out re;

	strcpy(cf.fqdn, "guest.example.org");
	CHECK(reply(&m, &re));
	CHECK(has(&re, 81, "\4\xff\xff\5guest\7example\3org", 22));

	opt(&m, 81, "\5\0\0\1g", 5);		/* on the wire, "please update" */
	CHECK(reply(&m, &re));
	CHECK(has(&re, 81, "\6\xff\xff\5guest\7example\3org", 22));

	m = message(REQUEST);
	opt(&m, 81, "\0\0\0g", 4);		/* as text */
	CHECK(reply(&m, &re) && has(&re, 81, "\0\xff\xffguest.example.org", 20));
	m = message(REQUEST);
	opt(&m, 81, "", 0);
	CHECK(!reply(&m, &re));
	conf_base(&cf);
}

static void t_search(void)
{
	static const char wire[] = "\3eng\7example\3org\0\3lab\xc0\4\4test";
	struct bytes m = message(REQUEST);
	struct frame_out re;

	strcpy(cf.search[0], "eng.example.org");
	strcpy(cf.search[1], "lab.example.org");
	strcpy(cf.search[2], "test");
	cf.search_count = 3;
	CHECK(reply(&m, &re) && has(&re, 119, wire, sizeof(wire)));
	cf.dhcp_search = false;
	CHECK(reply(&m, &re) && lacks(&re, 119));
	conf_base(&cf);
}

/* Long list, asked for first: whole names only, the essential options stay */
static void t_crowded(void)
{
	static const uint16_t sizes[] = { 0, 1, 576, 600, 800, 1400, 1500, 65535 };
	uint8_t v[2048];
	struct frame_out re;
	struct bytes m;
	size_t i, room;
	int j, len, last = 0;

	for (i = 0; i < CONF_SEARCH_MAX; i++) {
		for (j = 0; j < 189; j++)
			cf.search[i][j] = j % 10 == 9 ? '.' : 'a' + i;
	}
	cf.search_count = CONF_SEARCH_MAX;
	cf.net[V4].plen = 32;
	for (i = 0; i < NELEM(sizes); i++) {
		m = message(REQUEST);
		opt(&m, 55, "\x77", 1);
		opt(&m, 57, (uint8_t []){ sizes[i] >> 8, sizes[i] }, 2);
		room = MIN(MAX(sizes[i], 576), 1500);
		CHECK(reply(&m, &re) && re.len <= 14 + room);
		CHECK(re.len + 200 > 14 + room || last == 191 * CONF_SEARCH_MAX);
		len = option(&re, 119, v);
		CHECK(len >= last && len % 191 == 0 && len && !v[len - 1]);
		last = len;
		CHECK(!lacks(&re, 54) && !lacks(&re, 51) && !lacks(&re, 1));
		CHECK(!lacks(&re, 3) && !lacks(&re, 121));
	}
	CHECK(last > 2 * 255);
	cf.mtu = 1280;				/* the link carries less */
	CHECK(reply(&m, &re) && re.len <= 14 + 1280 && !lacks(&re, 119));
	cf.mtu = 300;
	CHECK(reply(&m, &re) && re.len > 14 + 300 && re.len <= 14 + 576);
	cf.mtu = 65520;
	add8(&m, 255);
	ask_any_length(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &m);
	conf_base(&cf);
}

static void t_raw(void)
{
	struct bytes m = message(REQUEST), nak = message(REQUEST);
	struct frame_out re;
	uint8_t long_one[256];
	int i;

	memset(long_one, 7, sizeof(long_one));
	opt32(&nak, 50, OTHER);
	opt(&m, 57, "\5\xdc", 2);
	cf.dhcp_opt_count = 6;
	cf.dhcp_opts[0] = (struct raw_opt){ .code = 66, .len = 4, .data = "tftp" };
	cf.dhcp_opts[1] = (struct raw_opt){ .code = 3, .len = 4, .data = { 192, 0, 2, 9 } };
	cf.dhcp_opts[2] = (struct raw_opt){ .code = 54, .len = 4, .data = { 1, 2, 3, 4 } };
	cf.dhcp_opts[3] = (struct raw_opt){ .code = 255, .len = 1 };
	cf.dhcp_opts[4] = (struct raw_opt){ .code = 224, .len = 256 };
	memcpy(cf.dhcp_opts[4].data, long_one, 256);
	cf.dhcp_opts[5] = (struct raw_opt){ .code = 0, .len = 1 };
	CHECK(reply(&m, &re));
	CHECK(has(&re, 66, "tftp", 4) && has(&re, 3, "\xc0\0\2\x09", 4));
	CHECK(has(&re, 54, "\xc0\0\2\1", 4) && has(&re, 224, long_one, 256));
	CHECK(reply(&nak, &re) && lacks(&re, 66) && lacks(&re, 3));

	cf.dhcp_opt_count = CONF_OPTS_MAX;
	for (i = 0; i < CONF_OPTS_MAX; i++)
		cf.dhcp_opts[i] = (struct raw_opt){ .code = 100 + i, .len = 100 };
	CHECK(reply(&m, &re) && re.len > 1400 && re.len <= FRAME_MAX);
	CHECK(!lacks(&re, 51) && !lacks(&re, 3) && !lacks(&re, 100));
	conf_base(&cf);
}

/* An option goes out if, and only if, the essential ones have room beside it */
static void t_room(void)
{
	static const uint8_t list[] = { 224, 12 };
	struct bytes m;
	struct frame_out re;
	int id, len, size, room;

	cf.net[V4].plen = 32;			/* for option 121 */
	cf.dhcp_opt_count = 1;
	for (id = 0; id < 50; id++) {
		m = message(REQUEST);
		opt(&m, 55, list, sizeof(list));
		if (id)
			opt(&m, 61, m.b, id);
		room = 308 - 1 - 43 - (id ? 2 + id : 0);
		for (len = 0; len <= 256; len += len < 200 ? 25 : 1) {
			cf.dhcp_opts[0] = (struct raw_opt){ .code = 224, .len = len };
			size = len + (len > 255 ? 4 : 2);
			CHECK(reply(&m, &re) && re.len <= 14 + 576);
			CHECK(lacks(&re, 224) == (size > room));
			CHECK(!lacks(&re, 54) && !lacks(&re, 51) && !lacks(&re, 1));
			CHECK(!lacks(&re, 3) && !lacks(&re, 121));
			CHECK(id ? has(&re, 61, m.b, id) : lacks(&re, 61));
		}
		cf.dhcp_opts[0].code = 0;
		for (len = 1; len < NAME_LEN_MAX; len++) {
			cf.hostname[len - 1] = 'h';
			cf.hostname[len] = 0;
			CHECK(reply(&m, &re) && re.len <= 14 + 576);
			CHECK(lacks(&re, 12) == (len + 2 > room));
			CHECK(!lacks(&re, 54) && !lacks(&re, 3) && !lacks(&re, 121));
		}
		cf.hostname[0] = 0;
	}
	conf_base(&cf);
}

static void t_off(void)
{
	struct bytes m = message(DISCOVER);
	struct frame_out re;

	cf.no_dhcp = true;
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	cf.net[V4].enabled = false;
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	memset(&cf.net[V4].addr, 0, 16);
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	memset(&cf.net[V4].our, 0, 16);		/* point-to-point uplink */
	memset(&cf.net[V4].gw, 0, 16);
	CHECK(!reply(&m, &re));
	conf_base(&cf);
	CHECK(reply(&m, &re));
}

static void t_malformed(void)
{
	static const struct { int at, v; } bad[] = {
		{ 0, 0 }, { 0, 2 }, { 1, 6 }, { 2, 16 }, { 2, 0 }, { CHADDR, 1 },
		{ CIADDR, 224 }, { CIADDR, 127 }, { GIADDR, 255 }, { GIADDR, 127 },
		{ 241, 0 }, { 241, 2 }, { 241, 255 },
	};
	struct bytes good = message(REQUEST), m;
	struct frame_out re;
	size_t i;

	set32(&good, CIADDR, OURS);
	set32(&good, GIADDR, 0xc0000209);
	CHECK(reply(&good, &re));
	for (i = 0; i < NELEM(bad); i++) {
		m = good;
		m.b[bad[i].at] = bad[i].v;
		if (bad[i].v == 255)
			memset(m.b + bad[i].at, 255, 4);
		if (!CHECK(!reply(&m, &re)))
			fprintf(stderr, "... %d = %d\n", bad[i].at, bad[i].v);
	}
	m = good;
	memset(m.b + CHADDR, 0, 6);
	CHECK(!reply(&m, &re));
	m = good;
	opt(&m, 50, "\xc0\0\2", 3);
	CHECK(!reply(&m, &re));
	m = good;
	opt(&m, 54, "\xc0\0\2\1\1", 5);
	CHECK(!reply(&m, &re));
	m = good;
	opt(&m, 57, "\5", 1);
	CHECK(!reply(&m, &re));
}

static void t_any(void)
{
	struct bytes m = message(REQUEST);
	struct frame_out re;

	opt32(&m, 50, OURS);
	add16(&m, 0);				/* padding in between */
	opt32(&m, 54, SERVER);
	opt(&m, 55, "\1\3\6\x0c\x1a\x77\x79", 7);
	opt(&m, 57, "\5\xdc", 2);
	opt(&m, 61, "\1\x52\x54\0\x12\x34\x56", 7);
	opt(&m, 81, "\1\0\0g", 4);
	add8(&m, 255);
	add32(&m, 0x35010801);			/* after the end: not looked at */
	CHECK(ask(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &m, &re));
	CHECK(has(&re, 53, "\5", 1));
	ask_any_length(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &m);
	ask_any_byte(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &m);
	for (m.len = 0; m.len < 240; m.len++)
		CHECK(!ask(dhcp_reply, &cf, &guest, &from_guest, AT_DATA, &m, &re));
}

int main(void)
{
	conf_base(&cf);
	t_offer();
	t_rapid();
	t_request();
	t_inform();
	t_silent();
	t_bootp();
	t_destination();
	t_client_id();
	t_order();
	t_dns();
	t_mtu();
	t_mask_routes();
	t_fqdn();
	t_search();
	t_crowded();
	t_raw();
	t_room();
	t_off();
	t_malformed();
	t_any();
	return test_end("dhcp");
}
