/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test of dnsname.c: names on the wire, alone and in lists */
#include <string.h>

#include "dnsname.h"
#include "test.h"
#include "util.h"

#define L10	"abcdefghij"
#define L60	L10 L10 L10 L10 L10 L10

static const struct {
	const char *name, *wire;
	size_t len;
} names[] = {
	{ "example.org", "\7example\3org", 13 },
	{ "example.org.", "\7example\3org", 13 },
	{ "a", "\1a", 3 },
	{ L60 "abc", "\77" L60 "abc", 65 },
	{ L60 "abcd", "", 0 },		/* label too long */
	{ "", "", 0 },
	{ ".", "", 0 },
	{ ".a", "", 0 },
	{ "a..b", "", 0 },
	{ "a.b..", "", 0 },
};

static void t_encode(void)
{
	uint8_t out[300];
	size_t i, max;

	for (i = 0; i < NELEM(names); i++) {
		CHECK(dnsname_encode(names[i].name, out, sizeof(out)) == names[i].len);
		CHECK(!memcmp(out, names[i].wire, names[i].len));
		for (max = 0; max < names[i].len; max++)
			CHECK(!dnsname_encode(names[i].name, out, max));
	}
}

static void t_longest(void)
{
	char name[256];
	uint8_t out[300];
	int i;

	for (i = 0; i < 255; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = 0;			/* 127 labels of one byte: 255 on the wire */
	CHECK(dnsname_encode(name, out, sizeof(out)) == 255);
	memcpy(name + 253, ".a", 3);
	CHECK(!dnsname_encode(name, out, sizeof(out)));
}

static const char list[][NAME_LEN_MAX] = {
	"eng.apple.com", "marketing.apple.com", "..", "apple.com", "com", "eng.apple.com",
	"xeng.apple.co",
};

/* The first two are the example of RFC 3397 */
static const char compressed[] =
	"\3eng\5apple\3com\0\11marketing\xc0\4\xc0\4\xc0\12\xc0\0\4xeng\5apple\2co";

static void t_list(void)
{
	uint8_t out[200];
	size_t max, n, last = 0;

	CHECK(dnsname_list(list, 7, true, out, sizeof(out)) == sizeof(compressed));
	CHECK(!memcmp(out, compressed, sizeof(compressed)));

	CHECK(dnsname_list(list, 2, false, out, sizeof(out)) == 36);
	CHECK(!memcmp(out, "\3eng\5apple\3com\0\11marketing\5apple\3com", 36));

	for (max = 0; max <= sizeof(compressed); max++) {
		n = dnsname_list(list, 7, true, out, max);
		CHECK(n <= max && n >= last && !memcmp(out, compressed, n));
		CHECK(!n || out[n - 1] == 0 || out[n - 2] >= 0xc0);
		last = n;
	}
}

int main(void)
{
	t_encode();
	t_longest();
	t_list();
	return test_end("dnsname");
}
