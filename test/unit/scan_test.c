/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan_test.c - answers of the kernel, right and wrong; and this host's own sockets */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scan.h"
#include "test.h"
#include "util.h"

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP };

static bool is(const struct scan_sock *s, const char *addr, uint16_t port, bool dual)
{
	struct addr a;

	return !addr_parse(addr, &a) && addr_eq(&s->addr, &a) && s->port == port &&
	       s->dual == dual;
}

/* Words of these files are as the machine holds them */
static void t_proc(void)
{
	struct scan_sock s;

	CHECK(!scan_parse_proc("  sl  local_address rem_address   st", TCP, &s));
	CHECK(!scan_parse_proc("", TCP, &s));
	CHECK(!scan_parse_proc("   0: 0100007F:1F90 00000000:0000 01 00000000", TCP, &s));
	CHECK(!scan_parse_proc("   0: 0100007F:0000 00000000:0000 0A 00000000", TCP, &s));
	CHECK(!scan_parse_proc("   0: 0100007F:1F90", TCP, &s));
	CHECK(!scan_parse_proc("   0: 00000000:1F90 00000000:0000 0A 0", UDP, &s));
	CHECK(scan_parse_proc("   0: 00000000:1F90 00000000:0000 0A 0", TCP, &s));
	CHECK(is(&s, "0.0.0.0", 8080, false) && s.proto == TCP);
	CHECK(scan_parse_proc(" 1030: 00000000:0035 00000000:0000 07 0", UDP, &s));
	CHECK(is(&s, "0.0.0.0", 53, false) && s.proto == UDP);
	if (htonl(1) == 1)
		return;
	CHECK(scan_parse_proc("   0: 0100007F:1F90 00000000:0000 0A 0", TCP, &s));
	CHECK(is(&s, "127.0.0.1", 8080, false));
	CHECK(scan_parse_proc("   0: 00000000000000000000000000000000:0050 "
			      "00000000000000000000000000000000:0000 0A 0", TCP, &s));
	CHECK(is(&s, "::", 80, true));
	CHECK(scan_parse_proc("   0: 00000000000000000000000001000000:0050 "
			      "00000000000000000000000000000000:0000 0A 0", TCP, &s));
	CHECK(is(&s, "::1", 80, false));
	CHECK(scan_parse_proc("   0: 0000000000000000FFFF00000100007F:0050 "
			      "00000000000000000000000000000000:0000 0A 0", TCP, &s));
	CHECK(is(&s, "127.0.0.1", 80, false));
}

struct answer {
	struct nlmsghdr h;
	struct inet_diag_msg m;
	struct rtattr a;
	uint8_t only6, pad[3];
};

static struct answer answer(uint8_t family, uint16_t port)
{
	return (struct answer){
		.h.nlmsg_len = sizeof(struct answer),
		.m = { .idiag_family = family, .id.idiag_sport = htons(port) },
		.a = { RTA_LENGTH(1), INET_DIAG_SKV6ONLY },
	};
}

static void t_diag(void)
{
	struct answer a = answer(AF_INET6, 80);
	struct scan_sock s;
	size_t len;

	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s) && is(&s, "::", 80, true));
	a.only6 = 1;
	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s) && is(&s, "::", 80, false));
	a.a.rta_type = INET_DIAG_SHUTDOWN;
	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s) && is(&s, "::", 80, true));
	a.a.rta_len = 0xffff;
	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s));
	a.a.rta_len = 0;
	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s));
	a.m.id.idiag_src[3] = htonl(1);
	CHECK(scan_parse_diag(&a, sizeof(a), TCP, &s) && is(&s, "::1", 80, false));

	a = answer(AF_INET, 53);
	a.m.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
	a.m.id.idiag_if = 7;
	CHECK(scan_parse_diag(&a, sizeof(a), UDP, &s) && is(&s, "127.0.0.1", 53, false));
	CHECK(s.ifindex == 7 && s.proto == UDP);
	for (len = 0; len < NLMSG_LENGTH(sizeof(a.m)); len++)
		CHECK(!scan_parse_diag(&a, len, UDP, &s));
	a.m.id.idiag_sport = 0;
	CHECK(!scan_parse_diag(&a, sizeof(a), UDP, &s));
}

struct found { uint16_t port; int tcp, udp; };

static void note(void *ctx, const struct scan_sock *s)
{
	struct found *f = ctx;

	if (s->port != f->port)
		return;
	f->tcp += s->proto == TCP;
	f->udp += s->proto == UDP;
}

static struct found look(struct scan *s, uint16_t port, bool udp)
{
	struct found f = { .port = port };

	CHECK(!scan_run(s, udp, note, &f));
	return f;
}

static int bound(int type, struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int fd = socket(AF_INET, type, 0);

	CHECK(!bind(fd, (struct sockaddr *)sa, len));
	CHECK(!getsockname(fd, (struct sockaddr *)sa, &len));
	return fd;
}

/* By both ways to ask: what waits is seen, what does not is not */
static void check_live(struct scan *s)
{
	struct sockaddr_in sa = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
	struct found f;
	int tcp = bound(SOCK_STREAM, &sa), udp = bound(SOCK_DGRAM, &sa);
	uint16_t port = ntohs(sa.sin_port);

	f = look(s, port, true);
	CHECK(!f.tcp && f.udp == 1);
	CHECK(!look(s, port, false).udp);
	CHECK(!connect(udp, (struct sockaddr *)&sa, sizeof(sa)));
	CHECK(!look(s, port, true).udp);
	CHECK(!listen(tcp, 1));
	CHECK(look(s, port, false).tcp == 1);
	close(udp);
	udp = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(udp, (struct sockaddr *)&sa, sizeof(sa)));
	CHECK(look(s, port, false).tcp == 1);
	close(tcp);
	CHECK(!look(s, port, false).tcp);
	close(udp);
}

/* More than one read: all of them are seen */
static void check_many(struct scan *s)
{
	enum { N = 100 };
	struct sockaddr_in sa;
	struct found f;
	uint16_t ports[N];
	int fds[N], i;

	for (i = 0; i < N; i++) {
		sa = (struct sockaddr_in){ AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
		fds[i] = bound(SOCK_STREAM, &sa);
		ports[i] = ntohs(sa.sin_port);
		CHECK(!listen(fds[i], 1));
	}
	for (i = 0; i < N; i++) {
		f = look(s, ports[i], false);
		CHECK(f.tcp == 1);
	}
	for (i = 0; i < N; i++)
		close(fds[i]);
}

/* Numbers change with what listens */
static void check_counts(struct scan *s)
{
	struct sockaddr_in sa = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
	uint64_t none = scan_counts(s), one;
	int fd = bound(SOCK_DGRAM, &sa);

	one = scan_counts(s);
	CHECK(!none || one != none);
	close(fd);
}

static void t_live(void)
{
	struct scan s;

	CHECK(!scan_open(&s));
	check_live(&s);
	check_many(&s);
	check_counts(&s);
	if (s.diag < 0)
		return;
	close(s.diag);
	CHECK(!scan_open_proc(&s));
	check_live(&s);
	check_many(&s);
}

int main(void)
{
	t_proc();
	t_diag();
	t_live();
	return test_end("scan");
}
