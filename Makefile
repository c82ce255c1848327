# hikae: `make help` lists the targets. Everything that is built lies under build/.
#
# Objects are compiled once, as position-independent code, and serve the static library, the shared library and the
# program. A second set with other flags has a folder of its own: make BUILD=build/asan SANITIZE=address,undefined

MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

CC = gcc
AR = ar
BUILD = build
PREFIX = /usr/local
DESTDIR =
JOBS := $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS = 30
SANITIZE =
COVERAGE =

VERSION := $(shell sed -n 's/^\#define HIKAE_VERSION "\(.*\)"/\1/p' include/hikae.h)
SONAME := libhikae.so.0

# ---- Flags ----

PACKAGES := libarchive libzstd libcrypto libssl libcurl expat sqlite3 jansson yaml-0.1 p11-kit-1
# Asked for when they are first needed, so that help, clean and the installation of packages work without them.
pkg_config = $(if $(filter 0,$(shell pkg-config --exists $(PACKAGES); echo $$?)),$(shell pkg-config $(1) $(PACKAGES)),\
    $(error of the libraries $(PACKAGES) some are missing: run tools/install_packages.sh build))
PKG_CFLAGS = $(eval PKG_CFLAGS := $(call pkg_config,--cflags))$(PKG_CFLAGS)
# libs3 has no file for pkg-config.
PKG_LIBS = $(eval PKG_LIBS := $(call pkg_config,--libs) -ls3 -lm)$(PKG_LIBS)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
    -Wnull-dereference -Wimplicit-fallthrough -Werror
# gcc knows a comment that says "falls through", as uthash has them; clang does not, and would refuse the header.
ifneq ($(findstring clang,$(CC)),)
WARNINGS := $(filter-out -Wimplicit-fallthrough,$(WARNINGS))
endif
LANGUAGE := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread -Isrc -Iinclude
# The same bytes come out wherever the tree lies.
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=.
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDENING += -fcf-protection
endif
LINK_HARDENING := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

ifneq ($(SANITIZE),)
# The checks that a sanitizer inserts make compilers warn of what is none; the plain builds are the strict ones.
WARNINGS := $(filter-out -Werror,$(WARNINGS))
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -Wno-null-dereference
HARDENING :=
LINK_EXTRA := -fsanitize=$(SANITIZE)
else ifneq ($(COVERAGE),)
OPTIMIZE := -O0 -g --coverage -fprofile-update=atomic
HARDENING :=
LINK_EXTRA := --coverage
else
OPTIMIZE := -O2 -g
LINK_EXTRA :=
endif

CFLAGS = $(OPTIMIZE) $(HARDENING)
ALL_CFLAGS = $(LANGUAGE) $(WARNINGS) $(REPRODUCIBLE) -fPIC -fno-semantic-interposition $(CFLAGS)
ALL_LDFLAGS = -pthread $(LINK_HARDENING) $(LINK_EXTRA) $(LDFLAGS)

# One line a step; V=1 shows the commands.
say = $(if $(V),,@printf '%-4s %s\n' $(1) $@ && )

# ---- Files ----

SOURCES := $(sort $(wildcard src/*/*.c))
CLI_SOURCES := $(filter src/cli/%,$(SOURCES))
LIB_SOURCES := $(filter-out src/cli/%,$(SOURCES))
object = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB_OBJECTS := $(call object,$(LIB_SOURCES))
CLI_OBJECTS := $(call object,$(CLI_SOURCES))

# Unit tests: one program a file; the other .c files beside them are helpers that all of them may use.
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SOURCES))
# What oracles in Python drive hikae by.
DRIVERS := $(patsubst tests/oracle/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/oracle/*.c)))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_REPLAYS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/replay_%,$(FUZZ_SOURCES))
# Scripts that test; what else lies beside them is theirs to use.
SCRIPTS := $(sort $(wildcard tests/system/test_*.sh tests/cli/test_*.sh))
# Tests in which threads meet.
TSAN_NAMES := base catalog% collect collect_nights ops_% index index_large faulty_target walk pipeline% backup% restore% objects% upload% store% credentials%
TSAN_TESTS = $(filter $(patsubst %,$(BUILD)/tests/test_%,$(TSAN_NAMES)),$(UNIT_TESTS))
# The threads of src/ops meet only in the program.
TSAN_SCRIPTS := $(patsubst %,tests/system/test_%.sh,run drill roundtrip purge_s3)

.PHONY: all help clean install uninstall demo check check-run check-build tests test-programs sanitize sanitize-run tsan \
    tsan-run valgrind coverage coverage-run fuzz fuzz-build fuzz-run bench format-check tidy objects

all: $(BUILD)/libhikae.a $(BUILD)/libhikae.so $(if $(CLI_SOURCES),$(BUILD)/hikae)  ## the program and both libraries

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
	    printf '  %-14s %s\n' "$$name" "$$text"; done
	@echo 'Variables: CC CFLAGS BUILD JOBS PREFIX DESTDIR FUZZ_SECONDS SANITIZE'

# ---- Building ----

# Objects depend on the flags that they were made with.
FLAGS_TEXT = $(CC) $(ALL_CFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' >$@
.PHONY: FORCE
FORCE:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

objects: $(LIB_OBJECTS) $(CLI_OBJECTS)

# The list of members is a prerequisite too: a source that goes away must leave the archive.
$(BUILD)/members: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJECTS) $(CLI_OBJECTS)' | cmp -s - $@ || echo '$(LIB_OBJECTS) $(CLI_OBJECTS)' >$@

$(BUILD)/libhikae.a: $(LIB_OBJECTS) $(BUILD)/members
	@rm -f $@
	$(call say,AR)$(AR) rcsD $@ $(LIB_OBJECTS)

# The command table and its kin, without main: for unit tests.
$(BUILD)/libcli.a: $(filter-out $(BUILD)/src/cli/main.o,$(CLI_OBJECTS)) $(BUILD)/members
	@rm -f $@
	$(call say,AR)$(AR) rcsD $@ $(filter-out $(BUILD)/src/cli/main.o,$(CLI_OBJECTS))

$(BUILD)/$(SONAME): $(LIB_OBJECTS) src/libhikae.map $(BUILD)/members
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=src/libhikae.map $(if $(SANITIZE),,-Wl,-z,defs) \
	    $(ALL_LDFLAGS) -o $@ $(LIB_OBJECTS) $(PKG_LIBS)

$(BUILD)/libhikae.so: $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

$(BUILD)/hikae: $(CLI_OBJECTS) $(BUILD)/libhikae.a
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $(CLI_OBJECTS) $(BUILD)/libhikae.a $(PKG_LIBS)

# For those who link statically: one object in which nothing but the interface can be seen.
$(BUILD)/public/libhikae.a: $(LIB_OBJECTS) $(BUILD)/members
	@mkdir -p $(@D)
	@rm -f $@
	@ld -r -o $(@D)/libhikae.o $(LIB_OBJECTS)
	@objcopy --wildcard --keep-global-symbol='hikae_*' $(@D)/libhikae.o
	$(call say,AR)$(AR) rcsD $@ $(@D)/libhikae.o

$(BUILD)/hikae.pc: hikae.pc.in include/hikae.h FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@PACKAGES@|$(PACKAGES)|' hikae.pc.in >$@

# ---- Tests ----

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(call object,$(UNIT_HELPERS)) $(BUILD)/libcli.a $(BUILD)/libhikae.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(PKG_LIBS)

$(DRIVERS): $(BUILD)/tests/%: $(BUILD)/tests/oracle/%.o $(BUILD)/libhikae.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/tests/replay_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libhikae.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The checks of every driver, on a real server: tests/system/test_s3_conformance.sh starts one and runs this.
$(BUILD)/tests/s3_conformance: $(BUILD)/tests/system/s3_conformance.o $(call object,$(UNIT_HELPERS)) $(BUILD)/libhikae.a
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(PKG_LIBS)

test-programs: $(UNIT_TESTS) $(FUZZ_REPLAYS) $(DRIVERS) $(BUILD)/tests/s3_conformance
tests: all test-programs  ## builds the test programs without running them

check:  ## installs what is missing, builds with gcc and clang, runs all tests; last line: N passed, M failed
	@tools/install_packages.sh check
	@BUILD=$(BUILD) $(MAKE) -j$(JOBS) --output-sync=target all test-programs \
	    || { echo 'the build failed'; echo '0 passed, 1 failed'; exit 1; }
	@BUILD=$(BUILD) tests/run.sh tools/check_layers.py tools/check_banned.sh tools/check_unused.py tools/check_clang.sh tools/check_install.sh \
	    tools/check_reproducible.sh \
	    $(UNIT_TESTS) $(FUZZ_REPLAYS) $(SCRIPTS)

# Everything that runs hikae's code, with whatever flags this BUILD has.
check-run: all test-programs
	@BUILD=$(BUILD) tests/run.sh $(UNIT_TESTS) $(FUZZ_REPLAYS) $(SCRIPTS)

SANITIZER_OPTIONS := ASAN_OPTIONS=abort_on_error=0:detect_stack_use_after_return=1:allocator_may_return_null=1 \
    UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1

sanitize:  ## all tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(SANITIZER_OPTIONS) TEST_SECONDS=3600 $(MAKE) -j$(JOBS) BUILD=build/asan SANITIZE=address,undefined check-run

tsan:  ## the tests in which threads meet, with ThreadSanitizer
	@$(SANITIZER_OPTIONS) TEST_SECONDS=3600 $(MAKE) -j$(JOBS) BUILD=build/tsan SANITIZE=thread tsan-run
tsan-run: $(TSAN_TESTS) $(BUILD)/hikae
	@BUILD=$(BUILD) tests/run.sh $(TSAN_TESTS) $(TSAN_SCRIPTS)

VALGRIND := valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
# Left out: tests of openat2(2), which valgrind 3.19 does not know, and of running out of descriptors, which it needs itself.
VALGRIND_TESTS = $(filter-out $(patsubst %,$(BUILD)/tests/test_%,restore_place target_file walk),$(UNIT_TESTS))
valgrind: all test-programs  ## unit tests and a whole round of backup and restore under valgrind
	@mkdir -p $(BUILD)/valgrind
	@printf '#!/bin/sh\nexec $(VALGRIND) %s "$$@"\n' '$(abspath $(BUILD))/hikae' >$(BUILD)/valgrind/hikae
	@chmod +x $(BUILD)/valgrind/hikae
	@BUILD=$(BUILD) TEST_SECONDS=3600 TEST_WRAP='$(VALGRIND)' HIKAE=$(abspath $(BUILD))/valgrind/hikae \
	    tests/run.sh $(VALGRIND_TESTS) tests/system/test_roundtrip.sh

coverage:  ## lines that the tests reach, per folder, against tests/coverage-floor
	@rm -rf build/coverage/gcov && find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) -j$(JOBS) BUILD=build/coverage COVERAGE=1 check-run
	@tools/coverage.py build/coverage tests/coverage-floor

FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SOURCES))
fuzz:  ## libFuzzer over every parser of foreign bytes, FUZZ_SECONDS each
	@tools/install_packages.sh check
	@$(MAKE) -j$(JOBS) BUILD=build/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzz-build
	@for fuzzer in $(FUZZERS); do tests/fuzz/run.sh $$fuzzer $(FUZZ_SECONDS) || exit 1; done
fuzz-build: $(FUZZERS)
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libhikae.a
	$(call say,LINK)$(CC) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(PKG_LIBS)

demo:  ## shows the whole way: back up, damage, mend, restore, lose everything, recover
	@tools/install_packages.sh build demo
	@$(MAKE) -j$(JOBS) all
	@tests/demo/demo.sh $(BUILD)/hikae

bench: all $(BUILD)/bench/micro $(BUILD)/bench/entries $(BUILD)/tests/test_collect_nights  ## figures beside restic, Borg and tar | zstd (see bench/run.sh)
	@$(BUILD)/bench/micro
	@bench/run.sh
	@bench/nightly.py --dir $(BUILD)/bench-nightly
	@bench/collect.sh
	@bench/drill.sh
$(BUILD)/bench/micro $(BUILD)/bench/entries: $(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/libhikae.a
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# ---- Care ----

OWN_FILES := $(wildcard src/*/*.[ch] include/*.h include/*/*.h tests/*/*.[ch] bench/*.[ch])
format-check:  ## clang-format finds nothing to change
	@clang-format --dry-run --Werror $(OWN_FILES)

tidy:  ## clang-tidy, cppcheck and shellcheck
	@printf '%s\n' $(SOURCES) | xargs -n 1 -P $(JOBS) sh -c 'clang-tidy --quiet "$$0" -- $(LANGUAGE) $(PKG_CFLAGS)'
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=unusedFunction --suppress=uninitvar:src/pipeline/restore_file.c -Isrc -Iinclude src
	@shellcheck -x -S error $(wildcard tools/*.sh tests/*.sh tests/*/*.sh bench/*.sh) .ci/run

# ---- Installation ----

libdir = $(PREFIX)/lib
mandir = $(PREFIX)/share/man
install: all $(BUILD)/public/libhikae.a $(BUILD)/hikae.pc  ## into DESTDIR and PREFIX: program, libraries, manual pages, completions, policies
	install -D -m 755 $(BUILD)/hikae $(DESTDIR)$(PREFIX)/bin/hikae
	install -D -m 644 $(BUILD)/$(SONAME) $(DESTDIR)$(libdir)/$(SONAME).$(VERSION)
	ln -sf $(SONAME).$(VERSION) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libhikae.so
	install -D -m 644 $(BUILD)/public/libhikae.a $(DESTDIR)$(libdir)/libhikae.a
	for file in hikae.h $(patsubst include/%,%,$(wildcard include/hikae/*.h)); do \
	    install -D -m 644 include/$$file $(DESTDIR)$(PREFIX)/include/$$file || exit 1; done
	install -D -m 644 $(BUILD)/hikae.pc $(DESTDIR)$(libdir)/pkgconfig/hikae.pc
	rm -rf $(BUILD)/generated
	mkdir -p $(BUILD)/generated/man $(BUILD)/generated/completion
	$(BUILD)/hikae generate man $(BUILD)/generated/man
	$(BUILD)/hikae generate completion $(BUILD)/generated/completion
	tools/install_generated.sh install $(BUILD)/generated '$(DESTDIR)$(PREFIX)'
	for unit in writer pruner keys; do \
	    sed 's|@PREFIX@|$(PREFIX)|' tools/systemd/hikae-$$unit.service.in >$(BUILD)/generated/hikae-$$unit.service && \
	    install -D -m 644 $(BUILD)/generated/hikae-$$unit.service $(DESTDIR)$(PREFIX)/lib/systemd/system/hikae-$$unit.service && \
	    install -D -m 644 tools/systemd/hikae-$$unit.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/hikae-$$unit.timer || exit 1; done
	install -D -m 644 tools/systemd/hikae.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/hikae.conf
	sed 's|@PREFIX@|$(PREFIX)|' tools/systemd/hikae.cron.in >$(BUILD)/generated/hikae.cron
	install -D -m 644 $(BUILD)/generated/hikae.cron $(DESTDIR)$(PREFIX)/share/hikae/hikae.cron
	for file in $(wildcard policies/*.yaml policies/calendars/*.yaml policies/controls/*.yaml); do \
	    install -D -m 644 $$file $(DESTDIR)$(PREFIX)/share/hikae/$$file || exit 1; done

uninstall:  ## removes what install put there
	tools/install_generated.sh uninstall $(BUILD)/generated '$(DESTDIR)$(PREFIX)'
	rm -f $(DESTDIR)$(PREFIX)/bin/hikae $(DESTDIR)$(libdir)/libhikae.so $(DESTDIR)$(libdir)/$(SONAME) \
	    $(DESTDIR)$(libdir)/$(SONAME).* $(DESTDIR)$(libdir)/libhikae.a $(DESTDIR)$(PREFIX)/include/hikae.h \
	    $(DESTDIR)$(libdir)/pkgconfig/hikae.pc
	rm -f $(foreach unit,writer pruner keys,$(DESTDIR)$(PREFIX)/lib/systemd/system/hikae-$(unit).service \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/hikae-$(unit).timer) $(DESTDIR)$(PREFIX)/lib/sysusers.d/hikae.conf
	rm -rf $(DESTDIR)$(PREFIX)/share/hikae $(DESTDIR)$(PREFIX)/include/hikae

clean:  ## removes build/
	rm -rf build

-include $(wildcard $(BUILD)/src/*/*.d $(BUILD)/tests/*/*.d)
