/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolv_test.c - resolv.conf as found in the wild */
#include "../../resolv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

#define LABEL50	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define NAME253	LABEL50 LABEL50 LABEL50 LABEL50 LABEL50 "bbb"

/* Servers and names are joined with spaces to compare */
static const struct {
	const char *text, *servers, *search;
} vectors[] = {
	{ "", "", "" },
	{ "nameserver 192.0.2.1\n", "192.0.2.1", "" },
	{ "nameserver 192.0.2.1", "192.0.2.1", "" },
	{ "nameserver\t192.0.2.1 \t \n", "192.0.2.1", "" },
	{ "nameserver 192.0.2.1\r\nsearch a.example\r\n", "192.0.2.1", "a.example" },
	{ "nameserver 192.0.2.1 # office\n", "192.0.2.1", "" },
	{ "nameserver 192.0.2.1;x\n", "", "" },
	{ "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n", "", "" },
	{ " nameserver 192.0.2.1\n", "", "" },
	{ "\n\n\nnameserver ::1\n\n", "::1", "" },
	{ "nameserver fe80::1%eth0\n", "fe80::1", "" },
	{ "nameserver fe80::2%3 # scope\n", "fe80::2", "" },
	{ "nameserver %eth0\n", "", "" },
	{ "nameserver\nnameserver \nnameserver 192.0.2.9\n", "192.0.2.9", "" },
	{ "nameserver 192.0.2.300\nnameserver host\n", "", "" },
	{ "nameserver 192.0.2.1 192.0.2.2\n", "192.0.2.1", "" },
	{ "nameservers 192.0.2.1\nnameserver192.0.2.1\nNAMESERVER 192.0.2.1\n",
	  "", "" },
	{ "nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2\n"
	  "nameserver 192.0.2.3\nnameserver 192.0.2.4\n",
	  "192.0.2.1 2001:db8::1 192.0.2.2 192.0.2.3 192.0.2.4", "" },
	{ "nameserver 1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:1234\n", "", "" },
	{ "search a.example b.example\n", "", "a.example b.example" },
	{ "search\ta.example\t b.example  \n", "", "a.example b.example" },
	{ "search a.example # not.this\n", "", "a.example" },
	{ "search a.example. .\n", "", "a.example" },
	{ "search .\n", "", "" },
	{ "search a\nsearch b c\n", "", "b c" },
	{ "search a b\nsearch\n", "", "" },
	{ "domain a.example\n", "", "a.example" },
	{ "domain a.example b.example\n", "", "a.example" },
	{ "search b c\ndomain a\n", "", "a" },
	{ "domain a\nsearch b c\n", "", "b c" },
	{ "search a b c d e f g h\n", "", "a b c d e f" },
	{ "search " NAME253 " x\n", "", NAME253 " x" },
	{ "search " NAME253 "b x\n", "", "x" },
	{ "options ndots:5 edns0\nsortlist 192.0.2.0\nnameserver 127.0.0.53\n",
	  "127.0.0.53", "" },
	{ "\xef\xbb\xbfnameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.2", "" },
};

static void join(const struct resolv *r, char *servers, char *search)
{
	char text[ADDR_STRLEN];
	int i;

	*servers = *search = '\0';
	for (i = 0; i < r->server_count; i++) {
		strcat(servers, i ? " " : "");
		strcat(servers, addr_str(&r->servers[i], text));
	}
	for (i = 0; i < r->search_count; i++) {
		strcat(search, i ? " " : "");
		strcat(search, r->search[i]);
	}
}

static void t_vectors(void)
{
	char servers[RESOLV_SERVERS_MAX * ADDR_STRLEN];
	char search[CONF_SEARCH_MAX * NAME_LEN_MAX];
	struct resolv r;
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		memset(&r, 0xff, sizeof(r));
		resolv_parse(vectors[i].text, &r);
		join(&r, servers, search);
		if (!CHECK(!strcmp(servers, vectors[i].servers) &&
			   !strcmp(search, vectors[i].search)))
			fprintf(stderr, "in: %s\ngot: %s / %s\n", vectors[i].text,
				servers, search);
	}
}

static void t_many(void)
{
	char text[4096] = "";
	struct resolv r;
	int i;

	for (i = 0; i < 100; i++)
		strcat(text, "nameserver 192.0.2.1\n");
	resolv_parse(text, &r);
	CHECK(r.server_count == RESOLV_SERVERS_MAX);
}

/* Whatever stands in the file, nothing is read or written out of bounds */
static void t_noise(void)
{
	static const char set[] = "nameserver search domain\n\n \t\r.#;:%1a";
	char text[200];
	struct resolv r;
	int i, j;

	srandom(1);
	for (i = 0; i < 20000; i++) {
		size_t n = (size_t)random() % sizeof(text);

		for (j = 0; j < (int)n; j++)
			text[j] = set[(size_t)random() % (sizeof(set) - 1)];
		text[n ? n - 1 : 0] = '\0';
		if (i & 1 && n > 12)
			memcpy(text, "search ", 7);
		resolv_parse(text, &r);
	}
	CHECK(r.search_count <= CONF_SEARCH_MAX);
}

static void t_file(void)
{
	char path[] = "/tmp/resolv_test.XXXXXX";
	static const char text[] = "nameserver 192.0.2.7\nsearch x.example\n";
	int fd = mkstemp(path);
	struct resolv r;

	if (!CHECK(fd >= 0))
		return;
	CHECK(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	CHECK(!resolv_read(path, &r));
	CHECK(r.server_count == 1 && r.search_count == 1);
	CHECK(!strcmp(r.search[0], "x.example"));
	unlink(path);
	CHECK(resolv_read(path, &r) == -ENOENT);
	CHECK(!r.server_count && !r.search_count);
}

int main(void)
{
	t_vectors();
	t_many();
	t_noise();
	t_file();
	return test_end("resolv");
}
