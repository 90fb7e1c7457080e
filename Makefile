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

VERSION  := 0.1.0
PACKAGES := libnl-3.0 libnl-route-3.0 libpcap libnftables libnftnl libmnl expat yaml-0.1 jansson
pkg       = $(shell pkg-config --cflags --libs $(1) 2>/dev/null)

CPPFLAGS += -D_GNU_SOURCE -DIGDLAB_VERSION='"$(VERSION)"' -DIGDLAB_PREFIX='"$(PREFIX)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
LDFLAGS  += $(if $(SAN),-fsanitize=address$(comma)undefined)
comma    := ,

LIBS_FAKEIGD := -lexpat -lyaml -ljansson -lnftnl -lmnl -lm
LIBS_IGDLAB  := -lexpat -lyaml -ljansson -lnftables -lmnl -lnl-route-3 -lnl-3 -lpcap -lm

src_base    := $(wildcard fakeigd/base/*.c)
src_wire    := $(wildcard fakeigd/wire/*.c)
src_fakeigd := $(wildcard fakeigd/*.c)
src_sim     := $(wildcard sim/*.c)
src_test    := $(wildcard cases/unit/test_*.c)
src_fuzz    := $(wildcard cases/unit/fuzz_*.c)
obj          = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

# What unit tests and fuzzers may link: everything but the two main files.
obj_lib     := $(call obj,$(src_base) $(src_wire))
obj_fakeigd := $(call obj,$(filter-out fakeigd/main.c,$(src_fakeigd)))
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

.SECONDEXPANSION:
$(OUT)/unit/test_%: $(OUT)/obj/cases/unit/test_%.o $(obj_lib) $$(call links,cases/unit/test_%.c,fakeigd) $$(call links,cases/unit/test_%.c,sim)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(call libs,cases/unit/test_$*.c)

.PHONY: unit
unit: $(test_bins)
	$(Q)fail=0; for t in $(test_bins); do echo "  TEST    $$t"; $$t || fail=1; done; exit $$fail

.PHONY: format
format:
	$(Q)clang-format -i $(src_base) $(src_wire) $(src_fakeigd) $(src_sim) $(src_test) $(src_fuzz) $(wildcard fakeigd/*.h fakeigd/*/*.h sim/*.h)

.PHONY: clean
clean:
	rm -rf build
