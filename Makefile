# SPDX-License-Identifier: GPL-2.0-or-later
# Makefile - passt and pasta: one static binary under two names
#
#	make			build
#	make run [CMD="..."]	build, then a shell (or CMD) in a connected namespace
#	make check		get what the tests need, run them all
#	make bench [QUICK=1] [PEERS="PROGRAM..."] [CASES="PATTERN..."]
#				figures beside the kernel alone and other programs
#	make perf CASE=NAME	profile of one of these
#	make install [DESTDIR=] [prefix=/usr/local]
#	make clean
#
# Variables: CC (gcc, clang, musl-gcc), CFLAGS, LDFLAGS, O (directory for what is
# built, default: here), V=1 (show commands), VERSION, HELP (a pasta that runs here, to
# make completions of; default: the one built).

O	?= .
CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS	?= -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
prefix	?= /usr/local
bindir	?= $(prefix)/bin
datadir	?= $(prefix)/share
mandir	?= $(datadir)/man
B	:= $(O)/build

# The sources, layer by layer; what is planned there and not written yet is left out
SRCS	:= $(wildcard $(shell awk '$$1 ~ /^[0-9]+$$/ { for (i = 2; i <= NF; i++) \
	if ($$i ~ /\.c$$/) print $$i }' LAYERS))
OBJS	:= $(SRCS:%.c=$(B)/%.o)
TOOLS	:= qrap
MAN	:= $(wildcard *.1)
COMP_BASH := $(datadir)/bash-completion/completions
COMP_ZSH := $(datadir)/zsh/site-functions
COMP_FISH := $(datadir)/fish/vendor_completions.d

VERSION	?= $(shell test -e .git && \
	git log -1 --abbrev=7 --date=format:%Y_%m_%d --format=%cd.%h 2>/dev/null || \
	cat VERSION)

WARN	:= -Wall -Wextra -Wshadow -Wcast-qual -Wpointer-arith -Wmissing-prototypes \
	   -Wswitch-enum -Wvla -Werror
# A C library of its own, such as musl, does not come with the kernel's headers
H	:= \#
KERNEL	:= $(shell echo '$(H)include <linux/if_tun.h>' | $(CC) -xc -E - >/dev/null 2>&1 || \
	echo -idirafter /usr/include -idirafter /usr/include/$$($(CC) -print-multiarch))
OPTS	:= -std=gnu11 -fPIE -fno-strict-aliasing -fstack-protector-strong \
	   $(WARN) $(KERNEL) -I$(B)
# musl-gcc, a wrapper of gcc, makes no static position-independent programs
LINK	:= $(if $(findstring musl-gcc,$(CC)),-static,-static-pie) -Wl,-z,relro,-z,now,-z,noexecstack

Q	:= $(if $(V),,@)
say	 = $(if $(V),,@echo "  $(1)	$(2:./%=%)")

all: $(O)/passt $(O)/pasta $(TOOLS:%=$(O)/%)

$(O)/passt: $(OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(OBJS)

$(O)/pasta: $(O)/passt
	$(Q)ln -f $< $@

$(O)/qrap: $(B)/qrap.o $(B)/util.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^

objects: $(OBJS) $(TOOLS:%=$(B)/%.o)

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$@)
	$(Q)$(CC) $(OPTS) $(CFLAGS) $(DEFS) -MMD -MP -c -o $@ $<

# Compiled anew if the compiler or its options are not those of the last time
$(B)/flags: force
	$(Q)mkdir -p $(B)
	$(Q)echo '$(CC) $(OPTS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(OPTS) $(CFLAGS)' >$@

# Only what prints the version depends on it
SAYS	:= $(patsubst %.c,$(B)/%.o,$(shell grep -lw VERSION $(SRCS)))
$(B)/version: force
	$(Q)mkdir -p $(B)
	$(Q)echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(SAYS): DEFS = -DVERSION='"$(VERSION)"'
$(SAYS): $(B)/version

# The system calls that may be made, from the comments beside them
$(B)/seccomp.h: seccomp.sh $(SRCS) $(B)/flags
	$(call say,GEN,$@)
	$(Q)sh seccomp.sh $@ "$(CC)" $(SRCS)
$(B)/isolation.o: $(B)/seccomp.h

# Shell completions, from --help and so from the option table
HELP	?= $(O)/pasta
$(B)/completion.%: completion.sh $(O)/pasta
	$(call say,GEN,$@)
	$(Q)$(HELP) --help | sh completion.sh $* >$@.new
	$(Q)mv $@.new $@

run: all
	@$(O)/pasta --config-net $(if $(CMD),-- sh -c '$(subst ','\'',$(CMD))')

check:
	@test/setup
	@sh test/vm/kernel build/vm
	@test/run

# Options of test/bench/run.py may be given in BENCH, such as --rounds, --seconds, --cc
bench perf: all $(B)/rig $(B)/shuttle
	@test/setup
	@$(firstword $(wildcard /usr/bin/python3) python3) -B test/bench/run.py \
		--tools $(O) --tools $(B) --out $(B)/bench $(BENCH) \
		$(if $(filter perf,$@),--profile '$(CASE)',$(if $(QUICK),--quick) \
		$(PEERS:%=--peer %) $(foreach c,$(CASES),--case '$c'))

$(B)/rig $(B)/shuttle: $(B)/%: test/bench/%.c $(B)/flags
	$(call say,CC,$@)
	$(Q)$(CC) -std=gnu11 $(WARN) $(KERNEL) $(CFLAGS) $(LDFLAGS) -o $@ $<

install: all $(B)/completion.bash $(B)/completion.zsh $(B)/completion.fish
	install -d $(DESTDIR)$(bindir)
	install -m 755 $(O)/passt $(DESTDIR)$(bindir)/passt
	ln -f $(DESTDIR)$(bindir)/passt $(DESTDIR)$(bindir)/pasta
	install -m 755 $(TOOLS:%=$(O)/%) $(DESTDIR)$(bindir)
	$(if $(MAN),install -d $(DESTDIR)$(mandir)/man1)
	$(if $(MAN),install -m 644 $(MAN) $(DESTDIR)$(mandir)/man1)
	$(if $(MAN),ln -sf passt.1 $(DESTDIR)$(mandir)/man1/pasta.1)
	install -D -m 644 $(B)/completion.bash $(DESTDIR)$(COMP_BASH)/passt
	ln -sf passt $(DESTDIR)$(COMP_BASH)/pasta
	install -D -m 644 $(B)/completion.zsh $(DESTDIR)$(COMP_ZSH)/_passt
	install -D -m 644 $(B)/completion.fish $(DESTDIR)$(COMP_FISH)/passt.fish
	ln -sf passt.fish $(DESTDIR)$(COMP_FISH)/pasta.fish

clean:
	rm -rf $(B)
	rm -f $(O)/passt $(O)/pasta $(TOOLS:%=$(O)/%)

force:

.PHONY: all objects run check bench perf install clean force

-include $(OBJS:.o=.d) $(TOOLS:%=$(B)/%.d)
