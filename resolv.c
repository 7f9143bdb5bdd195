/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolv.c - name servers and search list of the host, from resolv.conf(5)
 *
 * A line is a keyword at its very start and words after it. Only `nameserver`,
 * `search` and `domain` matter here; of the last two, which both set the search
 * list, the line that comes last wins, as for any resolver. Files are written by hand
 * and by many programs: tabs, trailing blanks, comments after a value
 * and CRLF are all met in practice.
 *
 * Called once at start-up, before the system call filter is on.
 */
#include "resolv.h"

#include <stdbool.h>
#include <string.h>

#include "util.h"

enum { FILE_MAX = 65536 };

#define BLANKS	" \t\r\v\f"

/* A piece of the text; not terminated */
struct word { const char *s; size_t len; };

static bool word_is(struct word w, const char *s)
{
	return w.len == strlen(s) && !memcmp(w.s, s, w.len);
}

/* Take the next word off the line @l: false at its end or at a comment */
static bool next_word(struct word *l, struct word *w)
{
	while (l->len && strchr(BLANKS, *l->s)) {
		l->s++;
		l->len--;
	}
	if (!l->len || *l->s == '#' || *l->s == ';')
		return false;
	*w = (struct word){ l->s, 0 };
	while (l->len && !strchr(BLANKS, *l->s)) {
		l->s++;
		l->len--;
		w->len++;
	}
	return true;
}

static void add_server(struct resolv *out, struct word w)
{
	const char *scope = memchr(w.s, '%', w.len);
	char text[ADDR_STRLEN];

	if (scope)
		w.len = (size_t)(scope - w.s);
	if (w.len >= sizeof(text) || out->server_count == RESOLV_SERVERS_MAX)
		return;
	memcpy(text, w.s, w.len);
	text[w.len] = '\0';
	if (!addr_parse(text, &out->servers[out->server_count]))
		out->server_count++;
}

/* The root alone (".") says that there is no search list */
static void add_search(struct resolv *out, struct word w)
{
	char *name;

	if (w.s[w.len - 1] == '.')
		w.len--;
	if (!w.len || w.len >= NAME_LEN_MAX || out->search_count == CONF_SEARCH_MAX)
		return;
	name = out->search[out->search_count++];
	memcpy(name, w.s, w.len);
	name[w.len] = '\0';
}

static void parse_line(struct word line, struct resolv *out)
{
	struct word key, w;

	if (!line.len || strchr(BLANKS, *line.s) || !next_word(&line, &key))
		return;
	if (word_is(key, "nameserver")) {
		if (next_word(&line, &w))
			add_server(out, w);
		return;
	}
	if (!word_is(key, "search") && !word_is(key, "domain"))
		return;
	out->search_count = 0;
	while (next_word(&line, &w)) {
		add_search(out, w);
		if (word_is(key, "domain"))
			return;
	}
}

void resolv_parse(const char *text, struct resolv *out)
{
	memset(out, 0, sizeof(*out));
	while (*text) {
		size_t len = strcspn(text, "\n");

		parse_line((struct word){ text, len }, out);
		text += len + (text[len] == '\n');
	}
}

int resolv_read(const char *path, struct resolv *out)
{
	char text[FILE_MAX];
	long len = read_file(path, text, sizeof(text));

	if (len < 0)
		text[0] = '\0';
	resolv_parse(text, out);
	return len < 0 ? (int)len : 0;
}
