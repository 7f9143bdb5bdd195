/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr.c - addresses as text, and prefixes
 *
 * Text forms are those of RFC 5952 and the dotted quad of RFC 6943, 3.1.1
 * (strict: four decimal numbers). "::ffff:192.0.2.1" is the IPv4 address, as
 * everywhere else here. Nothing of this is on the path of a packet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "addr.h"
#include "util.h"

bool addr_in_prefix(const struct addr *a, const struct addr *prefix, int plen)
{
	bool is4 = addr_is4(a);
	int bits = plen + (is4 ? 96 : 0), whole = bits / 8, rest = bits % 8;

	if (plen < 0 || bits > 128 || is4 != addr_is4(prefix))
		return false;
	if (memcmp(a->b, prefix->b, whole))
		return false;
	return !rest || !((a->b[whole] ^ prefix->b[whole]) >> (8 - rest));
}

int addr_parse(const char *s, struct addr *out)
{
	uint32_t v4;
	uint8_t v6[16];

	if (inet_pton(AF_INET, s, &v4) == 1)
		*out = addr_v4(v4);
	else if (inet_pton(AF_INET6, s, v6) == 1)
		*out = addr_v6(v6);
	else
		return -EINVAL;
	return 0;
}

const char *addr_str(const struct addr *a, char buf[ADDR_STRLEN])
{
	if (addr_is4(a))
		inet_ntop(AF_INET, &a->w[3], buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, ADDR_STRLEN);
	return buf;
}

const char *side_str(const struct side *s, char buf[SIDE_STRLEN])
{
	char a[ADDR_STRLEN];

	snprintf(buf, SIDE_STRLEN, addr_is4(&s->addr) ? "%s:%u" : "[%s]:%u",
		 addr_str(&s->addr, a), s->port);
	return buf;
}

int mac_parse(const char *s, uint8_t mac[6])
{
	uint8_t m[6];
	unsigned hi, lo;
	int i;

	if (strlen(s) != MAC_STRLEN - 1)
		return -EINVAL;
	for (i = 0; i < 6; i++, s += 3) {
		hi = hex_digit(s[0]);
		lo = hex_digit(s[1]);
		if (hi > 15 || lo > 15 || s[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		m[i] = hi << 4 | lo;
	}
	memcpy(mac, m, sizeof(m));
	return 0;
}

const char *mac_str(const uint8_t mac[6], char buf[MAC_STRLEN])
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}
