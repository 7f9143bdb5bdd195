# SPDX-License-Identifier: GPL-2.0-or-later
# Makefile - passt and pasta: one static binary under two names
#
#	make			build
#	make run [CMD="..."]	build, then a shell (or CMD) in a connected namespace
#	make check		get what the tests need, run them all
#	make install [DESTDIR=] [prefix=/usr/local]
#	make clean
#
# Variables: CC (gcc, clang, musl-gcc), CFLAGS, LDFLAGS, O (directory for what is
# built, default: here), V=1 (show commands), VERSION.

O	?= .
CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS	?= -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
prefix	?= /usr/local
bindir	?= $(prefix)/bin
mandir	?= $(prefix)/share/man
B	:= $(O)/build

# The sources, layer by layer; what is planned there and not written yet is left out
SRCS	:= $(wildcard $(shell awk '!/^\#/ { for (i = 2; i <= NF; i++) \
	if ($$i ~ /\.c$$/) print $$i }' LAYERS))
OBJS	:= $(SRCS:%.c=$(B)/%.o)
MAN	:= $(wildcard *.1)

VERSION	?= $(shell test -e .git && \
	git log -1 --abbrev=7 --date=format:%Y_%m_%d --format=%cd.%h 2>/dev/null || \
	cat VERSION)

WARN	:= -Wall -Wextra -Wshadow -Wcast-qual -Wpointer-arith -Wmissing-prototypes \
	   -Wswitch-enum -Wvla -Werror
# A C library of its own, such as musl, does not come with the kernel's headers
KERNEL	:= $(shell echo '\#include <linux/if_tun.h>' | $(CC) -xc -E - >/dev/null 2>&1 || \
	echo -idirafter /usr/include -idirafter /usr/include/$$($(CC) -print-multiarch))
OPTS	:= -std=gnu11 -fPIE -fno-strict-aliasing -fstack-protector-strong \
	   $(WARN) $(KERNEL) -I$(B)
# musl-gcc, a wrapper of gcc, makes no static position-independent programs
LINK	:= $(if $(findstring musl-gcc,$(CC)),-static,-static-pie) -Wl,-z,relro,-z,now,-z,noexecstack

Q	:= $(if $(V),,@)
say	 = $(if $(V),,@echo "  $(1)	$(2:./%=%)")

all: $(O)/passt $(O)/pasta

$(O)/passt: $(OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(OBJS)

$(O)/pasta: $(O)/passt
	$(Q)ln -f $< $@

objects: $(OBJS)

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

run: all
	@$(O)/pasta --config-net $(if $(CMD),-- sh -c '$(subst ','\'',$(CMD))')

check: all
	@test/setup
	@test/run

install: all
	install -d $(DESTDIR)$(bindir)
	install -m 755 $(O)/passt $(DESTDIR)$(bindir)/passt
	ln -f $(DESTDIR)$(bindir)/passt $(DESTDIR)$(bindir)/pasta
	$(if $(MAN),install -d $(DESTDIR)$(mandir)/man1)
	$(if $(MAN),install -m 644 $(MAN) $(DESTDIR)$(mandir)/man1)
	$(if $(MAN),ln -sf passt.1 $(DESTDIR)$(mandir)/man1/pasta.1)

clean:
	rm -rf $(B)
	rm -f $(O)/passt $(O)/pasta

force:

.PHONY: all objects run check install clean force

-include $(OBJS:.o=.d)
