/* SPDX-License-Identifier: GPL-2.0-or-later */
/* util_test.c - numbers, small files, clock; links: log */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "../../util.h"

static void t_parse_num(void)
{
	static const struct {
		const char *s;
		uint64_t max;
		int rc;
		uint64_t v;
	} rows[] = {
		{ "0", 0, 0, 0 },
		{ "1", 0, -ERANGE, 0 },
		{ "65535", 65535, 0, 65535 },
		{ "65536", 65535, -ERANGE, 0 },
		{ "0065535", 65535, 0, 65535 },
		{ "0x1fF", 65535, 0, 511 },
		{ "0X10", 65535, 0, 16 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999x", UINT64_MAX, -EINVAL, 0 },
		{ "0xffffffffffffffff", UINT64_MAX, 0, UINT64_MAX },
		{ "0x10000000000000000", UINT64_MAX, -ERANGE, 0 },
		{ "", 9, -EINVAL, 0 },
		{ "0x", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ "-1", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "1a", 99, -EINVAL, 0 },
		{ "a", 99, -EINVAL, 0 },
		{ "1.5", 99, -EINVAL, 0 },
	};
	uint64_t v;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		v = 4711;
		if (!CHECK(parse_num(rows[i].s, rows[i].max, &v) == rows[i].rc))
			fprintf(stderr, "\tat \"%s\"\n", rows[i].s);
		CHECK(v == (rows[i].rc ? 4711 : rows[i].v));
	}
}

static void t_files(void)
{
	char path[] = "/tmp/util_test.XXXXXX", buf[8];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK(!read_file(path, buf, sizeof(buf)) && !buf[0]);
	CHECK(!write_file(path, "1234567"));
	CHECK(read_file(path, buf, sizeof(buf)) == 7 && !strcmp(buf, "1234567"));
	CHECK(!write_file(path, "12345678"));
	CHECK(read_file(path, buf, sizeof(buf)) == -EFBIG);
	close(fd);
	unlink(path);
	CHECK(read_file(path, buf, sizeof(buf)) == -ENOENT);
	CHECK(write_file(path, "x") == -ENOENT);
	CHECK(access(path, F_OK) == -1);
	CHECK(read_file("/", buf, sizeof(buf)) == -EISDIR);
}

static void t_clock(void)
{
	uint64_t ns = now_ns(), ms = now_ms();

	CHECK(ms >= ns / 1000000 && ms < ns / 1000000 + 60000);
	CHECK(now_ns() >= ns);
}

static void t_random(void)
{
	uint8_t a[512] = { 0 }, b[512] = { 0 };

	random_fill(a, sizeof(a));
	random_fill(b, sizeof(b) - 1);
	CHECK(memcmp(a, b, sizeof(b)) && !b[sizeof(b) - 1]);
}

static void t_err_str(void)
{
	CHECK(!strcmp(err_str(EADDRINUSE), "Address already in use"));
	CHECK(!strcmp(err_str(-EADDRINUSE), "Address already in use"));
	CHECK(!strcmp(err_str(-ENOTDIR), strerror(ENOTDIR)));
}

int main(void)
{
	t_parse_num();
	t_files();
	t_clock();
	t_random();
	t_err_str();
	return test_end("util");
}
