/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_opt.h - from the command line to struct conf; start-up only
 *
 * Order: conf_parse(), conf_open(), netlink_discover(), conf_finish(),
 * conf_print(). Failure ends the program: a message on standard error, exit
 * status 1. Nothing is changed on the system before all options are judged.
 */
#ifndef CONF_OPT_H
#define CONF_OPT_H

struct conf;
struct resolv;

/* Fill @cf, whatever it held, from the command line. Sets level and identity of
 * the log. May end the program with status 0 (--help, --version). Strings of @argv
 * are kept by reference in @cf->command. In spawn mode without a command, that is
 * @cf->login_shell.
 */
void conf_parse(struct conf *cf, int argc, char **argv);

/* Open the log file or the system's log, PID and capture file, as the user who
 * started us
 */
void conf_open(struct conf *cf);

/* Complete @cf with what follows from the interface found, which is in @cf->net
 * already, and from the host's resolvers: addresses of translation, DNS, search
 * list, name of the interface. Pure, apart from the log.
 */
void conf_finish(struct conf *cf, const struct resolv *rs);

/* Log the configuration, at level info */
void conf_print(const struct conf *cf);

#endif
