/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_raw.c - options of DHCP, DHCPv6 and RA that the user adds by number
 *
 * CODE:VALUE, where VALUE is written as the option's type wants it: addresses and
 * numbers in lists separated by commas, or text. What isn't in the table is taken
 * as 0x and hexadecimal digits, which any option may be given as.
 *
 * Types as in the IANA registry "BOOTP Vendor Extensions and DHCP Options" (RFC
 * 2132 and later) and "Dynamic Host Configuration Protocol for IPv6".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "conf_int.h"
#include "util.h"

enum type { HEX, TEXT, ADDRS4, ADDRS6, NUM8, NUM16, NUM32, SINGLE = 16 };

struct known {
	uint16_t first, last;		/* codes */
	uint8_t type;			/* SINGLE: no list */
};

static const struct known dhcp[] = {
	{ 1, 1, ADDRS4 | SINGLE }, { 2, 2, NUM32 | SINGLE }, { 3, 11, ADDRS4 },
	{ 12, 12, TEXT }, { 13, 13, NUM16 | SINGLE }, { 14, 15, TEXT },
	{ 16, 16, ADDRS4 | SINGLE }, { 17, 18, TEXT }, { 19, 20, NUM8 | SINGLE },
	{ 21, 21, ADDRS4 }, { 22, 22, NUM16 | SINGLE }, { 23, 23, NUM8 | SINGLE },
	{ 24, 24, NUM32 | SINGLE }, { 25, 25, NUM16 }, { 26, 26, NUM16 | SINGLE },
	{ 27, 27, NUM8 | SINGLE }, { 28, 28, ADDRS4 | SINGLE },
	{ 29, 31, NUM8 | SINGLE }, { 32, 32, ADDRS4 | SINGLE }, { 33, 33, ADDRS4 },
	{ 34, 34, NUM8 | SINGLE }, { 35, 35, NUM32 | SINGLE },
	{ 36, 37, NUM8 | SINGLE }, { 38, 38, NUM32 | SINGLE },
	{ 39, 39, NUM8 | SINGLE }, { 40, 40, TEXT }, { 41, 42, ADDRS4 },
	{ 44, 45, ADDRS4 }, { 46, 46, NUM8 | SINGLE }, { 47, 47, TEXT },
	{ 48, 49, ADDRS4 }, { 51, 51, NUM32 | SINGLE }, { 54, 54, ADDRS4 | SINGLE },
	{ 57, 57, NUM16 | SINGLE }, { 58, 59, NUM32 | SINGLE }, { 60, 60, TEXT },
	{ 64, 64, TEXT }, { 65, 65, ADDRS4 }, { 66, 67, TEXT }, { 68, 76, ADDRS4 },
	{ 100, 101, TEXT }, { 108, 108, NUM32 | SINGLE }, { 114, 114, TEXT },
	{ 116, 116, NUM8 | SINGLE }, { 150, 150, ADDRS4 }, { 209, 210, TEXT },
	{ 252, 252, TEXT },
};

static const struct known dhcpv6[] = {
	{ 7, 7, NUM8 | SINGLE }, { 22, 23, ADDRS6 }, { 27, 28, ADDRS6 },
	{ 31, 31, ADDRS6 }, { 32, 32, NUM32 | SINGLE }, { 34, 34, ADDRS6 },
	{ 41, 42, TEXT }, { 59, 59, TEXT }, { 61, 61, NUM16 },
	{ 82, 83, NUM32 | SINGLE }, { 103, 103, TEXT },
};

/* Per kind of message: the largest code and value, and what is known */
static const struct {
	unsigned code_max, len_max;
	const struct known *known;
	size_t n;
} kinds[] = {
	[RAW_DHCP]   = { 254, 255, dhcp, NELEM(dhcp) },
	[RAW_DHCPV6] = { 65535, 256, dhcpv6, NELEM(dhcpv6) },
	[RAW_RA]     = { 255, 254, NULL, 0 },
};

static unsigned type_of(enum conf_raw_kind kind, unsigned code)
{
	const struct known *k = kinds[kind].known;
	size_t i;

	for (i = 0; i < kinds[kind].n; i++)
		if (code >= k[i].first && code <= k[i].last)
			return k[i].type;
	return HEX;
}

static const char *append(struct raw_opt *out, size_t max, const void *data, size_t n)
{
	if (out->len + n > max)
		return "the value is too long";
	memcpy(out->data + out->len, data, n);
	out->len = (uint16_t)(out->len + n);
	return NULL;
}

/* Digits behind "0x", two for each byte */
static const char *add_hex(struct raw_opt *out, size_t max, const char *s)
{
	char byte[5] = "0x";
	const char *why;
	uint64_t v;
	uint8_t b;

	if (!*s || strlen(s) % 2)
		return "there must be two hexadecimal digits for each byte";
	for (; *s; s += 2) {
		memcpy(byte + 2, s, 2);
		if (parse_num(byte, 255, &v))
			return "there is a character that is no hexadecimal digit";
		b = (uint8_t)v;
		why = append(out, max, &b, 1);
		if (why)
			return why;
	}
	return NULL;
}

static const char *add_addr(struct raw_opt *out, size_t max, const char *s, bool v4)
{
	struct addr a;

	if (addr_parse(s, &a) || addr_is4(&a) != v4)
		return v4 ? "this option takes IPv4 addresses" :
			    "this option takes IPv6 addresses";
	return v4 ? append(out, max, a.b + 12, 4) : append(out, max, a.b, 16);
}

static const char *add_number(struct raw_opt *out, size_t max, const char *s,
			      unsigned bytes)
{
	uint64_t v;
	uint32_t be;

	if (parse_num(s, UINT32_MAX >> (32 - 8 * bytes), &v))
		return bytes == 1 ? "this option takes a number from 0 to 255" :
		       bytes == 2 ? "this option takes a number from 0 to 65535" :
				    "this option takes a number of 32 bits";
	be = htonl((uint32_t)v << (32 - 8 * bytes));
	return append(out, max, &be, bytes);
}

static const char *add_item(struct raw_opt *out, size_t max, const char *s,
			    unsigned type)
{
	switch (type & ~(unsigned)SINGLE) {
	case ADDRS4:
		return add_addr(out, max, s, true);
	case ADDRS6:
		return add_addr(out, max, s, false);
	case NUM8:
		return add_number(out, max, s, 1);
	case NUM16:
		return add_number(out, max, s, 2);
	default:
		return add_number(out, max, s, 4);
	}
}

static const char *add_list(struct raw_opt *out, size_t max, const char *s,
			    unsigned type)
{
	char item[ADDR_STRLEN];
	const char *why;
	size_t len;

	for (;; s += len + 1) {
		len = strcspn(s, ",");
		if (len >= sizeof(item))
			return "an item of the list is too long";
		memcpy(item, s, len);
		item[len] = '\0';
		why = add_item(out, max, item, type);
		if (why || !s[len])
			return why;
		if (type & SINGLE)
			return "this option takes one value, not a list";
	}
}

const char *conf_raw(enum conf_raw_kind kind, const char *arg, struct raw_opt *out)
{
	size_t len = strcspn(arg, ":"), max = kinds[kind].len_max;
	char number[8];
	unsigned type;
	uint64_t code;

	if (!arg[len] || len >= sizeof(number))
		return "must be CODE:VALUE";
	memcpy(number, arg, len);
	number[len] = '\0';
	if (parse_num(number, kinds[kind].code_max, &code) || !code)
		return "there is no option with this code";

	*out = (struct raw_opt){ .code = (uint16_t)code };
	arg += len + 1;
	type = type_of(kind, out->code);
	if (!strncmp(arg, "0x", 2))
		return add_hex(out, max, arg + 2);
	if (type == HEX)
		return "the type of this option is not known, give 0x and hexadecimal digits";
	if (type == TEXT)
		return append(out, max, arg, strlen(arg));
	return add_list(out, max, arg, type);
}
