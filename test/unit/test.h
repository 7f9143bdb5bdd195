/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test.h - what a unit test needs: checks that say where and go on */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>

struct test_count { int failed, checks; };

static struct test_count test_count;

static inline int test_check(int ok, const char *what, const char *file, int line)
{
	test_count.checks++;
	if (!ok) {
		test_count.failed++;
		fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	}
	return ok;
}

#define CHECK(cond)	test_check(!!(cond), #cond, __FILE__, __LINE__)

/* Result of main(): says how many checks ran; none is a failure too */
static inline int test_end(const char *name)
{
	printf("%s: %d checks, %d failed\n", name, test_count.checks,
	       test_count.failed);
	return test_count.failed || !test_count.checks;
}

#endif
