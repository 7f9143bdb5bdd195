/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_fwd.c - port specifiers to forwarding rules
 *
 *   SPEC   := "none" | [ LISTEN "/" ] CHUNK { "," CHUNK }
 *   LISTEN := ADDR [ "%" IFNAME ] | "*" [ "%" IFNAME ] | "%" IFNAME
 *   ADDR   := IPv4 | IPv6 | "[" IPv6 "]"
 *   CHUNK  := "all" [ ":" ADDR ] | "auto" | "~" RANGE
 *           | RANGE [ ":" ADDR "/" RANGE | ":" ADDR | ":" RANGE ]
 *   RANGE  := PORT [ "-" PORT ]
 *
 * Exclusions (~) hold for the whole specifier, wherever they stand, so it is
 * read twice: first what it says, then what follows from that. Without a RANGE,
 * all ports but the host's ephemeral ones are meant, as far as they can be had
 * ("weak"). "all" beside RANGEs stands for what they leave over. What
 * exclusions leave of a RANGE becomes one rule for each contiguous run.
 *
 * No address, or "*", means both families by one dual-stack socket, if both
 * are in use. Two rules conflict if some packet could match both.
 *
 * Pure: conf.c calls it for each option, a client that changes rules at run
 * time may as well.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "conf_fwd.h"
#include "util.h"

enum { PORT_MAX = 65535, TOKEN_MAX = 128 };

struct range { unsigned first, last; };

/* One specifier while it is read */
struct spec {
	struct fwd_table *t;
	const struct fwd_ctx *ctx;
	const char *text;
	char *err;			/* message of the first failure */
	struct fwd_rule base;		/* what all rules of it have in common */
	bool has_range, has_all, has_auto;
	struct addr all_target;
	uint8_t skip[(PORT_MAX + 1) / 8];	/* excluded ports */
	uint8_t taken[(PORT_MAX + 1) / 8];	/* ports in RANGEs */
};

static void set_ports(uint8_t *map, const struct range *r)
{
	unsigned p;

	for (p = r->first; p <= r->last; p++)
		map[p / 8] |= (uint8_t)(1 << p % 8);
}

static bool has_port(const uint8_t *map, unsigned p)
{
	return map[p / 8] & 1 << p % 8;
}

/* Note what is wrong: -EINVAL */
__attribute__((format(printf, 2, 3)))
static int fail(struct spec *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(s->err, FWD_ERR_MAX, "Invalid port specifier '%.128s': ",
		     s->text);
	va_start(ap, fmt);
	vsnprintf(s->err + n, FWD_ERR_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool is_range(const char *s)
{
	return s[0] && s[strspn(s, "0123456789-")] == '\0';
}

/* PORT at @s, which ends at @len */
static int parse_port(struct spec *s, const char *str, size_t len, unsigned *port)
{
	unsigned v = 0;
	size_t i;

	for (i = 0; i < len && str[i] >= '0' && str[i] <= '9' && v <= PORT_MAX; i++)
		v = v * 10 + (unsigned)(str[i] - '0');
	if (!len)
		return fail(s, "a port number is missing");
	if (v > PORT_MAX)
		return fail(s, "port %.*s is above 65535", (int)len, str);
	if (i < len)
		return fail(s, "'%.*s' is not a port number", (int)len, str);
	if (!v)
		return fail(s, "port 0 can't be forwarded");
	*port = v;
	return 0;
}

static int parse_range(struct spec *s, const char *str, struct range *r)
{
	size_t len = strcspn(str, "-");
	int rc;

	rc = parse_port(s, str, len, &r->first);
	if (rc)
		return rc;
	r->last = r->first;
	if (str[len]) {
		rc = parse_port(s, str + len + 1, strlen(str + len + 1), &r->last);
		if (rc)
			return rc;
	}
	if (r->first > r->last)
		return fail(s, "range %u-%u ends before it begins", r->first, r->last);
	return 0;
}

/* IPv4, IPv6 or [IPv6]: 0 or -EINVAL */
static int read_addr(const char *str, struct addr *a)
{
	char buf[TOKEN_MAX];
	size_t len = strlen(str);

	if (str[0] == '[' && len > 2 && str[len - 1] == ']' && len < sizeof(buf)) {
		memcpy(buf, str + 1, len - 2);
		buf[len - 2] = '\0';
		return strchr(buf, ':') ? addr_parse(buf, a) : -EINVAL;
	}
	return addr_parse(str, a);
}

static int check_family(struct spec *s, const struct addr *a, const char *str)
{
	if (!(addr_is4(a) ? s->ctx->v4 : s->ctx->v6))
		return fail(s, "%s is disabled, '%s' can't be used",
			    addr_is4(a) ? "IPv4" : "IPv6", str);
	return 0;
}

/* Explicit target of a CHUNK; the listening side is known */
static int parse_target(struct spec *s, const char *str, struct addr *a)
{
	int rc;

	if (read_addr(str, a))
		return fail(s, "'%s' is neither ports nor an address", str);
	if (s->ctx->outbound)
		return fail(s, "target address '%s' is not possible here", str);
	if (!addr_is_unicast(a))
		return fail(s, "target '%s' is not a unicast address", str);
	rc = check_family(s, a, str);
	if (rc)
		return rc;
	if (s->base.dual)
		return fail(s, "target address '%s' needs a listening address: "
			    "start with 0.0.0.0/ or [::]/", str);
	if (addr_is4(a) != addr_is4(&s->base.listen))
		return fail(s, "target '%s' is of another family than the "
			    "listening address", str);
	return 0;
}

static bool ranges_conflict(const struct fwd_rule *x, const struct fwd_rule *y)
{
	return x->proto == y->proto && x->first <= y->last && y->first <= x->last;
}

static bool listen_covers(const struct fwd_rule *x, const struct fwd_rule *y)
{
	if (x->dual || addr_eq(&x->listen, &y->listen))
		return true;
	return addr_is_any(&x->listen) &&
	       addr_is4(&x->listen) == addr_is4(&y->listen);
}

static bool devices_conflict(const struct fwd_rule *x, const struct fwd_rule *y)
{
	return !x->ifname[0] || !y->ifname[0] || !strcmp(x->ifname, y->ifname);
}

static int check_conflict(struct spec *s, const struct fwd_rule *r)
{
	char buf[FWD_RULE_STRLEN];
	int i;

	for (i = 0; i < s->t->count; i++) {
		const struct fwd_rule *o = &s->t->rules[i];

		if (ranges_conflict(o, r) && devices_conflict(o, r) &&
		    (listen_covers(o, r) || listen_covers(r, o)))
			return fail(s, "conflict with \"%s\"", conf_fwd_str(o, buf));
	}
	return 0;
}

static int add_rule(struct spec *s, const struct fwd_rule *r)
{
	unsigned ports = r->last - r->first + 1u;
	int i, rc = check_conflict(s, r);

	if (rc)
		return rc;
	if (s->t->count == FWD_RULES_MAX)
		return fail(s, "more than %d rules", FWD_RULES_MAX);
	for (i = 0; i < s->t->count; i++)
		ports += s->t->rules[i].last - s->t->rules[i].first + 1u;
	if (ports > FWD_PORTS_MAX)
		return fail(s, "more than %d ports", FWD_PORTS_MAX);
	s->t->rules[s->t->count++] = *r;
	return 0;
}

/* Rules for @r without the ports in @skip; @to: where its first port goes */
static int add_runs(struct spec *s, const struct range *r, unsigned to,
		    const struct addr *target, bool weak, const uint8_t *skip)
{
	struct fwd_rule rule = s->base;
	unsigned p, end;
	int rc;

	rule.target = *target;
	rule.weak = weak;
	rule.scan = s->has_auto;
	for (p = r->first; p <= r->last; p = end + 1) {
		end = p;
		if (has_port(skip, p))
			continue;
		while (end < r->last && !has_port(skip, end + 1))
			end++;
		rule.first = (uint16_t)p;
		rule.last = (uint16_t)end;
		rule.target_first = (uint16_t)(to + (p - r->first));
		rc = add_rule(s, &rule);
		if (rc)
			return rc;
	}
	return 0;
}

/* What stands behind the ":" of a RANGE: an address, ports, or both */
static int parse_mapping(struct spec *s, const struct range *r, char *str,
			 struct addr *target, struct range *to)
{
	char *slash = strchr(str, '/');
	int rc;

	if (slash)
		*slash = '\0';
	if (slash || !is_range(str)) {
		rc = parse_target(s, str, target);
		if (rc)
			return rc;
		if (!slash)
			return 0;
		str = slash + 1;
	}
	rc = parse_range(s, str, to);
	if (rc)
		return rc;
	if (to->last - to->first != r->last - r->first)
		return fail(s, "ranges %u-%u and %u-%u differ in length",
			    r->first, r->last, to->first, to->last);
	return 0;
}

/* RANGE with its mapping: noted in the first pass, added in the second */
static int read_range(struct spec *s, char *chunk, bool add)
{
	struct addr target = { 0 };
	struct range r, to;
	char *colon = strchr(chunk, ':');
	int rc;

	if (colon)
		*colon = '\0';
	rc = parse_range(s, chunk, &r);
	if (rc)
		return rc;
	to = r;
	if (colon) {
		rc = parse_mapping(s, &r, colon + 1, &target, &to);
		if (rc)
			return rc;
	}
	if (add)
		return add_runs(s, &r, to.first, &target, false, s->skip);
	s->has_range = true;
	set_ports(s->taken, &r);
	return 0;
}

static int read_all(struct spec *s, const char *rest)
{
	if (s->has_all)
		return fail(s, "'all' stands there twice");
	s->has_all = true;
	return rest[0] ? parse_target(s, rest + 1, &s->all_target) : 0;
}

static int read_auto(struct spec *s)
{
	if (!s->ctx->can_scan)
		return fail(s, "'auto' is for pasta mode only");
	s->has_auto = true;
	return 0;
}

static int read_skip(struct spec *s, const char *str)
{
	struct range r;
	int rc = parse_range(s, str, &r);

	if (rc)
		return rc;
	set_ports(s->skip, &r);
	return 0;
}

static int read_chunk(struct spec *s, char *chunk, bool add)
{
	if (!strncmp(chunk, "all", 3) && (!chunk[3] || chunk[3] == ':'))
		return add ? 0 : read_all(s, chunk + 3);
	if (!strcmp(chunk, "auto"))
		return add ? 0 : read_auto(s);
	if (chunk[0] == '~')
		return add ? 0 : read_skip(s, chunk + 1);
	return read_range(s, chunk, add);
}

/* One pass over the CHUNKs */
static int read_chunks(struct spec *s, const char *str, bool add)
{
	char chunk[TOKEN_MAX];
	size_t len;
	int rc;

	for (;; str += len + 1) {
		len = strcspn(str, ",");
		if (!len)
			return fail(s, "a port number is missing");
		if (len >= sizeof(chunk))
			return fail(s, "'%.*s' is too long", (int)len, str);
		memcpy(chunk, str, len);
		chunk[len] = '\0';
		rc = read_chunk(s, chunk, add);
		if (rc || !str[len])
			return rc;
	}
}

/* No address: both families, or the one in use */
static void listen_any(struct fwd_rule *r, const struct fwd_ctx *ctx)
{
	r->dual = ctx->v4 && ctx->v6;
	r->listen = addr_any(ctx->v6 ? V6 : V4);
}

/* LISTEN, the @len bytes at @str. 0, or 1: it is none */
static int parse_listen(struct spec *s, const char *str, size_t len)
{
	char buf[TOKEN_MAX], *dev;
	struct addr a;

	if (len >= sizeof(buf))
		return 1;
	memcpy(buf, str, len);
	buf[len] = '\0';
	dev = strchr(buf, '%');
	if (dev)
		*dev++ = '\0';

	if (strcmp(buf, "*") && (buf[0] || !dev)) {
		if (read_addr(buf, &a))
			return 1;
		s->base.listen = a;
		s->base.dual = false;
		if (check_family(s, &a, buf))
			return -EINVAL;
	}
	if (!dev)
		return 0;
	if (!dev[0] || strlen(dev) >= sizeof(s->base.ifname))
		return fail(s, "'%s' is not the name of an interface", dev);
	strcpy(s->base.ifname, dev);
	return 0;
}

/* Find and read LISTEN at the start of @str; @rest: what follows */
static int split_listen(struct spec *s, const char *str, const char **rest)
{
	size_t len = strcspn(str, "/");
	int rc;

	*rest = str;
	if (!str[len])
		return 0;
	rc = parse_listen(s, str, len);
	if (rc > 0 && strcspn(str, ":,") < len)
		return 0;		/* the "/" of a target */
	if (rc > 0)
		return fail(s, "'%.*s' is not an address to listen on",
			    (int)len, str);
	if (rc)
		return rc;
	if (s->ctx->outbound)
		return fail(s, "listening address '%.*s' is not possible here",
			    (int)len, str);
	*rest = str + len + 1;
	return 0;
}

/* The ports that are meant without being named */
static int add_implicit(struct spec *s)
{
	const struct fwd_ctx *ctx = s->ctx;
	struct range every = { 1, PORT_MAX }, eph = { ctx->eph_first, ctx->eph_last };
	size_t i;

	if (s->has_range && !s->has_all)
		return 0;
	set_ports(s->skip, &eph);
	for (i = 0; i < sizeof(s->skip); i++)
		s->skip[i] |= s->taken[i];
	return add_runs(s, &every, every.first, &s->all_target, true, s->skip);
}

static int add_none(struct spec *s)
{
	int i;

	for (i = 0; i < s->t->count; i++)
		if (s->t->rules[i].proto == s->ctx->proto)
			return fail(s, "conflict with ports given before");
	return 0;
}

static int parse_spec(struct spec *s)
{
	const char *chunks;
	int rc;

	if (!strcmp(s->text, "none"))
		return add_none(s);
	if (s->ctx->proto_off)
		return fail(s, "%s is disabled",
			    s->ctx->proto == IPPROTO_TCP ? "TCP" : "UDP");

	listen_any(&s->base, s->ctx);
	if (s->ctx->outbound)
		strcpy(s->base.ifname, "lo");
	rc = split_listen(s, s->text, &chunks);
	if (!rc)
		rc = read_chunks(s, chunks, false);
	if (!rc)
		rc = read_chunks(s, chunks, true);
	if (!rc)
		rc = add_implicit(s);
	return rc;
}

int conf_fwd_parse(struct fwd_table *t, const struct fwd_ctx *ctx,
		   const char *spec, char err[FWD_ERR_MAX])
{
	struct spec s = {
		.t = t, .ctx = ctx, .text = spec, .err = err,
		.base.proto = ctx->proto,
	};
	int before = t->count, rc = parse_spec(&s);

	if (!rc && t->count == before && strcmp(spec, "none"))
		rc = fail(&s, "no port is left");
	if (rc)
		t->count = before;
	return rc;
}

/* "80" or "80-81" */
static int range_str(char *buf, size_t size, unsigned first, unsigned last)
{
	if (first == last)
		return snprintf(buf, size, "%u", first);
	return snprintf(buf, size, "%u-%u", first, last);
}

const char *conf_fwd_str(const struct fwd_rule *r, char buf[FWD_RULE_STRLEN])
{
	char a[ADDR_STRLEN], from[16], to[16], target[ADDR_STRLEN + 4] = "";

	range_str(from, sizeof(from), r->first, r->last);
	range_str(to, sizeof(to), r->target_first, fwd_rule_target(r, r->last));
	if (!addr_is_any(&r->target))
		snprintf(target, sizeof(target),
			 addr_is4(&r->target) ? "%s:" : "[%s]:",
			 addr_str(&r->target, a));
	snprintf(buf, FWD_RULE_STRLEN, "%s %s%s%s%s%.15s:%s  =>  %s%s%s%s",
		 r->proto == IPPROTO_TCP ? "TCP" : "UDP",
		 r->dual ? "*" : "[", r->dual ? "" : addr_str(&r->listen, a),
		 r->dual ? "" : "]", r->ifname[0] ? "%" : "", r->ifname,
		 from, target, to, r->weak ? " (best effort)" : "",
		 r->scan ? " (auto-scan)" : "");
	return buf;
}
