/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: util.c - clock, randomness, numbers, small files
 *
 * No state. Anyone may call. The clock goes on while the machine sleeps
 * (CLOCK_BOOTTIME, clock_gettime(2)), so that what expired meanwhile is
 * seen as expired.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* #syscalls clock_gettime */
uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/* #syscalls getrandom */
void random_fill(void *dst, size_t len)
{
	char *p = dst;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

const char *err_str(int err)
{
	static const struct {
		int err;
		const char *text;
	} fixed[] = {
		{ EADDRINUSE,	 "Address already in use" },
		{ EADDRNOTAVAIL, "Cannot assign requested address" },
		{ EACCES,	 "Permission denied" },
		{ ENOENT,	 "No such file or directory" },
		{ EMFILE,	 "Too many open files" },
	};
	size_t i;

	if (err < 0)
		err = -err;
	for (i = 0; i < NELEM(fixed); i++)
		if (fixed[i].err == err)
			return fixed[i].text;
	return strerror(err);
}

unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

int parse_num(const char *s, uint64_t max, uint64_t *out)
{
	unsigned base = 10, d;
	bool range = false;
	uint64_t v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return -EINVAL;

	for (; *s; s++) {
		d = hex_digit(*s);
		if (d >= base)
			return -EINVAL;
		range |= d > max || v > (max - d) / base;
		v = v * base + d;
	}
	if (range)
		return -ERANGE;
	*out = v;
	return 0;
}

long read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	rc = len < size && n < 0 ? -errno : 0;
	close(fd);
	if (rc)
		return rc;
	if (len >= size)
		return -EFBIG;
	buf[len] = '\0';
	return (long)len;
}

int write_file(const char *path, const char *s)
{
	size_t len = strlen(s);
	ssize_t n;
	int fd, rc;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, s, len);		/* files of /proc take no second one */
	rc = n < 0 ? -errno : (size_t)n != len ? -EIO : 0;
	close(fd);
	return rc;
}
