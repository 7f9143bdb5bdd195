/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nl.c - a netlink socket: requests, answers and their attributes
 *
 * Requests are queued in the caller's buffer and sent many at a time; only the last
 * one asks for an acknowledgement, the others answer if they fail. So a round trip
 * is paid per batch, not per request, and answers never overflow the socket.
 *
 * What we read comes from the kernel (answers from anybody else are ignored), yet
 * lengths are checked. netlink(7), RFC 3549. Used at start-up only, before the system
 * call filter is on.
 */
#include "nl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

int nl_say(char line[NL_LINE_MAX], const struct nl *nl, int err, const char *fmt, ...)
{
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, NL_LINE_MAX, fmt, ap);
	va_end(ap);
	n = strlen(line);
	snprintf(line + n, NL_LINE_MAX - n, nl->why[0] ? ": %s (%s)" : ": %s",
		 strerror(-err), nl->why);
	return err;
}

/* Reading: attributes by type, messages one by one */

const void *nl_data(const struct rtattr *a)
{
	return a + 1;
}

size_t nl_len(const struct rtattr *a)
{
	return a->rta_len - sizeof(*a);
}

void nl_attrs(const struct rtattr **tb, unsigned max, const void *p, size_t len)
{
	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (len >= sizeof(struct rtattr)) {
		const struct rtattr *a = p;
		size_t step = RTA_ALIGN(a->rta_len);
		unsigned type = a->rta_type & NLA_TYPE_MASK;

		if (a->rta_len < sizeof(*a) || a->rta_len > len)
			return;
		if (type <= max)
			tb[type] = a;
		if (step >= len)
			return;
		p = (const char *)p + step;
		len -= step;
	}
}

void nl_msg_attrs(const struct rtattr **tb, unsigned max,
		      const struct nlmsghdr *m, size_t body)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(body);

	nl_attrs(tb, max, (const char *)m + skip,
		   m->nlmsg_len > skip ? m->nlmsg_len - skip : 0);
}

const void *nl_body(const struct nlmsghdr *m, size_t len)
{
	return m->nlmsg_len >= NLMSG_HDRLEN + len ? (const char *)m + NLMSG_HDRLEN : NULL;
}

/* Message at offset *@off of @len bytes read, then *@off is behind it; or NULL */
static const struct nlmsghdr *msg_next(const struct nl *nl, size_t *off, size_t len)
{
	const void *p = nl->buf + *off;
	const struct nlmsghdr *m = p;

	if (*off + sizeof(*m) > len || m->nlmsg_len < sizeof(*m) ||
	    m->nlmsg_len > len - *off)
		return NULL;
	*off += NLMSG_ALIGN(m->nlmsg_len);
	return m;
}

uint32_t nl_get_u32(const struct rtattr *a, uint32_t otherwise)
{
	if (a && nl_len(a) >= sizeof(otherwise))
		memcpy(&otherwise, nl_data(a), sizeof(otherwise));
	return otherwise;
}

struct addr nl_read_addr(const void *p, size_t len)
{
	uint32_t v4;

	if (len == sizeof(struct addr))
		return addr_v6(p);
	if (len != sizeof(v4))
		return (struct addr){ 0 };
	memcpy(&v4, p, sizeof(v4));
	return addr_v4(v4);
}

struct addr nl_get_addr(const struct rtattr *a)
{
	return a ? nl_read_addr(nl_data(a), nl_len(a)) : (struct addr){ 0 };
}

/* Writing: requests are built at the end of the queue */

void nl_put_raw(struct nl *nl, const void *p, size_t len)
{
	void *head = nl->buf + nl->last;

	if (nl->full || NLMSG_ALIGN(len) > nl->size - nl->len) {
		nl->full = true;
		return;
	}
	memcpy(nl->buf + nl->len, p, len);
	memset(nl->buf + nl->len + len, 0, NLMSG_ALIGN(len) - len);
	nl->len += NLMSG_ALIGN(len);
	((struct nlmsghdr *)head)->nlmsg_len = nl->len - nl->last;
}

void nl_put(struct nl *nl, unsigned type, const void *p, size_t len)
{
	struct rtattr a = { .rta_type = type, .rta_len = sizeof(a) + len };

	nl_put_raw(nl, &a, sizeof(a));
	nl_put_raw(nl, p, len);
}

void nl_put_u32(struct nl *nl, unsigned type, uint32_t v)
{
	nl_put(nl, type, &v, sizeof(v));
}

void nl_put_addr(struct nl *nl, unsigned type, const struct addr *a)
{
	if (addr_is4(a))
		nl_put_u32(nl, type, addr_to4(a));
	else
		nl_put(nl, type, a->b, sizeof(a->b));
}

size_t nl_nest(struct nl *nl, unsigned type)
{
	size_t at = nl->len;

	nl_put(nl, type | NLA_F_NESTED, "", 0);
	return at;
}

void nl_nest_end(struct nl *nl, size_t at)
{
	void *p = nl->buf + at;

	if (!nl->full)
		((struct rtattr *)p)->rta_len = nl->len - at;
}

void nl_begin(struct nl *nl, uint16_t type, uint16_t flags, const void *body,
		  size_t len)
{
	struct nlmsghdr m = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags,
			      .nlmsg_seq = nl->seq + nl->queued++ };

	nl->last = nl->len;
	nl_put_raw(nl, &m, sizeof(m));
	nl_put_raw(nl, body, len);
}

void nl_cancel(struct nl *nl)
{
	nl->len = nl->last;
	nl->queued--;
	nl->full = false;
}

/* The wire */

int nl_open(struct nl *nl, void *buf, size_t size)
{
	static const int options[] = {
		NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK,
	};
	int one = 1;
	size_t i;

	memset(nl, 0, sizeof(*nl));
	nl->buf = buf;
	nl->size = size;
	nl->seq = 1;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (nl->fd < 0)
		return nl_say(nl->line, nl, -errno, "can't open a netlink socket");
	/* All three are for comfort and speed: older kernels lack them */
	for (i = 0; i < NELEM(options); i++)
		setsockopt(nl->fd, SOL_NETLINK, options[i], &one, sizeof(one));
	return 0;
}

void nl_close(struct nl *nl)
{
	close(nl->fd);
	nl->fd = -1;
}

/* Send what is queued: number of requests, the first of which is *@first, or -errno */
static int transmit(struct nl *nl, uint32_t *first)
{
	int n = (int)nl->queued;
	ssize_t rc;

	do
		rc = send(nl->fd, nl->buf, nl->len, 0);
	while (rc < 0 && errno == EINTR);

	*first = nl->seq;
	nl->seq += nl->queued;
	nl->len = nl->last = nl->queued = 0;
	nl->why[0] = '\0';
	return rc < 0 ? -errno : n;
}

/* Bytes read from the kernel, or -errno */
static ssize_t receive(struct nl *nl)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(nl->fd, nl->buf, nl->size, MSG_TRUNC,
				     (void *)&from, &len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from.nl_pid)
			continue;
		return (size_t)n > nl->size ? -EMSGSIZE : n;
	}
}

/* Result in @m, an error or an acknowledgement; keeps the first explanation */
static int read_error(struct nl *nl, const struct nlmsghdr *m)
{
	const struct rtattr *tb[NLMSGERR_ATTR_MAX + 1], *text;
	const struct nlmsgerr *e = nl_body(m, sizeof(*e));
	size_t skip = sizeof(*e), len;

	if (!e)
		return -EBADMSG;
	if (!e->error || !(m->nlmsg_flags & NLM_F_ACK_TLVS) || nl->why[0])
		return e->error;
	if (!(m->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof(e->msg))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	nl_msg_attrs(tb, NLMSGERR_ATTR_MAX, m, skip);
	text = tb[NLMSGERR_ATTR_MSG];
	if (text) {
		len = MIN(nl_len(text), sizeof(nl->why) - 1);
		memcpy(nl->why, nl_data(text), len);
		nl->why[len] = '\0';
	}
	return e->error;
}

/* Note the results in @len bytes read: has the last of @n requests been answered? */
static bool read_acks(struct nl *nl, size_t len, uint32_t first, int n)
{
	const struct nlmsghdr *m;
	size_t off = 0;

	while ((m = msg_next(nl, &off, len))) {
		uint32_t i = m->nlmsg_seq - first;

		if (m->nlmsg_type != NLMSG_ERROR || i >= (uint32_t)n)
			continue;
		nl->err[i] = read_error(nl, m);
		if (i == (uint32_t)n - 1)
			return true;
	}
	return false;
}

int nl_flush(struct nl *nl)
{
	void *last = nl->buf + nl->last;
	uint32_t first;
	ssize_t len;
	int n;

	if (!nl->queued)
		return 0;
	((struct nlmsghdr *)last)->nlmsg_flags |= NLM_F_ACK;
	memset(nl->err, 0, sizeof(nl->err));
	n = transmit(nl, &first);
	if (n < 0)
		return n;
	do {
		len = receive(nl);
		if (len < 0)
			return (int)len;
	} while (!read_acks(nl, (size_t)len, first, n));
	return n;
}

/* Answer @m to a query: 1 if more are to come, 0, or -errno */
static int answer(struct nl *nl, const struct nlmsghdr *m, nl_take *take, void *ctx,
		  bool *interrupted)
{
	const int *status = nl_body(m, sizeof(*status));

	if (m->nlmsg_type == NLMSG_DONE)
		return status ? *status : 0;
	if (m->nlmsg_type == NLMSG_ERROR)
		return read_error(nl, m);
	*interrupted |= !!(m->nlmsg_flags & NLM_F_DUMP_INTR);
	take(ctx, m);
	return !!(m->nlmsg_flags & NLM_F_MULTI);
}

int nl_query(struct nl *nl, nl_take *take, void *ctx)
{
	bool interrupted = false;
	uint32_t seq;
	int rc = transmit(nl, &seq);

	for (rc = MIN(rc, 1); rc > 0; ) {
		const struct nlmsghdr *m;
		ssize_t len = receive(nl);
		size_t off = 0;

		if (len < 0)
			return (int)len;
		while (rc > 0 && (m = msg_next(nl, &off, (size_t)len)))
			if (m->nlmsg_seq == seq)
				rc = answer(nl, m, take, ctx, &interrupted);
	}
	return rc ? rc : interrupted;
}
