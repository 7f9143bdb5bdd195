/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOC: conf_user.c - --runas: user and group by number or name
 *
 * Names are looked up in passwd(5) and group(5) directly: a static program has
 * no name service switch. A name that stands for root is refused, its number is
 * not: who writes that knows what it means.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_int.h"
#include "util.h"

enum { LINE_MAX_LEN = 1024, ID_MAX = 0xfffffffe, FIELDS = 4 };

/* A line of passwd(5) or group(5), cut into its first fields:
 * name, password, number, and in passwd the group's number
 */
struct entry { char *field[FIELDS]; };

static bool cut_line(char *line, struct entry *e)
{
	int i;

	for (i = 0; i < FIELDS; i++) {
		e->field[i] = line;
		line += strcspn(line, ":");
		if (!*line)
			return i == FIELDS - 1;
		*line++ = '\0';
	}
	return true;
}

/* The next line of @fd; what @size has no room for is cut off. False at the end. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	char c;

	while (read(fd, &c, 1) == 1) {
		if (c == '\n') {
			line[len] = '\0';
			return true;
		}
		if (len < size - 1)
			line[len++] = c;
	}
	line[len] = '\0';
	return len;
}

/* Number of @name in the file @path, and the group's number to @gid if that is not
 * NULL. False if it is not there.
 */
static bool find_name(const char *path, const char *name, uint64_t *id, uint64_t *gid)
{
	char line[LINE_MAX_LEN];
	bool found = false;
	struct entry e;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (!found && read_line(fd, line, sizeof(line)))
		found = cut_line(line, &e) && !strcmp(e.field[0], name) &&
			!parse_num(e.field[2], ID_MAX, id) &&
			(!gid || !parse_num(e.field[3], ID_MAX, gid));
	close(fd);
	return found;
}

/* Both ids of @login. NULL, or what is wrong. */
static const char *get_user(const char *login, uint64_t *uid, uint64_t *gid)
{
	if (!parse_num(login, ID_MAX, uid)) {
		*gid = *uid;
		return NULL;
	}
	if (!find_name("/etc/passwd", login, uid, gid))
		return "there is no such user";
	return *uid ? NULL : "give root by its number, if that is meant";
}

const char *conf_user(const char *user, uid_t *uid, gid_t *gid)
{
	const char *colon = strchr(user, ':'), *why;
	char login[LINE_MAX_LEN];
	uint64_t u, g;

	if (snprintf(login, sizeof(login), "%.*s",
		     colon ? (int)(colon - user) : (int)strlen(user),
		     user) >= (int)sizeof(login))
		return "the name is too long";
	why = get_user(login, &u, &g);
	if (why)
		return why;
	if (colon && parse_num(colon + 1, ID_MAX, &g) &&
	    !find_name("/etc/group", colon + 1, &g, NULL))
		return "there is no such group";
	*uid = (uid_t)u;
	*gid = (gid_t)g;
	return NULL;
}
