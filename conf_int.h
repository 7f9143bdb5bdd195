/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_int.h - shared by the files that make up option parsing, conf*.c */
#ifndef CONF_INT_H
#define CONF_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct conf;
struct opt;
struct raw_opt;

/* Who takes an option */
enum { PASST = 1, PASTA = 2, ANY = PASST | PASTA };

/* Addresses that an option refuses (NO_COMPAT: "::192.0.2.1" and mapped) or words that it
 * takes instead of one
 */
enum {
	NO_ANY = 1, NO_LOOPBACK = 2, NO_LOOPBACK6 = 4, NO_MULTICAST = 8,
	NO_BROADCAST = 16, NO_COMPAT = 32, OR_NONE = 64,
};

/* Port options, by index in conf_parse.ports_given */
enum { TCP_IN, UDP_IN, TCP_OUT, UDP_OUT, PORT_OPTS };

struct conf_parse {
	struct conf *cf;
	unsigned who;			/* PASST or PASTA */
	int mask, plen;			/* IPv4, by -n, by -a; -1: not given */
	bool only4, only6;
	bool stderr_given;
	bool ports_given[PORT_OPTS];
	uint16_t eph_first, eph_last;	/* ephemeral ports of the host */
};

/* An option is one row: parser, usage text, mode check. Without @help it is known but
 * not supported. Rows with one key are names of one option.
 */
struct opt {
	const char *name;
	char key;			/* short form, or 0 */
	unsigned who;
	const char *arg;		/* NULL: takes none */
	const char *help;
	void (*set)(struct conf_parse *p, const struct opt *o, const char *arg);
	size_t off;			/* field that @set writes */
	unsigned rules;			/* for addresses: NO_* ... */
	bool late;			/* evaluated after all others */
};

const struct opt *conf_table(size_t *n);

/* Refuse @arg: "Invalid value 'ARG' for --NAME: ..." */
_Noreturn void conf_bad(const struct opt *o, const char *arg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Usage with all options, or with where to find them, to descriptor @fd; version to
 * standard output
 */
void conf_usage(int fd, unsigned who);
void conf_hint(int fd, unsigned who);
void conf_version(unsigned who);

/* Ids of USER: "UID", "UID:GID", "LOGIN" or "LOGIN:GROUP". NULL, or what is wrong. */
const char *conf_user(const char *user, uid_t *uid, gid_t *gid);

/* Parse "CODE:VALUE" by the types of DHCP, DHCPv6 or RA. NULL, or what is wrong. */
enum conf_raw_kind { RAW_DHCP, RAW_DHCPV6, RAW_RA };
const char *conf_raw(enum conf_raw_kind kind, const char *arg, struct raw_opt *out);

/* Values of options, in conf_net.c */
void conf_set_addr(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_gateway(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_address(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_netmask(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_map_loopback(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_mac(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_guest_mac(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_ifname(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_template(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_domain(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_dns(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_search(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_mtu(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_ports(struct conf_parse *p, const struct opt *o, const char *arg);
void conf_set_raw(struct conf_parse *p, const struct opt *o, const char *arg);

/* Add the rules of @spec for port option @which; die if it can't be */
void conf_add_ports(struct conf_parse *p, int which, const char *name,
		    const char *spec);

#endif
