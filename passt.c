/* SPDX-License-Identifier: GPL-2.0-or-later */
/* passt.c - start-up order, signals, the life of the loop; nothing else
 *
 * Everything that has a path, a name or needs a privilege comes first, as the
 * user who started us; then the guest's namespace or socket, the sandbox, and the loop.
 * All memory is static and belongs to the one worker.
 */
#define _GNU_SOURCE		/* prlimit(), syscall() */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chunk.h"
#include "client.h"
#include "conf.h"
#include "conf_opt.h"
#include "dgram.h"
#include "flow.h"
#include "frag.h"
#include "icmp.h"
#include "isolation.h"
#include "link_pcap.h"
#include "link_stream.h"
#include "link_tun.h"
#include "listen.h"
#include "log.h"
#include "loop.h"
#include "netlink.h"
#include "nl.h"
#include "pasta.h"
#include "resolv.h"
#include "sock.h"
#include "splice.h"
#include "stats.h"
#include "tap.h"
#include "tcp.h"
#include "tcp_spare.h"
#include "tcp_splice.h"
#include "timer.h"
#include "udp.h"
#include "udp_splice.h"
#include "util.h"
#include "worker.h"

enum {
	TXQLEN = 10000,			/* frames that the guest may have queued */
	CLIENT_AGAIN = 200,		/* ms, to the next try to take a client */
};

/* What start-up needs beside the worker, and the loop later for its end */
struct start {
	struct conf *cf;
	struct net_host *host;
	struct net_report report;
	struct pasta pasta;
	struct sandbox sandbox;
	struct worker *w;
	struct timer ra;		/* next unsolicited router advertisement */
	struct timer stats;		/* next line of --stats */
	struct timer client_again;	/* there was no descriptor for a client */
	struct stats_table table;
	int signals;
	int clients;			/* socket on which guests connect, or -1 */
};

static const struct flow_ops flow_ops[FLOW_TYPES] = {
	[FLOW_TCP]	= { tcp_flow_work, tcp_flow_timer },
	[FLOW_UDP]	= { udp_flow_work, udp_flow_timer },
	[FLOW_ICMP]	= { icmp_flow_work, icmp_flow_timer },
	[FLOW_TCP_SPLICE] = { tcp_splice_flow_work, tcp_splice_flow_timer },
	[FLOW_UDP_SPLICE] = { udp_splice_flow_work, udp_splice_flow_timer },
};

static struct start *start_of(struct worker *w)
{
	return w->owner;
}

static void discover(struct start *s)
{
	static uint8_t buf[NL_BUF_SIZE] __attribute__((aligned(8)));
	static struct resolv rs;
	struct nl nl;
	int rc = nl_open(&nl, buf, sizeof(buf));

	if (rc < 0)
		die_errno(rc, "Can't open a netlink socket");
	if (netlink_discover(&nl, s->cf, s->host) < 0)
		die("%s", nl.line);
	nl_close(&nl);
	rc = resolv_read("/etc/resolv.conf", &rs);
	if (rc < 0 && rc != -ENOENT)
		log_warn("Can't read /etc/resolv.conf: %s", strerror(-rc));
	conf_finish(s->cf, &rs);
	conf_print(s->cf);
}

/* In the guest's network namespace: the tap device, or 0 without one */
static int set_up_netns(void *ctx)
{
	static uint8_t buf[NL_BUF_SIZE] __attribute__((aligned(8)));
	struct start *s = ctx;
	const struct conf *cf = s->cf;
	bool tap = !cf->splice_only;
	char name[IFNAMSIZ];
	int fd = 0, rc = 0;
	struct nl nl;

	if (tap)
		fd = cf->fd >= 0 ? cf->fd : link_tun_open(cf->ifname);
	if (fd < 0)
		return fd;
	if (tap)
		rc = link_tun_name(fd, name);
	if (!rc)
		rc = nl_open(&nl, buf, sizeof(buf));
	if (rc < 0)
		return rc;
	rc = netlink_configure(&nl, cf, s->host, tap ? name : NULL, TXQLEN, &s->report);
	nl_close(&nl);
	if (!rc)
		return fd;
	log_err("%s", nl.line);
	return -ECANCELED;
}

static void report_netns(const struct start *s)
{
	const struct net_report *r = &s->report;
	enum ipver v;

	for (v = V4; v < IPVERS; v++) {
		if (r->err[v])
			log_warn("IPv%d in the namespace is incomplete: %s",
				 v == V4 ? 4 : 6, r->line[v]);
		if (r->routes_failed[v] || r->routes_missed[v])
			log_warn("%u IPv%d routes could not be copied",
				 r->routes_failed[v] + r->routes_missed[v],
				 v == V4 ? 4 : 6);
	}
}

/* passt: a stream socket that is, or will be, connected to a virtual machine */
static void open_stream(struct start *s)
{
	int rc = 0;

	memset(s->w->guest.mac, 0xff, sizeof(s->w->guest.mac));
	s->w->link = link_stream_init();
	s->w->link_stuck = true;
	if (s->cf->fd >= 0)
		rc = link_stream_attach(s->w->link, s->cf->fd);
	else
		s->clients = client_listen(s->cf);
	if (rc < 0)
		die_errno(rc, "Can't use the descriptor given by --fd");
	rc = isolate_user(s->cf, ISOLATE_NEW);
	if (rc < 0)
		log_warn("No user namespace: %s, going on without", strerror(-rc));
}

/* pasta: a tap device in the guest's namespace */
static void open_tap(struct start *s)
{
	int rc, fd = pasta_start(&s->pasta, s->cf, set_up_netns, s);

	report_netns(s);
	memset(s->w->guest.ready, true, sizeof(s->w->guest.ready));
	if (s->cf->splice_only)
		return;
	rc = link_tun_init(fd, &s->w->link);
	if (!rc)
		rc = link_tun_mac(fd, s->w->guest.mac);
	if (rc < 0)
		die_errno(rc, "Can't use the tap device");
}

static void watch(struct worker *w, int fd, enum ev_kind kind)
{
	int rc = fd < 0 ? 0 : loop_add(&w->loop, fd, EPOLLIN,
				       (union tag){ .kind = kind });

	if (rc < 0)
		die_errno(rc, "Can't watch a descriptor");
}

/* #syscalls read */
static void on_signal(struct worker *w, union tag tag, uint32_t events)
{
	struct start *s = start_of(w);
	struct signalfd_siginfo si;

	(void)tag;
	(void)events;
	if (read(s->signals, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo != SIGCHLD)
		w->stop = true;
	else if (pasta_child_status(&s->pasta, &w->status))
		w->stop = true;
}

static void on_netns(struct worker *w, union tag tag, uint32_t events)
{
	(void)tag;
	(void)events;
	if (pasta_watch_event(&start_of(w)->pasta)) {
		log_info("Network namespace is gone, leaving");
		w->stop = true;
	}
}

/* The link has a peer from now on, perhaps the one that we had before */
static void guest_joined(struct start *s)
{
	struct worker *w = s->w;
	int rc;

	w->link_stuck = false;
	listen_new_guest(w);
	rc = tap_watch(w);
	if (rc < 0)
		die_errno(rc, "Can't watch the guest link");
	tap_probe(w);
}

/* Without a peer the link is stuck: flows wait for the guest to come back */
static void guest_left(struct start *s)
{
	struct worker *w = s->w;

	if (s->cf->mode == MODE_PASTA) {
		w->stop |= !s->cf->no_netns_quit && !s->pasta.child;
		return;
	}
	link_stream_detach(w->link);
	memset(w->guest.ready, false, sizeof(w->guest.ready));
	w->link_gone = false;
	w->link_stuck = true;
	w->stop |= s->cf->one_off;
}

/* Is a guest there? Its end may be known to the kernel only: let it show first.
 *
 * #syscalls:passt poll ppoll ppoll_time64
 */
static bool guest_connected(struct start *s)
{
	struct worker *w = s->w;
	struct pollfd p = { .fd = w->link->fd };

	if (p.fd < 0)
		return false;
	if (!w->link_gone && (poll(&p, 1, 0) <= 0 || !(p.revents & POLLHUP)))
		return true;
	while (!w->link_gone)
		tap_event(w, (union tag){ .kind = EV_LINK }, EPOLLIN);
	guest_left(s);
	return false;
}

static void on_client(struct worker *w, union tag tag, uint32_t events)
{
	struct start *s = start_of(w);
	int fd = client_accept(s->clients, guest_connected(s));

	(void)events;
	if (sock_no_means(fd)) {
		loop_mod(&w->loop, s->clients, 0, tag);
		timer_set(&w->wheel, &s->client_again, w->now + CLIENT_AGAIN);
	} else if (fd >= 0 && !link_stream_attach(w->link, fd)) {
		guest_joined(s);
	}
}

/* Ports on the host, while we may have privileges that they need, and then the guest's
 * namespace or socket. A command does not get the limit that they may need.
 */
static void open_guest(struct start *s)
{
	struct rlimit lim;

	getrlimit(RLIMIT_NOFILE, &lim);
	isolate_limits();
	s->w->cf = s->cf;
	s->w->listen = listen_init(s->cf);
	if (!listen_open(s->w, LISTEN_IN))
		die_said();
	if (s->cf->mode == MODE_PASTA)
		open_tap(s);
	else
		open_stream(s);
	if (s->pasta.child)
		prlimit(s->pasta.child, RLIMIT_NOFILE, &lim, NULL);
}

static void start_ports(struct worker *w)
{
	if (!listen_open(w, LISTEN_OUT) || !listen_start(w))
		die_said();
}

static int in_ns(struct worker *w, int (*fn)(void *ctx), void *ctx)
{
	return pasta_in_ns(&start_of(w)->pasta, fn, ctx);
}

/* Signals that end start-up, and leave nothing behind: with SA_RESETHAND, the second time
 * by default
 */
static const int may_end[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static void on_ending(int sig)
{
	die_undo();
	raise(sig);
}

static void on_stop(int sig)
{
	(void)sig;
	die_undo();
	_exit(0);
}

/* What was ignored before us stays so, but for SIGCHLD: a command's status would be lost.
 * Errors of write() are enough to know that nobody reads, or that a file may not grow.
 */
static void early_signals(sigset_t *ending)
{
	struct sigaction sa = { .sa_handler = on_ending }, old;
	size_t i;

	sa.sa_flags = SA_RESETHAND | SA_NODEFER;
	sigemptyset(ending);
	for (i = 0; i < NELEM(may_end); i++) {
		if (sigaction(may_end[i], NULL, &old) || old.sa_handler == SIG_IGN)
			continue;
		sigaction(may_end[i], &sa, NULL);
		sigaddset(ending, may_end[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* As later in the loop. In the background, status 0 would say that it is ready. */
static void foreground_signals(const struct conf *cf, sigset_t *ending)
{
	struct sigaction sa = { .sa_handler = on_stop };

	if (!cf->foreground)
		return;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGQUIT, &sa, NULL);
	sigaddset(ending, SIGTERM);
	sigaddset(ending, SIGQUIT);
}

/* Start-up is over: those that the loop does not read do what they do by default */
static void late_signals(const sigset_t *ending)
{
	size_t i;

	for (i = 0; i < NELEM(may_end); i++)
		if (sigismember(ending, may_end[i]))
			signal(may_end[i], SIG_DFL);
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		die_errno(errno, "Can't open a signal descriptor");
	return fd;
}

static void init_worker(struct start *s)
{
	static struct scratch scratch;
	struct worker *w = s->w;
	int rc;

	w->owner = s;
	w->scratch = &scratch;
	w->flows = flowtab_init();
	w->flow_ops = flow_ops;
	w->chunks = chunks_init();
	w->spares = tcp_spare_init();
	w->frags = frags_init();
	w->dgram = dgram_init();
	w->splice = splice_init();
	if (s->pasta.netns >= 0)
		w->in_ns = in_ns;
	w->peek_off = sock_probe_peek_off();
	w->now = now_ms();
	wheel_init(&w->wheel, w->now);
	random_fill(&w->secret, sizeof(w->secret));
	rc = loop_init(&w->loop);
	if (rc < 0)
		die_errno(rc, "Can't create an epoll descriptor");
	w->loop.busy = s->cf->busy_poll * 1000;
	w->loop.handlers[EV_LINK] = tap_event;
	w->loop.handlers[EV_SIGNAL] = on_signal;
	w->loop.handlers[EV_NETNS] = on_netns;
	w->loop.handlers[EV_CLIENT] = on_client;
	w->loop.handlers[EV_LISTEN] = listen_event;
	w->loop.handlers[EV_TCP] = tcp_sock_event;
	w->loop.handlers[EV_UDP] = udp_sock_event;
	w->loop.handlers[EV_ICMP] = icmp_sock_event;
	w->loop.handlers[EV_TCP_SPLICE] = tcp_splice_event;
	w->loop.handlers[EV_TCP_SPLICE_FAR] = tcp_splice_event;
	w->loop.handlers[EV_UDP_SPLICE] = udp_splice_event;
	w->loop.handlers[EV_UDP_SPLICE_FAR] = udp_splice_event;
}

/* RFC 4861, 6.2.4: at random intervals of 200 to 600 s */
static void next_ra(struct start *s)
{
	uint32_t r;

	random_fill(&r, sizeof(r));
	timer_set(&s->w->wheel, &s->ra, s->w->now + 200000 + r % 400000);
}

static void next_stats(struct start *s)
{
	timer_set(&s->w->wheel, &s->stats, s->w->now + s->cf->stats_interval * 1000ULL);
}

static void on_timer(void *ctx, struct timer *t)
{
	struct worker *w = ctx;
	struct start *s = start_of(w);
	struct flow *f;

	if (t == &s->ra) {
		tap_announce(w);
		next_ra(s);
		return;
	}
	if (t == &s->stats) {
		stats_print(w, &s->table);
		next_stats(s);
		return;
	}
	if (t == &s->client_again) {
		loop_mod(&w->loop, s->clients, EPOLLIN, (union tag){ .kind = EV_CLIENT });
		return;
	}
	if (t == tcp_spare_timer(w)) {
		tcp_spare_expire(w);
		return;
	}
	if (t == listen_timer(w)) {
		listen_turn(w);
		if (listen_waits(w) && w->link->fd >= 0)
			tap_probe(w);
		return;
	}
	f = (struct flow *)((char *)t - offsetof(struct flow, timer));
	flow_ops[f->type].timer(w, f);
}

static void work_all(struct worker *w)
{
	struct flow *f;

	flow_dirty_begin(w);
	while ((f = flow_next_dirty(w)))
		flow_ops[f->type].work(w, f);
	tap_flush(w);
}

/* One turn: events, timers, then the work of each flow that became dirty. While the
 * guest does not read, flows that send to it stay dirty until the link drains. Most
 * turns of an idle program are a look at what listens, and that is all: each
 * other room would cost it some cold pages.
 */
static void turn(struct worker *w)
{
	bool work = flow_dirty_begin(w);
	uint64_t sent = w->stats.tx_frames;
	int n;

	n = loop_turn(&w->loop, w, &w->now,
		      work ? 0 : wheel_timeout(&w->wheel, w->now));
	if (n < 0)
		die_errno(n, "Can't wait for events");
	work |= n || w->link_look;
	if (work) {
		tap_look(w);
		listen_guest(w);
	}
	wheel_run(&w->wheel, w->now, on_timer, w);
	work |= w->link_stuck || w->stats.tx_frames != sent;
	if (!work && !flow_dirty_begin(w))
		return;
	work_all(w);
	if (tap_answers(w))
		work_all(w);
	splice_refill(w);
}

static void run(struct start *s)
{
	struct worker *w = s->w;

	if (!s->cf->no_ra && !s->cf->no_ndp && s->cf->net[V6].enabled && w->link)
		next_ra(s);
	if (s->cf->stats_interval)
		next_stats(s);
	while (!w->stop) {
		turn(w);
		if (w->link_gone)
			guest_left(s);
	}
}

/* Ports are free at once for who comes next: the tap device takes its time to go
 *
 * #syscalls close_range
 */
static void close_ports(const struct worker *w)
{
	unsigned keep = w->link && w->link->fd > 2 ? w->link->fd : 2;

	if (keep > 3)
		syscall(SYS_close_range, 3, keep - 1, 0);
	syscall(SYS_close_range, keep + 1, ~0U, 0);
}

/* Of tables that have room for everything, what is used is resident, and not 2 MiB
 * around each byte of it, as where huge pages come unasked: end(3), madvise(2)
 */
static void small_pages(void)
{
	extern char edata[], end[];
	uintptr_t page = sysconf(_SC_PAGESIZE), from = (uintptr_t)edata / page * page;

	madvise((void *)from, (uintptr_t)end - from, MADV_NOHUGEPAGE);
}

int main(int argc, char **argv)
{
	static struct conf cf;
	static struct net_host host;
	static struct worker w;
	static struct start s = { .cf = &cf, .host = &host, .w = &w, .clients = -1 };
	sigset_t ending;

	small_pages();
	early_signals(&ending);
	conf_parse(&cf, argc, argv);
	foreground_signals(&cf, &ending);
	isolate_initial(&cf);
	conf_open(&cf);
	discover(&s);
	pasta_open(&s.pasta, &cf);
	s.signals = open_signals();
	open_guest(&s);
	if (cf.command)
		signal(SIGINT, SIG_IGN);	/* of a terminal: the command decides */
	if (w.link && cf.pcap_fd >= 0)
		link_pcap_wrap(w.link, cf.pcap_fd);
	init_worker(&s);
	if (cf.mode == MODE_PASTA)
		watch(&w, pasta_watch_open(&s.pasta, &cf), EV_NETNS);
	watch(&w, s.clients, EV_CLIENT);
	if (w.link && w.link->fd >= 0)
		guest_joined(&s);
	start_ports(&w);
	isolate_prefork(&cf, &s.sandbox, pasta_caps(&s.pasta));
	isolate_detach(&cf, &s.sandbox, &ending);
	die_keep();
	late_signals(&ending);
	watch(&w, s.signals, EV_SIGNAL);	/* of this process, the last one */
	isolate_postfork(&cf, &s.sandbox);
	pasta_go(&s.pasta);
	if (cf.command && !cf.debug)
		log_set_stderr(false);
	run(&s);
	close_ports(&w);
	return w.status;
}
