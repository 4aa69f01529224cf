# SocketStream: an nginx module and a sidecar.
#
#   make            builds both into build/
#   make demo       installs what is missing, builds, serves examples/chat on PORT; with NODES=2 by
#                   so many nodes behind a balancer
#   make test       installs what the tests need, runs them all (ONLY=pattern: some of them)
#   make test-long  the same at full size
#   make check      formatting, static analysis, types
#   make bench      our figures beside those of ws and uWebSockets, in one run
#   make install    below prefix (/usr/local), or in a folder that DESTDIR names; make uninstall
#   make deb        Debian packages, into build/deb/
#
# BUILD=release|debug|sanitize; what was built for another BUILD is built anew.

BUILD   ?= release
PORT    ?= 3000
NODES   ?= 1
DESTDIR ?=
prefix  ?= /usr/local

B       := build
OBJ     := $(B)/obj-$(BUILD)
CC      ?= cc
PKGS    := libuv hiredis jansson libpcre2-8 libcrypto

CFLAGS_release  := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
CFLAGS_debug    := -O0 -g3
CFLAGS_sanitize := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                   -fno-sanitize-recover=undefined
ifeq ($(filter $(BUILD),release debug sanitize),)
$(error BUILD is "$(BUILD)", but must be release, debug or sanitize)
endif

VERSION := $(shell sed -n 's/.*SS_VERSION "\(.*\)".*/\1/p' sidecar/include/socketstream.h 2>/dev/null)

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wwrite-strings -Wvla -Werror
CFLAGS  ?=
SS_CFLAGS = -std=c11 -D_GNU_SOURCE -fPIC $(WARN) $(CFLAGS_$(BUILD)) -Ishared -Isidecar \
           -Isidecar/include $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
SS_LIBS = $(shell pkg-config --libs $(PKGS)) -ldl -lpthread -lm

SHARED_OBJ  := $(patsubst %.c,$(OBJ)/%.o,$(wildcard shared/*.c))
SIDECAR_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(wildcard sidecar/*.c))
UNIT_BIN    := $(patsubst t/unit/%.c,$(OBJ)/unit/%,$(wildcard t/unit/test_*.c))

.PHONY: all module sidecar unit client docs demo test test-long check bench bench-bin install \
    uninstall deb clean deps
.DELETE_ON_ERROR:

all: module sidecar client docs

deps:
	@scripts/deps build

module: $(B)/ngx_http_socketstream_module.so

sidecar: $(B)/bin/socketstream

# The last BUILD, so that a change of it relinks what has one name for all.
$(B)/.mode-$(BUILD):
	@mkdir -p $(B)/bin && rm -f $(B)/.mode-* && touch $@

$(B)/bin/socketstream: $(SIDECAR_OBJ) $(SHARED_OBJ) $(B)/.mode-$(BUILD)
	$(CC) $(SS_CFLAGS) -rdynamic -o $@ $(SIDECAR_OBJ) $(SHARED_OBJ) $(LDFLAGS) $(SS_LIBS)

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(SS_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/ngx_http_socketstream_module.so: config $(wildcard ngx_module/*.[ch] shared/*.[ch]) \
        scripts/build-module $(B)/.mode-$(BUILD)
	BUILD=$(BUILD) scripts/build-module $@

# What the program tells about itself.  docs/COMMANDS.md is its `help --markdown`; a test compares.
docs: $(B)/man/socketstream.1 $(B)/completion/socketstream.bash $(B)/completion/_socketstream

$(B)/man/socketstream.1: FORM = --man
$(B)/completion/socketstream.bash: FORM = --completion bash
$(B)/completion/_socketstream: FORM = --completion zsh
$(B)/man/socketstream.1 $(B)/completion/socketstream.bash $(B)/completion/_socketstream: $(B)/bin/socketstream
	@mkdir -p $(@D)
	$< help $(FORM) > $@

# Unit tests link everything of the sidecar but its main().
unit: $(UNIT_BIN)
$(OBJ)/unit/%: t/unit/%.c $(SHARED_OBJ) $(filter-out $(OBJ)/sidecar/main.o,$(SIDECAR_OBJ))
	@mkdir -p $(@D)
	$(CC) $(SS_CFLAGS) -MMD -MP -rdynamic -o $@ $< $(filter %.o,$^) $(LDFLAGS) -lcmocka $(SS_LIBS)

# The bench: a load generator, a floor to compare with, and the peers' own npm packages, which the
# root's package.json is spared.
BENCH_LOAD_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(filter-out bench/floor.c,$(wildcard bench/*.c)))
BENCH_BIN      := $(B)/bench/load $(B)/bench/floor
BENCH_PEERS    := bench/peers/node_modules/.package-lock.json

$(B)/bench/load: $(BENCH_LOAD_OBJ) $(SHARED_OBJ) $(B)/.mode-$(BUILD)
$(B)/bench/floor: $(OBJ)/bench/floor.o $(SHARED_OBJ) $(B)/.mode-$(BUILD)
$(BENCH_BIN):
	@mkdir -p $(@D)
	$(CC) $(SS_CFLAGS) -o $@ $(filter %.o,$^) $(LDFLAGS) -lssl -lcrypto

# Optional packages stay out: ws is measured as it comes.
$(BENCH_PEERS): bench/peers/package-lock.json
	cd bench/peers && npm ci --omit=optional --ignore-scripts --no-audit --no-fund
	@touch $@

bench-bin: $(BENCH_BIN)

# Only a release is measured.
bench: deps
	@$(MAKE) --no-print-directory BUILD=release module sidecar $(BENCH_BIN) $(BENCH_PEERS)
	node bench/run.mjs $(BENCH_ARGS)

# All cores build what is tested, unless make was told how many.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# Everything the tests need is installed first; BUILD=sanitize runs them under ASan and UBSan.
test test-long:
	@scripts/deps test
	@$(if $(filter test-long,$@),scripts/deps package)
	@$(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD) all unit bench-bin
	@BUILD=$(BUILD) t/run $(if $(filter test-long,$@),--long) $(if $(ONLY),--only '$(ONLY)')

# The browser library, which the packer puts into every page.
CLIENT_SRC := $(wildcard client/src/*.js client/types/*.ts) client/build.mjs client/package.json \
    docs/CLIENT.md package-lock.json

client: $(B)/client/socketstream.min.js
$(B)/client/socketstream.min.js: $(CLIENT_SRC)
	@scripts/deps npm
	node client/build.mjs $(B)/client

# In the foreground: exec, so that signals for make's child are signals for the command, which ends
# with make even when make is killed.
DEMO_APP ?= examples/chat
demo: deps
	@echo "building ..." && $(MAKE) -s --no-print-directory BUILD=$(BUILD) all
	@exec $(B)/bin/socketstream start --app $(DEMO_APP) --port $(PORT) --nodes $(NODES) --with-parent

# Formatting, static analysis, types.
C_SOURCES = $(wildcard $(addsuffix /*.[ch],sidecar sidecar/include shared t/unit t/fuzz bench \
    bench/* bench/app/app/server examples/*/app/server t/sidecar/chat_app/app/server))
check:
	@scripts/deps test
	@clang-format --dry-run -Werror $(C_SOURCES)
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	    --suppress=missingIncludeSystem -D_GNU_SOURCE -D__linux__ -Ishared -Isidecar \
	    -Isidecar/include -j2 sidecar shared
	node_modules/.bin/tsc -p .

# MODULEDIR is where nginx looks for modules; Debian's is the default.  UNITDIR and ZSHDIR are where
# systemd and zsh look for what others than the distribution have installed.
MODULEDIR ?= /usr/lib/nginx/modules
UNITDIR   ?= $(prefix)/lib/systemd/system
ZSHDIR    ?= $(prefix)/share/zsh/site-functions
SHAREDIR   = $(prefix)/share/socketstream
MANDIR     = $(prefix)/share/man/man1
BASHDIR    = $(prefix)/share/bash-completion/completions

UNITS := $(wildcard deploy/*.service deploy/*.target)

# Complete: an application can be made and started at once.  The npm packages come from
# node_modules here, which `make` has filled, so that nothing is fetched now.
install: all
	install -d $(addprefix $(DESTDIR),$(prefix)/bin $(prefix)/include/socketstream \
	    $(SHAREDIR)/client/src $(MODULEDIR) $(UNITDIR) $(MANDIR) $(BASHDIR) $(ZSHDIR))
	install -m 755 $(B)/bin/socketstream $(DESTDIR)$(prefix)/bin/
	install -m 644 sidecar/include/*.h $(DESTDIR)$(prefix)/include/socketstream/
	install -m 644 $(B)/client/* $(DESTDIR)$(SHAREDIR)/client/
	install -m 644 client/src/escape.js $(DESTDIR)$(SHAREDIR)/client/src/
	install -m 644 package.json package-lock.json $(DESTDIR)$(SHAREDIR)/
	cp -R host packer testing new_project conf_examples $(DESTDIR)$(SHAREDIR)/
	node scripts/install-modules.mjs $(DESTDIR)$(SHAREDIR)
	chmod -R u=rwX,go=rX $(DESTDIR)$(SHAREDIR)
	install -m 644 $(B)/ngx_http_socketstream_module.so $(DESTDIR)$(MODULEDIR)/
	for unit in $(UNITS); do \
	    sed 's|/usr/bin/socketstream|$(prefix)/bin/socketstream|' $$unit \
	        >$(DESTDIR)$(UNITDIR)/$${unit##*/} || exit 1; \
	done
	for page in $(B)/man/*.1; do \
	    [ ! -e $$page ] || install -m 644 $$page $(DESTDIR)$(MANDIR)/ || exit 1; \
	done
	[ ! -e $(B)/completion/socketstream.bash ] || \
	    install -m 644 $(B)/completion/socketstream.bash $(DESTDIR)$(BASHDIR)/socketstream
	[ ! -e $(B)/completion/_socketstream ] || \
	    install -m 644 $(B)/completion/_socketstream $(DESTDIR)$(ZSHDIR)/

uninstall:
	rm -rf $(addprefix $(DESTDIR),$(SHAREDIR) $(prefix)/include/socketstream)
	rm -f $(addprefix $(DESTDIR),$(prefix)/bin/socketstream \
	    $(MODULEDIR)/ngx_http_socketstream_module.so $(addprefix $(UNITDIR)/,$(notdir $(UNITS))) \
	    $(MANDIR)/socketstream.1 $(MANDIR)/socketstream-*.1 $(BASHDIR)/socketstream \
	    $(ZSHDIR)/_socketstream)

# Debian packages, into build/deb/.
deb:
	@scripts/deps package
	@scripts/package

# What the packer has written into the examples.
PACKED := examples/chat examples/dashboard examples/racer

clean:
	rm -rf $(B)
	rm -rf $(addsuffix /public/assets,$(PACKED)) $(addsuffix /public/index.html*,$(PACKED))

-include $(SHARED_OBJ:.o=.d) $(SIDECAR_OBJ:.o=.d) $(UNIT_BIN:=.d) $(BENCH_LOAD_OBJ:.o=.d) $(OBJ)/bench/floor.d
