/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr.h - one address type for both families
 *
 * An IPv4 address is held as an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2),
 * so that hashing, comparing, forwarding and logging are written once.
 */
#ifndef ADDR_H
#define ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct addr {
	union {
		uint8_t b[16];		/* network byte order */
		uint32_t w[4];
	};
};

/* One end of a flow */
struct side {
	struct addr addr;
	uint16_t port;			/* host byte order; echo: identifier */
};

/* Index of per-family data */
enum ipver { V4, V6, IPVERS };

#define ADDR_STRLEN	46		/* as INET6_ADDRSTRLEN */
#define SIDE_STRLEN	(ADDR_STRLEN + 8)	/* "[addr]:port" */
#define MAC_STRLEN	18

static inline struct addr addr_v4(uint32_t be)
{
	return (struct addr){ .w = { 0, 0, htonl(0xffff), be } };
}

static inline struct addr addr_v6(const void *b)
{
	struct addr a;

	memcpy(a.b, b, sizeof(a.b));
	return a;
}

static inline bool addr_is4(const struct addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == htonl(0xffff);
}

static inline enum ipver addr_ver(const struct addr *a)
{
	return addr_is4(a) ? V4 : V6;
}

/* The IPv4 address in network byte order; meaningless for IPv6 */
static inline uint32_t addr_to4(const struct addr *a)
{
	return a->w[3];
}

static inline bool addr_eq(const struct addr *x, const struct addr *y)
{
	return !memcmp(x->b, y->b, sizeof(x->b));
}

static inline bool side_eq(const struct side *x, const struct side *y)
{
	return x->port == y->port && addr_eq(&x->addr, &y->addr);
}

/* "::", "0.0.0.0" and the mapped form of the latter */
static inline bool addr_is_any(const struct addr *a)
{
	return !a->w[0] && !a->w[1] && !a->w[3] &&
	       (!a->w[2] || a->w[2] == htonl(0xffff));
}

/* 127.0.0.0/8 or ::1 */
static inline bool addr_is_loopback(const struct addr *a)
{
	if (addr_is4(a))
		return a->b[12] == 127;
	return !a->w[0] && !a->w[1] && !a->w[2] && a->w[3] == htonl(1);
}

/* 0.0.0.0 (mapped) or "::" */
static inline struct addr addr_any(enum ipver v)
{
	return v == V4 ? addr_v4(INADDR_ANY) : (struct addr){ 0 };
}

/* 127.0.0.1 or ::1 */
static inline struct addr addr_loopback(enum ipver v)
{
	return v == V4 ? addr_v4(htonl(INADDR_LOOPBACK)) : addr_v6(&in6addr_loopback);
}

static inline bool addr_is_multicast(const struct addr *a)
{
	return addr_is4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

/* 255.255.255.255 */
static inline bool addr_is_broadcast(const struct addr *a)
{
	return addr_is4(a) && a->w[3] == 0xffffffff;
}

/* 169.254.0.0/16 or fe80::/10 */
static inline bool addr_is_linklocal(const struct addr *a)
{
	if (addr_is4(a))
		return a->b[12] == 169 && a->b[13] == 254;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* Neither unspecified nor multicast nor broadcast: may name one host */
static inline bool addr_is_unicast(const struct addr *a)
{
	return !addr_is_any(a) && !addr_is_multicast(a) && !addr_is_broadcast(a);
}

/* Do the first @plen bits (of the family's own 32 or 128) agree? */
bool addr_in_prefix(const struct addr *a, const struct addr *prefix, int plen);

/* Parse "192.0.2.1" or "2001:db8::1": 0, or -EINVAL. No scope, no brackets. */
int addr_parse(const char *s, struct addr *out);

/* Write the text form to @buf and return @buf */
const char *addr_str(const struct addr *a, char buf[ADDR_STRLEN]);

/* "192.0.2.1:80" or "[2001:db8::1]:80" */
const char *side_str(const struct side *s, char buf[SIDE_STRLEN]);

/* Parse strictly "xx:xx:xx:xx:xx:xx": 0, or -EINVAL */
int mac_parse(const char *s, uint8_t mac[6]);

const char *mac_str(const uint8_t mac[6], char buf[MAC_STRLEN]);

#endif
