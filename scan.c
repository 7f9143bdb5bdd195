/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan.c - who listens in a network namespace, now
 *
 * The kernel tells nobody that a socket starts to listen, so we have to ask, often. A
 * sock_diag request for TCP sockets in LISTEN looks at no other ones, and takes some 10
 * us however many connections there are. A netlink socket belongs to the namespace
 * that it was opened in, and so do open files of /proc/net, the fallback where
 * the kernel has no sock_diag.
 *
 * sock_diag(7), proc(5). Called by listen_look.c.
 */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock.h"
#include "util.h"

enum {
	ANSWER_MAX = 32768,		/* of the kernel, at once */
	TIMEOUT_US = 100 * 1000,	/* for an answer; the kernel gives it at once */
};

static const struct { uint8_t proto; uint8_t state; } protos[SCAN_PROTOS] = {
	{ IPPROTO_TCP, TCP_LISTEN }, { IPPROTO_UDP, TCP_CLOSE },
};

/* Is the IPv6 socket of the answer @msg one that takes IPv4 as well? */
static bool is_dual(const uint8_t *msg, size_t len)
{
	size_t at = NLMSG_LENGTH(sizeof(struct inet_diag_msg));

	while (len >= at + sizeof(struct rtattr)) {
		struct rtattr a;

		memcpy(&a, msg + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			break;
		if (a.rta_type == INET_DIAG_SKV6ONLY && a.rta_len > sizeof(a))
			return !msg[at + sizeof(a)];
		at += RTA_ALIGN(a.rta_len);
	}
	return true;
}

bool scan_parse_diag(const void *msg, size_t len, uint8_t proto, struct scan_sock *out)
{
	const uint8_t *p = msg;
	struct inet_diag_msg m;

	if (len < NLMSG_LENGTH(sizeof(m)))
		return false;
	memcpy(&m, p + NLMSG_HDRLEN, sizeof(m));
	*out = (struct scan_sock){
		.port = ntohs(m.id.idiag_sport), .proto = proto,
		.ifindex = m.id.idiag_if,
	};
	if (m.idiag_family == sock_family(V4)) {
		out->addr = addr_v4(m.id.idiag_src[0]);
	} else if (m.idiag_family == sock_family(V6)) {
		out->addr = addr_v6(m.id.idiag_src);
		out->dual = !addr_is4(&out->addr) && addr_is_any(&out->addr) &&
			    is_dual(p, len);
	}
	return out->port;
}

/* "  0: 0100007F:1F90 00000000:0000 0A ...": addresses are words as the machine has them */
bool scan_parse_proc(const char *line, uint8_t proto, struct scan_sock *out)
{
	char text[33] = "";
	unsigned port, state, i, want = proto == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE;

	if (sscanf(line, " %*u: %32[0-9A-F]:%x %*32[0-9A-F]:%*x %x", text, &port,
		   &state) != 3 || state != want || !port || port > UINT16_MAX)
		return false;
	*out = (struct scan_sock){ .port = port, .proto = proto };
	if (strlen(text) == 8) {
		uint32_t v4;

		sscanf(text, "%8x", &v4);
		out->addr = addr_v4(v4);
		return true;
	}
	for (i = 0; i < NELEM(out->addr.w); i++) {
		if (sscanf(text + 8 * i, "%8x", &out->addr.w[i]) != 1)
			return false;
	}
	out->dual = !addr_is4(&out->addr) && addr_is_any(&out->addr);
	return true;
}

/* #syscalls:pasta sendto send */
static int ask(struct scan *s, int proto, enum ipver v)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} m = {
		.h = {
			.nlmsg_len = sizeof(m), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++s->seq,
		},
		.r = {
			.sdiag_family = sock_family(v),
			.sdiag_protocol = protos[proto].proto,
			.idiag_states = 1U << protos[proto].state,
		},
	};

	return send(s->diag, &m, sizeof(m), 0) < 0 ? -errno : 0;
}

/* The messages of one answer: 1: it was the last, 0: there is more, or -errno */
static int take(const struct scan *s, const uint8_t *buf, size_t len, uint8_t proto,
		scan_fn *fn, void *ctx)
{
	struct nlmsghdr h;
	struct scan_sock sk;
	int err;

	for (; len >= sizeof(h); buf += NLMSG_ALIGN(h.nlmsg_len),
	     len -= MIN(len, NLMSG_ALIGN(h.nlmsg_len))) {
		memcpy(&h, buf, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return -EBADMSG;
		if (h.nlmsg_seq != s->seq)
			continue;
		if (h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < NLMSG_LENGTH(sizeof(err)))
				return -EBADMSG;
			memcpy(&err, buf + NLMSG_HDRLEN, sizeof(err));
			return err ? err : 1;
		}
		if (scan_parse_diag(buf, h.nlmsg_len, proto, &sk))
			fn(ctx, &sk);
	}
	return 0;
}

/* #syscalls:pasta recvfrom recv */
static int dump(struct scan *s, int proto, enum ipver v, scan_fn *fn, void *ctx)
{
	_Alignas(8) uint8_t buf[ANSWER_MAX];
	int rc = ask(s, proto, v);

	while (!rc) {
		ssize_t len = recv(s->diag, buf, sizeof(buf), 0);

		if (len < 0)
			return -errno;
		rc = take(s, buf, len, protos[proto].proto, fn, ctx);
	}
	return rc < 0 ? rc : 0;
}

/* Call @fn for each line of @fd, a file of /proc/net: 0 or -errno
 *
 * #syscalls:pasta pread64
 */
static int each_line(int fd, void (*fn)(void *ctx, const char *line), void *ctx)
{
	char buf[4096], *line, *end;
	size_t have = 0;
	off_t at = 0;
	ssize_t n;

	if (fd < 0)
		return -EBADF;
	while ((n = pread(fd, buf + have, sizeof(buf) - 1 - have, at)) > 0) {
		have += n;
		at += n;
		buf[have] = '\0';
		for (line = buf; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			fn(ctx, line);
		}
		have -= line - buf;
		memmove(buf, line, have);
	}
	return n < 0 ? -errno : 0;
}

struct proc_run { uint8_t proto; scan_fn *fn; void *ctx; };

static void take_line(void *ctx, const char *line)
{
	const struct proc_run *r = ctx;
	struct scan_sock sk;

	if (scan_parse_proc(line, r->proto, &sk))
		r->fn(r->ctx, &sk);
}

int scan_run(struct scan *s, bool udp, scan_fn *fn, void *ctx)
{
	int i, rc = 0;
	enum ipver v;

	for (i = 0; i < (udp ? 2 : 1); i++) {
		struct proc_run r = { protos[i].proto, fn, ctx };

		for (v = V4; v < IPVERS && !rc; v++) {
			if (s->diag >= 0)
				rc = dump(s, i, v, fn, ctx);
			else if (s->proc[i][v] >= 0)
				rc = each_line(s->proc[i][v], take_line, &r);
		}
	}
	return rc;
}

/* "TCP: inuse 5 orphan 0 ...", "UDP6: inuse 3", and others: what is of interest to @sum */
static void sum_line(const char *line, uint64_t *sum)
{
	static const char inuse[] = ": inuse ";
	const char *p = line + 3;
	uint64_t n = 0;

	if (strncmp(line, "TCP", 3) && strncmp(line, "UDP", 3))
		return;
	p += *p == '6';
	if (strncmp(p, inuse, sizeof(inuse) - 1))
		return;
	for (p += sizeof(inuse) - 1; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + *p - '0';
	*sum = (*sum ^ n) * 0x9e3779b97f4a7c15;
}

uint64_t scan_counts(struct scan *s)
{
	uint64_t sum = 0x9e3779b97f4a7c15;
	char buf[1024], *line, *next;
	enum ipver v;

	for (v = V4; v < IPVERS; v++) {
		ssize_t n = pread(s->counts[v], buf, sizeof(buf) - 1, 0);

		if (n < 0 && v == V4)
			return 0;
		buf[MAX(n, 0)] = '\0';
		for (line = buf; line; line = next) {
			next = strchr(line, '\n');
			sum_line(line, &sum);
			next += !!next;
		}
		sum = sum << 1 | sum >> 63;
	}
	return sum;
}

static void count_line(void *ctx, const char *line)
{
	(void)line;
	++*(int *)ctx;
}

/* Devices that may lead somewhere: not those that tunnel modules put everywhere */
static void count_device(void *ctx, const char *line)
{
	static const char *const idle[] = {
		"lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0",
		"sit0", "ip6tnl0", "ip6gre0",
	};
	size_t i, len;

	line += strspn(line, " ");
	len = strcspn(line, ":");
	if (!line[len])
		return;			/* heading */
	for (i = 0; i < NELEM(idle); i++) {
		if (strlen(idle[i]) == len && !memcmp(line, idle[i], len))
			return;
	}
	++*(int *)ctx;
}

bool scan_is_leaf(struct scan *s)
{
	enum { HEADING = 1 };
	int devices = 0, lines = 0;

	return !each_line(s->devices, count_device, &devices) && devices <= 1 &&
	       !each_line(s->packet, count_line, &lines) && lines == HEADING;
}

static void ignore(void *ctx, const struct scan_sock *sk)
{
	(void)ctx;
	(void)sk;
}

static int open_proc(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/net/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int scan_open_proc(struct scan *s)
{
	static const char *const names[SCAN_PROTOS][IPVERS] = {
		{ "tcp", "tcp6" }, { "udp", "udp6" },
	};
	int i;

	s->diag = -1;
	for (i = 0; i < SCAN_PROTOS; i++) {
		s->proc[i][V4] = open_proc(names[i][V4]);
		s->proc[i][V6] = open_proc(names[i][V6]);
	}
	return s->proc[0][V4] < 0 && s->proc[0][V6] < 0 ? -errno : 0;
}

int scan_open(struct scan *s)
{
	struct timeval tv = { .tv_usec = TIMEOUT_US };

	*s = (struct scan){ .proc = { { -1, -1 }, { -1, -1 } } };
	s->devices = open_proc("dev");
	s->packet = open_proc("packet");
	s->counts[V4] = open_proc("sockstat");
	s->counts[V6] = open_proc("sockstat6");
	s->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (s->diag < 0)
		return scan_open_proc(s);
	setsockopt(s->diag, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (!scan_run(s, true, ignore, NULL))
		return 0;
	close(s->diag);
	return scan_open_proc(s);
}
