/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_fwd_test.c - port specifiers: what each means, what is wrong with bad ones */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "../../conf_fwd.h"
#include "../../util.h"

static struct fwd_table table;
static char err[FWD_ERR_MAX];

enum { BOTH, ONLY4, ONLY6, OUT, NOSCAN, UDP, OFF };	/* contexts */

static struct fwd_ctx context(int kind)
{
	return (struct fwd_ctx){
		.proto = kind == UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.proto_off = kind == OFF, .outbound = kind == OUT,
		.can_scan = kind != NOSCAN,
		.v4 = kind != ONLY6, .v6 = kind != ONLY4,
		.eph_first = 32768, .eph_last = 60999,
	};
}

static int parse(int kind, const char *spec)
{
	struct fwd_ctx ctx = context(kind);

	err[0] = '\0';
	return conf_fwd_parse(&table, &ctx, spec, err);
}

/* All rules of the table, joined by ";" */
static const char *dump(void)
{
	static char text[FWD_RULES_MAX * FWD_RULE_STRLEN];
	char buf[FWD_RULE_STRLEN];
	int i;

	text[0] = '\0';
	for (i = 0; i < table.count; i++) {
		strcat(text, i ? ";" : "");
		strcat(text, conf_fwd_str(&table.rules[i], buf));
	}
	return text;
}

#define WEAK	" (best effort)"
#define SCAN	WEAK " (auto-scan)"

static void t_good(void)
{
	static const struct {
		int kind;
		const char *spec, *want;
	} rows[] = {
		{ BOTH, "none", "" },
		{ OFF, "none", "" },
		{ BOTH, "22", "TCP *:22  =>  22" },
		{ UDP, "22", "UDP *:22  =>  22" },
		{ BOTH, "22:23", "TCP *:22  =>  23" },
		{ BOTH, "22,25", "TCP *:22  =>  22;TCP *:25  =>  25" },
		{ BOTH, "22-80", "TCP *:22-80  =>  22-80" },
		{ BOTH, "22-80:32-90", "TCP *:22-80  =>  32-90" },
		{ BOTH, "80-80:60-60", "TCP *:80  =>  60" },
		{ BOTH, "1-65535", "TCP *:1-65535  =>  1-65535" },
		{ BOTH, "192.0.2.1/22", "TCP [192.0.2.1]:22  =>  22" },
		{ BOTH, "[2001:db8::1]/22", "TCP [2001:db8::1]:22  =>  22" },
		{ BOTH, "2001:db8::1/22", "TCP [2001:db8::1]:22  =>  22" },
		{ BOTH, "192.0.2.1%eth0/22", "TCP [192.0.2.1]%eth0:22  =>  22" },
		{ BOTH, "%eth0/22", "TCP *%eth0:22  =>  22" },
		{ BOTH, "*%eth0/22", "TCP *%eth0:22  =>  22" },
		{ BOTH, "*/22", "TCP *:22  =>  22" },
		{ BOTH, "fe80::1%eth0/22-23", "TCP [fe80::1]%eth0:22-23  =>  22-23" },
		{ BOTH, "%eth0/22:2222,~25,all",
		  "TCP *%eth0:22  =>  2222;TCP *%eth0:1-21  =>  1-21" WEAK
		  ";TCP *%eth0:23-24  =>  23-24" WEAK
		  ";TCP *%eth0:26-32767  =>  26-32767" WEAK
		  ";TCP *%eth0:61000-65535  =>  61000-65535" WEAK },
		{ BOTH, "~25",
		  "TCP *:1-24  =>  1-24" WEAK ";TCP *:26-32767  =>  26-32767" WEAK
		  ";TCP *:61000-65535  =>  61000-65535" WEAK },
		{ BOTH, "1024-65535,~5000-5010",
		  "TCP *:1024-4999  =>  1024-4999;TCP *:5011-65535  =>  5011-65535" },
		{ BOTH, "~5000,4999-5001:1-3", "TCP *:4999  =>  1;TCP *:5001  =>  3" },
		{ BOTH, "10-20,~10,~20", "TCP *:11-19  =>  11-19" },
		{ UDP, "all",
		  "UDP *:1-32767  =>  1-32767" WEAK
		  ";UDP *:61000-65535  =>  61000-65535" WEAK },
		{ BOTH, "all,~1-32000,~61000-65535", "TCP *:32001-32767  =>  32001-32767" WEAK },
		{ BOTH, "auto",
		  "TCP *:1-32767  =>  1-32767" SCAN
		  ";TCP *:61000-65535  =>  61000-65535" SCAN },
		{ BOTH, "all,auto,~2-65535", "TCP *:1  =>  1" SCAN },
		{ BOTH, "8000-8010,auto", "TCP *:8000-8010  =>  8000-8010 (auto-scan)" },
		{ BOTH, "40000:80,auto", "TCP *:40000  =>  80 (auto-scan)" },
		{ BOTH, "::1/auto,~1-65534", "TCP [::1]:65535  =>  65535" SCAN },
		{ BOTH, "0.0.0.0/8080:10.89.0.2/80", "TCP [0.0.0.0]:8080  =>  10.89.0.2:80" },
		{ BOTH, "[::]/8080:[fd00::2]/80", "TCP [::]:8080  =>  [fd00::2]:80" },
		{ BOTH, "::/8080:fd00::2/80", "TCP [::]:8080  =>  [fd00::2]:80" },
		{ BOTH, "127.0.0.1/80:10.0.0.5", "TCP [127.0.0.1]:80  =>  10.0.0.5:80" },
		{ BOTH, "0.0.0.0/80-81:10.0.0.5/90-91,82",
		  "TCP [0.0.0.0]:80-81  =>  10.0.0.5:90-91;TCP [0.0.0.0]:82  =>  82" },
		{ BOTH, "0.0.0.0/all:10.0.0.5,~2-65535",
		  "TCP [0.0.0.0]:1  =>  10.0.0.5:1" WEAK },
		{ ONLY4, "all:10.0.0.5,~2-65535", "TCP [0.0.0.0]:1  =>  10.0.0.5:1" WEAK },
		{ ONLY4, "22", "TCP [0.0.0.0]:22  =>  22" },
		{ ONLY4, "*/22", "TCP [0.0.0.0]:22  =>  22" },
		{ ONLY6, "22", "TCP [::]:22  =>  22" },
		{ ONLY4, "80:10.0.0.1/81", "TCP [0.0.0.0]:80  =>  10.0.0.1:81" },
		{ OUT, "22:23", "TCP *%lo:22  =>  23" },
		{ BOTH, "192.0.2.1%fifteen_letters/22",
		  "TCP [192.0.2.1]%fifteen_letters:22  =>  22" },
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		table.count = 0;
		if (!CHECK(!parse(rows[i].kind, rows[i].spec)) ||
		    !CHECK(!strcmp(dump(), rows[i].want)))
			fprintf(stderr, "\t%s: %s%s\n", rows[i].spec, dump(), err);
	}
}

/* The message quotes the specifier and names what is wrong */
static void t_bad(void)
{
	static const struct {
		int kind;
		const char *spec, *says;
	} rows[] = {
		{ BOTH, "", "port number is missing" },
		{ BOTH, ",", "port number is missing" },
		{ BOTH, "22,", "port number is missing" },
		{ BOTH, "22,,23", "port number is missing" },
		{ BOTH, "-22", "port number is missing" },
		{ BOTH, "22-", "port number is missing" },
		{ BOTH, "~", "port number is missing" },
		{ BOTH, "22:", "'' is neither" },
		{ BOTH, ":22", "port number is missing" },
		{ BOTH, "192.0.2.1/", "port number is missing" },
		{ BOTH, "0", "port 0" },
		{ BOTH, "22:0", "port 0" },
		{ BOTH, "~0", "port 0" },
		{ BOTH, "65536", "port 65536" },
		{ BOTH, "99999999999999999999", "above 65535" },
		{ BOTH, "22-65536", "port 65536" },
		{ BOTH, "23-22", "range 23-22" },
		{ BOTH, "1-2-3", "'2-3'" },
		{ BOTH, "http", "'http'" },
		{ BOTH, "0x16", "'0x16'" },
		{ BOTH, " 22", "' 22'" },
		{ BOTH, "22 ", "'22 '" },
		{ BOTH, "+22", "'+22'" },
		{ BOTH, "22:2x", "'2x'" },
		{ BOTH, "22-80:32", "differ in length" },
		{ BOTH, "22:32-33", "differ in length" },
		{ BOTH, "65000-65535:65001-65536", "port 65536" },
		{ BOTH, "auto:22", "'auto'" },
		{ BOTH, "alle", "'alle'" },
		{ BOTH, "none,22", "'none'" },
		{ BOTH, "22,none", "'none'" },
		{ BOTH, "all,all", "twice" },
		{ BOTH, "/22", "'' is not an address" },
		{ BOTH, "foo/22", "'foo' is not an address" },
		{ BOTH, "300.0.0.1/22", "'300.0.0.1' is not an address" },
		{ BOTH, "[192.0.2.1]/22", "'[192.0.2.1]' is not an address" },
		{ BOTH, "%/22", "'' is not the name" },
		{ BOTH, "192.0.2.1%sixteen_letters_/22", "'sixteen_letters_'" },
		{ BOTH, "22:10.0.0.1/80", "0.0.0.0/ or [::]/" },
		{ BOTH, "all:10.0.0.1", "0.0.0.0/ or [::]/" },
		{ BOTH, "*/22:10.0.0.1", "0.0.0.0/ or [::]/" },
		{ BOTH, "0.0.0.0/22:[fd00::2]/80", "another family" },
		{ BOTH, "[::]/22:10.0.0.1/80", "another family" },
		{ BOTH, "0.0.0.0/22:224.0.0.1/80", "'224.0.0.1' is not a unicast" },
		{ BOTH, "[::]/22:ff02::1/80", "'ff02::1' is not a unicast" },
		{ BOTH, "0.0.0.0/22:0.0.0.0/80", "'0.0.0.0' is not a unicast" },
		{ BOTH, "0.0.0.0/22:10.0.0.1/", "port number is missing" },
		{ BOTH, "0.0.0.0/22:10.0.0.1/1-2", "differ in length" },
		{ BOTH, "0.0.0.0/22:10.0.0.x/80", "'10.0.0.x'" },
		{ ONLY6, "192.0.2.1/22", "IPv4 is disabled" },
		{ ONLY4, "::1/22", "IPv6 is disabled" },
		{ ONLY4, "22:[fd00::2]/80", "IPv6 is disabled" },
		{ OUT, "127.0.0.1/22", "listening address '127.0.0.1'" },
		{ OUT, "%lo/22", "listening address '%lo'" },
		{ OUT, "22:127.0.0.1", "target address '127.0.0.1'" },
		{ NOSCAN, "auto", "pasta" },
		{ NOSCAN, "22,auto", "pasta" },
		{ OFF, "22", "TCP is disabled" },
		{ BOTH, "22,22", "conflict with \"TCP *:22  =>  22\"" },
		{ BOTH, "22-30,25", "conflict" },
		{ BOTH, "~1-65535", "no port is left" },
		{ BOTH, "22,~20-30", "no port is left" },
	};
	char quoted[64];
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		table.count = 0;
		snprintf(quoted, sizeof(quoted), "Invalid port specifier '%s': ",
			 rows[i].spec);
		if (!CHECK(parse(rows[i].kind, rows[i].spec) == -EINVAL) ||
		    !CHECK(!strncmp(err, quoted, strlen(quoted))) ||
		    !CHECK(strstr(err + strlen(quoted), rows[i].says)) ||
		    !CHECK(!table.count))
			fprintf(stderr, "\t%s: %s\n", rows[i].spec, err);
	}
}

/* A second specifier beside a first one */
static void t_conflict(void)
{
	static const struct {
		const char *first, *second;
		int kind;			/* of the second */
		bool conflict;
	} rows[] = {
		{ "22", "22", BOTH, true },
		{ "22", "22", UDP, false },
		{ "22", "23", BOTH, false },
		{ "20-30", "30-40", BOTH, true },
		{ "20-30", "31-40", BOTH, false },
		{ "22", "192.0.2.1/22", BOTH, true },
		{ "22", "::1/22", BOTH, true },
		{ "0.0.0.0/22", "192.0.2.1/22", BOTH, true },
		{ "192.0.2.1/22", "0.0.0.0/22", BOTH, true },
		{ "0.0.0.0/22", "::/22", BOTH, false },
		{ "0.0.0.0/22", "22", BOTH, true },
		{ "192.0.2.1/22", "192.0.2.2/22", BOTH, false },
		{ "192.0.2.1/22", "192.0.2.1/22", BOTH, true },
		{ "::1/22", "127.0.0.1/22", BOTH, false },
		{ "::/22", "::1/22", BOTH, true },
		{ "%eth0/22", "%eth1/22", BOTH, false },
		{ "%eth0/22", "%eth0/22", BOTH, true },
		{ "%eth0/22", "22", BOTH, true },
		{ "192.0.2.1%eth0/22", "0.0.0.0%eth0/22", BOTH, true },
		{ "192.0.2.1%eth0/22", "0.0.0.0%eth1/22", BOTH, false },
		{ "all", "22", BOTH, true },
		{ "all,~22", "22", BOTH, false },
		{ "none", "22", BOTH, false },
		{ "none", "none", BOTH, false },
		{ "22", "none", BOTH, true },
		{ "22", "none", UDP, false },
	};
	char before[256];
	size_t i;
	bool bad;

	for (i = 0; i < NELEM(rows); i++) {
		table.count = 0;
		CHECK(!parse(BOTH, rows[i].first));
		snprintf(before, sizeof(before), "%s", dump());
		bad = parse(rows[i].kind, rows[i].second);
		if (!CHECK(bad == rows[i].conflict) ||
		    !CHECK(!bad || strstr(err, "conflict")) ||
		    !CHECK(!bad || !strcmp(before, dump())))
			fprintf(stderr, "\t%s, %s: %s\n", rows[i].first,
				rows[i].second, err);
	}
}

static void t_limits(void)
{
	char spec[FWD_RULES_MAX * 8 + 64] = "";
	int i;

	for (i = 0; i < FWD_RULES_MAX; i++)
		sprintf(spec + strlen(spec), "%s%d", i ? "," : "", 1000 + 2 * i);
	table.count = 0;
	CHECK(!parse(BOTH, spec) && table.count == FWD_RULES_MAX);
	CHECK(parse(BOTH, "1") == -EINVAL && strstr(err, "255 rules"));
	CHECK(table.count == FWD_RULES_MAX);

	table.count = 0;
	for (i = 1; i <= 5; i++) {
		snprintf(spec, sizeof(spec), "127.0.0.%d/1-65535", i);
		CHECK(!parse(BOTH, spec));
	}
	CHECK(!parse(BOTH, "127.0.0.6/1-5"));
	CHECK(parse(BOTH, "127.0.0.6/6") == -EINVAL && strstr(err, "ports"));
}

/* Long and random text is refused or taken, and never more than that */
static void t_noise(void)
{
	static const char set[] = "0123456789,,::--~~//[]%*.allautonone";
	char spec[400];
	int i, n;

	memset(spec, '1', sizeof(spec) - 1);
	spec[sizeof(spec) - 1] = '\0';
	table.count = 0;
	CHECK(parse(BOTH, spec) == -EINVAL);
	spec[0] = '%';
	CHECK(parse(BOTH, spec) == -EINVAL);
	spec[300] = '/';
	CHECK(parse(BOTH, spec) == -EINVAL);

	srand(1);
	for (i = 0; i < 20000; i++) {
		for (n = 0; n < i % 24; n++)
			spec[n] = set[(size_t)rand() % (sizeof(set) - 1)];
		spec[n] = '\0';
		table.count = 0;
		if (parse(i % (OFF + 1), spec))
			CHECK(!table.count && err[0]);
	}
}

static void t_target(void)
{
	table.count = 0;
	CHECK(!parse(BOTH, "100-200:50100-50200"));
	CHECK(fwd_rule_target(&table.rules[0], 100) == 50100);
	CHECK(fwd_rule_target(&table.rules[0], 200) == 50200);
	CHECK(addr_is_any(&table.rules[0].target) && !addr_is4(&table.rules[0].target));
	CHECK(table.rules[0].dual && !addr_is4(&table.rules[0].listen));
}

int main(void)
{
	t_good();
	t_bad();
	t_conflict();
	t_limits();
	t_noise();
	t_target();
	return test_end("conf_fwd");
}
