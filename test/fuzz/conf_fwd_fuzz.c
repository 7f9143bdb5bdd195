/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_fwd_fuzz.c - port specifiers of any shape: rules that make sense, or an error that
 * changes nothing
 */
#include "fuzz.h"

#include <errno.h>

#include "conf_fwd.h"

static void check_rule(const struct fwd_rule *r)
{
	char text[FWD_RULE_STRLEN];

	if (!r->first || r->last < r->first ||
	    r->target_first + (r->last - r->first) > 65535)
		abort();
	if (strlen(conf_fwd_str(r, text)) >= sizeof(text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fwd_table t, before;
	char err[FWD_ERR_MAX] = "", *spec;
	struct fwd_ctx ctx = { .proto = IPPROTO_TCP, .v4 = true, .v6 = true,
			       .eph_first = 32768, .eph_last = 60999 };
	int i, rc;

	if (!size)
		return 0;
	ctx.proto_off = (data[0] & 15) == 15;
	ctx.outbound = data[0] & 16;
	ctx.can_scan = data[0] & 32;
	ctx.v6 = !(data[0] & 64);
	spec = strndup((const char *)data + 1, size - 1);
	t.count = 0;
	before.count = 0;
	rc = conf_fwd_parse(&t, &ctx, spec, err);
	if (rc != 0 && rc != -EINVAL)
		abort();
	if (rc && (t.count || !err[0] || !memchr(err, 0, sizeof(err))))
		abort();
	for (i = 0; i < t.count; i++)
		check_rule(&t.rules[i]);
	free(spec);
	return 0;
}

void fuzz_seeds(void)
{
	static const char *const specs[] = {
		"@all", "@auto", "@none", "@80", "@22-25,80:8080,443", "@~25",
		"@192.0.2.1/80", "@[::1]/80", "@%eth0/80", "@192.0.2.1%eth0/1-100:201-300",
		"@t:80", "@80,~1-79", "@2001:db8::1/53",
	};
	size_t i;

	for (i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		fuzz_seed(specs[i], strlen(specs[i]));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_write_seeds(*argc, *argv);
	return 0;
}
