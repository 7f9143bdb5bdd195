/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qrap.c - start QEMU with a network device that is connected to passt
 *
 *	qrap [FD QEMU] ARGUMENT...
 *
 * For versions of QEMU before 7.2, which can't connect to a UNIX domain socket by
 * themselves: find the first passt that takes a guest, connect to it, and
 * hand the socket over as descriptor FD (5). The first network back-end among the
 * arguments, or the one that QEMU would add by itself, becomes "socket,fd=FD".
 *
 * A passt that serves another guest closes the connection at once. So we talk to it
 * as a guest would, by ARP and neighbour discovery, until a whole frame
 * came back; the stream is then at the beginning of a frame, as QEMU expects.
 *
 * qemu(1), RFC 826, RFC 4861. A program of its own, of layer 0 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

enum {
	FD_DEFAULT	= 5,
	ARGS_MAX	= 4096,
	TEXT_MAX	= 4096,		/* an argument that we write */
	SOCKETS_MAX	= 99,		/* as many as passt tries */
	SCANS		= 50,
	SCAN_MS		= 50,
	ANSWER_MS	= 500,
	FRAME_MAX	= 65535,
};

/* What is known of the arguments, and what becomes of them */
struct args {
	const char *v[ARGS_MAX + 8];
	int n;
	int fd;
	bool replaced;			/* a back-end is ours now */
	bool nic, none;			/* -net nic; no network is wanted */
	char netdev[256];		/* that a -device refers to, or "" */
	char text[TEXT_MAX];		/* the argument that we wrote */
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "qrap: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Frames with their lengths: an ARP probe (RFC 5227) and a neighbour solicitation */
static void probe(int fd)
{
	static const uint8_t arp[] = {
		0, 0, 0, 42,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 'q', 'r', 'a', 'p', 1, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 2, 'q', 'r', 'a', 'p', 1, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 169, 254, 2, 2,
	};
	/* From fe80::71ff:fe72:6170 for fe80::1 to ff02::1:ff00:1 */
	static const uint8_t ns[] = {
		0, 0, 0, 86,
		0x33, 0x33, 0xff, 0, 0, 1, 2, 'q', 'r', 'a', 'p', 1, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 58, 255,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x71, 0xff, 0xfe, 0x72, 0x61, 0x70,
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1,
		135, 0, 0xc5, 0xe4, 0, 0, 0, 0,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		1, 1, 2, 'q', 'r', 'a', 'p', 1,
	};

	send(fd, arp, sizeof(arp), MSG_NOSIGNAL);
	send(fd, ns, sizeof(ns), MSG_NOSIGNAL);
}

/* A whole frame, and not more, has come */
static bool answered(int fd)
{
	struct timeval limit = { .tv_usec = ANSWER_MS * 1000 };
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (recv(fd, &len, sizeof(len), MSG_WAITALL) != sizeof(len))
		return false;
	len = ntohl(len);
	if (len > sizeof(frame) || recv(fd, frame, len, MSG_WAITALL) != (ssize_t)len)
		return false;
	limit.tv_usec = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return true;
}

/* A connection to the passt at the usual path number @i, or -1 */
static int try_socket(int i)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/passt_%d.socket", i);
	if (!connect(fd, (const struct sockaddr *)&at, sizeof(at))) {
		probe(fd);
		if (answered(fd)) {
			fprintf(stderr, "qrap: connected to %s\n", at.sun_path);
			return fd;
		}
	}
	close(fd);
	return -1;
}

static int find_passt(void)
{
	const struct timespec pause = { .tv_nsec = SCAN_MS * 1000000L };
	int scan, i, fd;

	for (scan = 0; scan < SCANS; scan++) {
		for (i = 1; i <= SOCKETS_MAX; i++) {
			fd = try_socket(i);
			if (fd >= 0)
				return fd;
		}
		nanosleep(&pause, NULL);
	}
	errno = ENOENT;
	fail("no passt that is free at /tmp/passt_1.socket and up");
}

/* Copy the value of @key in @arg, "key=value,..." or {"key":"value",...}, to @out */
static bool value_of(const char *arg, const char *key, char *out, size_t size)
{
	bool json = arg[0] == '{';
	char word[64];
	const char *p;

	snprintf(word, sizeof(word), json ? "\"%s\":\"" : ",%s=", key);
	p = strstr(arg, word);
	if (!p)
		return false;
	p += strlen(word);
	snprintf(out, size, "%.*s", (int)strcspn(p, json ? "\"" : ","), p);
	return true;
}

/* Kind of a back-end or device: what comes first, or JSON's type */
static void kind_of(const char *arg, char *out, size_t size)
{
	out[0] = '\0';
	if (arg[0] == '{')
		value_of(arg, "type", out, size);
	else
		snprintf(out, size, "%.*s", (int)strcspn(arg, ","), arg);
}

/* Our back-end for @option, with what @arg says of its name and of its device */
static const char *backend(struct args *a, const char *arg)
{
	static const char *const keep[] = { "id", "name", "netdev", "model", "mac",
					    "macaddr", "addr", "vlan" };
	char *text = a->text, value[256];
	size_t i, len = snprintf(text, TEXT_MAX, "socket,fd=%d", a->fd);

	for (i = 0; i < NELEM(keep) && len < TEXT_MAX; i++)
		if (value_of(arg, keep[i], value, sizeof(value)))
			len += snprintf(text + len, TEXT_MAX - len, ",%s=%s", keep[i],
					value);
	a->replaced = true;
	return text;
}

/* The value of an option that is about the network: as it is, or ours */
static const char *take_value(struct args *a, const char *option, const char *arg)
{
	char kind[64];

	kind_of(arg, kind, sizeof(kind));
	if (!strcmp(option, "device")) {
		if (!a->netdev[0])
			value_of(arg, "netdev", a->netdev, sizeof(a->netdev));
		return arg;
	}
	if (!strcmp(kind, "none"))
		a->none = true;
	else if (!strcmp(option, "net") && !strcmp(kind, "nic"))
		a->nic = true;
	else if (!a->replaced)
		return backend(a, arg);
	return arg;
}

/* Does QEMU only tell about itself with @option, or make no machine? */
static bool only_asks(const char *option, const char *arg)
{
	static const char *const asks[] = { "h", "help", "version" };
	size_t i;

	for (i = 0; i < NELEM(asks); i++)
		if (!strcmp(option, asks[i]))
			return true;
	if (!arg)
		return false;
	return !strcmp(arg, "help") || !strcmp(arg, "?") ||
	       ((!strcmp(option, "machine") || !strcmp(option, "M")) &&
		!strncmp(arg, "none", 4));
}

static void add(struct args *a, const char *arg)
{
	if (a->n >= ARGS_MAX) {
		errno = E2BIG;
		fail("arguments");
	}
	a->v[a->n++] = arg;
}

/* Copy the arguments, with our back-end in them. False if there is no machine. */
static bool rewrite(struct args *a, char **argv)
{
	static const char *const about[] = { "net", "netdev", "nic", "device" };
	bool machine = true;
	size_t i;

	for (; *argv; argv++) {
		const char *option = *argv;

		add(a, *argv);
		if (option[0] != '-')
			continue;
		option += option[1] == '-' ? 2 : 1;
		machine &= !only_asks(option, argv[1]);
		a->none |= !strcmp(option, "nodefaults");
		for (i = 0; i < NELEM(about) && argv[1]; i++) {
			if (!strcmp(option, about[i])) {
				add(a, take_value(a, option, *++argv));
				break;
			}
		}
	}
	return machine;
}

/* No back-end is among the arguments: add one, and a device if there is none either */
static void add_backend(struct args *a)
{
	bool device = a->netdev[0];
	char *text = a->text;

	if (a->nic && !device) {
		snprintf(text, TEXT_MAX, "socket,fd=%d", a->fd);
		add(a, "-net");
		add(a, text);
		return;
	}
	snprintf(text, TEXT_MAX, "socket,fd=%d,id=%.256s", a->fd,
		 device ? a->netdev : "qrap");
	add(a, "-netdev");
	add(a, text);
	if (!device) {
		add(a, "-device");
		add(a, "virtio-net-pci,netdev=qrap");
	}
}

/* Returns only if there is no such program */
static void run(const char *name, const char **argv)
{
	argv[0] = name;
	execvp(name, (char *const *)(void *)argv);	/* which changes nothing */
	if (errno != ENOENT)
		fail(name);
}

/* Instead of us, the QEMU that was named, or one of its usual names */
static _Noreturn void run_qemu(const char **argv)
{
	char name[128];
	struct utsname u;

	if (argv[0]) {
		run(argv[0], argv);
		fail(argv[0]);
	}
	run("kvm", argv);
	run("qemu-kvm", argv);
	uname(&u);
	snprintf(name, sizeof(name), "qemu-system-%.64s", u.machine);
	run(name, argv);
	run("/usr/libexec/qemu-kvm", argv);
	fail("no QEMU found");
}

int main(int argc, char **argv)
{
	struct args a = { .fd = FD_DEFAULT };
	uint64_t fd;
	int from = 1, sock;

	if (argc < 2) {
		fprintf(stderr, "Usage: %s [FD QEMU] ARGUMENT...\n", argv[0]);
		return 1;
	}
	add(&a, NULL);			/* to be found */
	if (argc > 2 && !parse_num(argv[1], 1 << 16, &fd) && fd > 2) {
		a.fd = fd;
		a.v[0] = argv[2];
		from = 3;
	}
	if (!rewrite(&a, argv + from) || (a.none && !a.replaced && !a.netdev[0])) {
		memcpy(a.v + 1, argv + from, (argc - from + 1) * sizeof(*argv));
		run_qemu(a.v);
	}
	if (!a.replaced)
		add_backend(&a);
	sock = find_passt();
	if (sock != a.fd && (dup2(sock, a.fd) < 0 || close(sock)))
		fail("dup2");
	run_qemu(a.v);
}
