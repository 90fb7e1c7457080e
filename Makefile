# igdlab - the two commands are "make demo" and "make test"; "make help" lists the rest.
#
# Plain GNU make, everything below build/. V=1 shows the commands. CC=clang works. SAN=1 builds with
# ASan and UBSan into build/san/.

PREFIX  ?= /usr/local
DESTDIR ?=
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PYTHON  := /usr/bin/python3
OUT     := build$(if $(SAN),/san)
Q       := $(if $(V),,@)

# Tests start nft and ip, whose folders an ordinary user has not in PATH.
export PATH := $(PATH):/usr/sbin:/sbin

VERSION  := 0.1.0
PACKAGES := libnl-3.0 libnl-route-3.0 libpcap libnftables libnftnl libmnl expat yaml-0.1 jansson
pkg       = $(shell pkg-config --cflags --libs $(1) 2>/dev/null)

CPPFLAGS += -D_GNU_SOURCE -DIGDLAB_VERSION='"$(VERSION)"' -DIGDLAB_PREFIX='"$(PREFIX)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
LDFLAGS  += $(if $(SAN),-fsanitize=address$(comma)undefined)
comma    := ,

LIBS_FAKEIGD := -lexpat -lyaml -ljansson -lnftnl -lmnl
LIBS_IGDLAB  := -lexpat -lyaml -ljansson -lnftables -lnftnl -lmnl -lnl-route-3 -lnl-3 -lpcap -lm

src_base    := $(wildcard fakeigd/base/*.c)
src_wire    := $(wildcard fakeigd/wire/*.c)
src_fakeigd := $(wildcard fakeigd/*.c)
src_sim     := $(wildcard sim/*.c)
src_test    := $(wildcard cases/unit/test_*.c)
src_fuzz    := $(wildcard cases/unit/fuzz_*.c)
obj          = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

# What unit tests and fuzzers may link: everything but the two main files.
obj_lib     := $(call obj,$(src_base) $(src_wire))
obj_fakeigd := $(call obj,$(filter-out fakeigd/main.c,$(src_fakeigd)) sim/netlink.c sim/nft.c)
obj_sim     := $(call obj,$(filter-out sim/main.c,$(src_sim)))

.PHONY: all
all: $(OUT)/fakeigd $(OUT)/igdlab

$(OUT)/fakeigd: $(obj_lib) $(obj_fakeigd) $(OUT)/obj/fakeigd/main.o
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_FAKEIGD)

$(OUT)/igdlab: $(obj_lib) $(obj_sim) $(OUT)/obj/sim/main.o
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_IGDLAB)

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

# Unit tests: cases/unit/test_NAME.c; a comment line "links: fakeigd" or "links: sim" in it adds those objects.
test_bins := $(patsubst cases/unit/%.c,$(OUT)/unit/%,$(src_test))
links      = $(if $(shell grep -l '^ \* links: .*$(2)' $(1)),$(obj_$(2)))
libs       = $(if $(call links,$(1),fakeigd),$(LIBS_FAKEIGD)) $(if $(call links,$(1),sim),$(LIBS_IGDLAB)) -lexpat -lyaml -ljansson -lm

.PRECIOUS: $(OUT)/obj/%.o
.SECONDEXPANSION:
$(OUT)/unit/test_%: $(OUT)/obj/cases/unit/test_%.o $(obj_lib) $$(call links,cases/unit/test_%.c,fakeigd) $$(call links,cases/unit/test_%.c,sim)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(call libs,cases/unit/test_$*.c)

.PHONY: unit
unit: $(test_bins)
	$(Q)scripts/run-units $(test_bins)

# ---- the two commands ------------------------------------------------------------------------------
JOBS   := -j$(shell nproc)
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider -c cases/pytest.ini --rootdir .

.PHONY: demo
demo:
	@scripts/install-deps build
	@$(MAKE) --no-print-directory $(JOBS) all
	@scripts/demo

CASES     := cases
SANITIZED := -m sanitize cases
.PHONY: test
test:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory $(JOBS) all
	@$(MAKE) --no-print-directory $(JOBS) CC=clang OUT=build/clang build/clang/fakeigd build/clang/igdlab
	@$(MAKE) --no-print-directory $(JOBS) SAN=1 build/san/fakeigd build/san/igdlab units
	@$(MAKE) --no-print-directory SAN=1 unit
	@scripts/fuzz --smoke
	@scripts/check-tree
	@$(PYTEST) -n 7 $(CASES)
	@IGDLAB_LONG= IGDLAB_BUILD=build/san $(PYTEST) -n 4 $(SANITIZED)
	@scripts/demo

.PHONY: units
units: $(test_bins)

# Slower lanes: what make test does with the long cases among them and all cases under the sanitizers, then the whole closed
# loop, by itself as its parts run side by side; fuzzing for a minute each; figures beside the neighbours'.
.PHONY: test-long
test-long: export IGDLAB_LONG := 1
test-long: CASES := --ignore=cases/loop/test_daemon_loop.py cases
test-long: SANITIZED := cases
test-long: test
	@$(PYTEST) cases/loop/test_daemon_loop.py

.PHONY: fuzz
fuzz:
	@scripts/install-deps test
	@scripts/fuzz $(or $(SECONDS),60)

.PHONY: bench
bench:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory $(JOBS) all
	@scripts/bench

# Real clients (cases/clients): what Debian has, and the programs around its libraries for Go and Java; "make clients-npm" adds
# those of the npm registry.
go_drivers := $(wildcard cases/clients/drivers/*/main.go)
.PHONY: clients clients-npm
clients:
	@scripts/install-deps clients
	@$(MAKE) --no-print-directory $(patsubst cases/clients/drivers/%/main.go,build/clients/igdlab-%,$(go_drivers)) build/clients/Weupnp.class

clients-npm: clients
	@scripts/install-deps npm

build/clients/igdlab-%: cases/clients/drivers/%/main.go
	@mkdir -p $(@D)
	@echo "  GO      $@"
	$(Q)GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(CURDIR)/build/gocache go build -trimpath -o $@ $<

build/clients/%.class: cases/clients/drivers/%.java
	@mkdir -p $(@D)
	@echo "  JAVAC   $@"
	$(Q)javac -cp /usr/share/java/weupnp.jar -d $(@D) $<

# ---- installation --------------------------------------------------------------------------------------
share := $(DESTDIR)$(PREFIX)/share
.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(share)/man/man1 $(share)/man/man8
	install -m 755 build/igdlab $(DESTDIR)$(PREFIX)/bin/igdlab
	install -m 755 build/fakeigd $(DESTDIR)$(PREFIX)/sbin/fakeigd
	install -m 644 sim/igdlab.1 $(share)/man/man1/igdlab.1
	install -m 644 fakeigd/fakeigd.8 $(share)/man/man8/fakeigd.8
	install -d $(share)/bash-completion/completions
	install -m 644 scripts/igdlab.bash-completion $(share)/bash-completion/completions/igdlab
	install -d $(share)/igdlab/topologies $(share)/igdlab/fakeigd $(share)/igdlab/captures
	install -m 644 topologies/*.yaml $(share)/igdlab/topologies
	cp -r fakeigd/profiles fakeigd/quirks $(share)/igdlab/fakeigd/
	install -m 644 captures/* $(share)/igdlab/captures
	for folder in . harness harness/report catalogue daemon daemons client clients clients/drivers; do install -d $(share)/igdlab/cases/$$folder; \
		find cases/$$folder -maxdepth 1 -type f \( -name '*.py' -o -name '*.yaml' -o -name pytest.ini -o -name 'report.*' -o -name '*.pl' -o -name '*.mjs' \) \
			-exec install -m 644 {} $(share)/igdlab/cases/$$folder \;; done
	install -d $(share)/igdlab/schemas
	install -m 644 sim/*.schema.json fakeigd/*.schema.json cases/clients/*.schema.json $(share)/igdlab/schemas

.PHONY: uninstall
uninstall:
	rm -rf $(share)/igdlab $(DESTDIR)$(PREFIX)/bin/igdlab $(DESTDIR)$(PREFIX)/sbin/fakeigd \
		$(share)/man/man1/igdlab.1 $(share)/man/man8/fakeigd.8 \
		$(share)/bash-completion/completions/igdlab

.PHONY: help
help:
	@echo "make demo       install what is missing, build, run three scenes on real input"
	@echo "make test       the same, then every test (under 10 minutes on 2 cores)"
	@echo "make test-long  the same with the long tests and every case under the sanitizers, then the whole closed loop"
	@echo "make clients    the real clients of Debian for igdlab test client; make clients-npm: and those of npm"
	@echo "make fuzz       every fuzzer for 60 s (SECONDS=N)"
	@echo "make bench      our figures beside the neighbours', same run"
	@echo "make            build/igdlab and build/fakeigd;  SAN=1: with ASan and UBSan in build/san"
	@echo "make unit       the C unit tests;  make format, make clean, make install PREFIX= DESTDIR="

.PHONY: format
format:
	$(Q)clang-format -i $(src_base) $(src_wire) $(src_fakeigd) $(src_sim) $(src_test) $(src_fuzz) $(wildcard fakeigd/*.h fakeigd/*/*.h sim/*.h)

.PHONY: clean
clean:
	rm -rf build
