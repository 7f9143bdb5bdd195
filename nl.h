/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nl.h - a netlink socket: requests, answers and their attributes
 *
 * Errors are -errno. Below netlink.h; nobody else needs this but to open and close.
 */
#ifndef NL_H
#define NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct nlmsghdr;
struct rtattr;

enum {
	NL_BUF_SIZE = 32768,		/* the kernel never puts more in one read */
	NL_BATCH = 64,			/* requests in one system call */
	NL_LINE_MAX = 256,
};

/* A socket of the namespace that it was opened in, and requests not yet sent */
struct nl {
	int fd;
	uint32_t seq;			/* of the first request queued */
	uint8_t *buf;			/* lent by the caller; both ways */
	size_t size, len, last;		/* last: offset of the last request */
	unsigned queued;
	bool full;			/* a request did not fit (sticky) */
	int err[NL_BATCH];		/* of each request sent, 0 or -errno */
	char why[128];			/* the kernel's own words, or "" */
	char line[NL_LINE_MAX];		/* what failed, for people */
};

/* Open a socket in the current namespace; @buf of @size bytes, NL_BUF_SIZE, aligned to
 * 8, is used until nl_close(). 0, or -errno with line set.
 */
int nl_open(struct nl *nl, void *buf, size_t size);
void nl_close(struct nl *nl);

/* Write "what is formatted: text of @err (the kernel's own words)"; returns @err */
int nl_say(char line[NL_LINE_MAX], const struct nl *nl, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Start a request with the fixed part @body. At most NL_BATCH are queued. */
void nl_begin(struct nl *nl, uint16_t type, uint16_t flags, const void *body,
	      size_t len);

/* Add an attribute to it */
void nl_put(struct nl *nl, unsigned type, const void *p, size_t len);
void nl_put_u32(struct nl *nl, unsigned type, uint32_t v);
void nl_put_addr(struct nl *nl, unsigned type, const struct addr *a);

/* Add bytes as they are, padded to a multiple of four */
void nl_put_raw(struct nl *nl, const void *p, size_t len);

/* What is put from here to nl_nest_end() is nested in an attribute */
size_t nl_nest(struct nl *nl, unsigned type);
void nl_nest_end(struct nl *nl, size_t at);

/* Take the request begun last back */
void nl_cancel(struct nl *nl);

/* Have all queued requests done: their number, results in @nl->err, or -errno */
int nl_flush(struct nl *nl);

typedef void nl_take(void *ctx, const struct nlmsghdr *m);

/* Send the one request that is queued and hand each answer to @take: 0, -errno, or
 * 1 if a change went on meanwhile, so that the answers may not fit together
 */
int nl_query(struct nl *nl, nl_take *take, void *ctx);

/* Fixed part of @m, or NULL if it is shorter than @len */
const void *nl_body(const struct nlmsghdr *m, size_t len);

/* Attributes of @len bytes at @p by type, or of those behind the fixed part of @m, @body
 * bytes, into @tb[0] to @tb[max]; NULL where there is none
 */
void nl_attrs(const struct rtattr **tb, unsigned max, const void *p, size_t len);
void nl_msg_attrs(const struct rtattr **tb, unsigned max, const struct nlmsghdr *m,
		  size_t body);

const void *nl_data(const struct rtattr *a);
size_t nl_len(const struct rtattr *a);

/* Value of @a, or @otherwise if @a is NULL or short */
uint32_t nl_get_u32(const struct rtattr *a, uint32_t otherwise);

/* Address of @len bytes at @p, or in @a; all zeros if there is none */
struct addr nl_read_addr(const void *p, size_t len);
struct addr nl_get_addr(const struct rtattr *a);

#endif
