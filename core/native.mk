# native.mk: the kernel as a C library, and all tests of it in C. Included by the Makefile; needs no
# Python and no Rust.
#   native-lib   libtickstep.a, libtickstep.so and its pkg-config file in $(BUILD)
#   install      these and the header into $(DESTDIR)$(PREFIX)
#   native-test  every C test with two compilers, without and with optimisation, which must all print
#                the same; once more under the sanitizers; and the proofs about what the kernel uses
#   native-fuzz  the fuzzer, until stopped or for FUZZ_SECONDS

BUILD ?= build/native
PREFIX ?= /usr/local
CFLAGS ?= -O3
GCC ?= gcc
CLANG ?= clang
NATIVE_JOBS ?= 2
FUZZ_SECONDS ?= 0

.PHONY: native-lib install native-test native-fuzz native-same native-pure native-header native-exports
.DELETE_ON_ERROR:

KERNEL_SOURCES := $(sort $(wildcard core/*.c))
KERNEL_HEADERS := core/kernel.h include/tickstep.h
KERNEL_OBJECTS := $(KERNEL_SOURCES:core/%.c=%.o)
KERNEL_FLAGS := -std=c11 -Iinclude -Wall -Wextra -Wconversion -Wshadow -Wcast-qual -Wstrict-prototypes
KERNEL_VERSION := $(shell sed -n 's/^.define TKS_VERSION_[A-Z]* //p' include/tickstep.h | paste -sd.)

# ---- The library -----------------------------------------------------------------------------------

LIB_FLAGS := $(KERNEL_FLAGS) -DNDEBUG -fPIC -fvisibility=hidden \
	-DTKS_API='__attribute__((visibility("default")))'
LIB_OBJECTS := $(addprefix $(BUILD)/lib/,$(KERNEL_OBJECTS))

native-lib: $(BUILD)/libtickstep.a $(BUILD)/libtickstep.so.0 ## the kernel as a static and a shared library

$(BUILD)/lib/%.o: core/%.c $(KERNEL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIB_FLAGS) -c $< -o $@

$(BUILD)/libtickstep.a: $(LIB_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/libtickstep.so.0: $(LIB_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libtickstep.so.0 $^ -o $@

define PKG_CONFIG_FILE
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$${prefix}/lib

Name: tickstep
Description: Deterministic fixed-point engine that steps ticks and matches orders
Version: $(KERNEL_VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -ltickstep
endef
export PKG_CONFIG_FILE

install: native-lib ## put header, libraries and pkg-config file into DESTDIR/PREFIX
	install -d "$(DESTDIR)$(PREFIX)/include" "$(DESTDIR)$(PREFIX)/lib/pkgconfig"
	install -m 644 include/tickstep.h "$(DESTDIR)$(PREFIX)/include/tickstep.h"
	install -m 644 include/tickstep_strategy.h "$(DESTDIR)$(PREFIX)/include/tickstep_strategy.h"
	install -m 644 $(BUILD)/libtickstep.a "$(DESTDIR)$(PREFIX)/lib/libtickstep.a"
	install -m 755 $(BUILD)/libtickstep.so.0 "$(DESTDIR)$(PREFIX)/lib/libtickstep.so.0"
	ln -sf libtickstep.so.0 "$(DESTDIR)$(PREFIX)/lib/libtickstep.so"
	printf '%s\n' "$$PKG_CONFIG_FILE" > "$(DESTDIR)$(PREFIX)/lib/pkgconfig/tickstep.pc"

# ---- The tests in every build ----------------------------------------------------------------------

NATIVE_TESTS := $(patsubst tests/kernel/%.c,%,$(sort $(wildcard tests/kernel/test_*.c))) fuzz_api
NATIVE_TEST_HEADERS := $(wildcard tests/kernel/*.h) $(KERNEL_HEADERS)
FUZZ_CORPUS := $(sort $(wildcard tests/kernel/corpus/*))
GOLDEN_TABLES := $(sort $(wildcard tests/golden/*.tbl))

# The same words for every build, so that their outputs can be compared.
ARGUMENTS_test_paths := 2000
ARGUMENTS_test_worlds := 3
ARGUMENTS_test_growth := 100000
ARGUMENTS_test_tables := $(GOLDEN_TABLES)
ARGUMENTS_fuzz_api := -n 5000 $(FUZZ_CORPUS)

SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
SAME_BUILDS := gcc-O0 gcc-O3 clang-O0 clang-O3
NATIVE_BUILDS := $(SAME_BUILDS) sanitized

# $(1) build, $(2) compiler, $(3) flags
define NATIVE_BUILD_RULES
$(BUILD)/$(1)/%.o: core/%.c $(KERNEL_HEADERS)
	@mkdir -p $$(@D)
	@$(2) $(3) $(KERNEL_FLAGS) -Werror -c $$< -o $$@

$(BUILD)/$(1)/%: tests/kernel/%.c $(NATIVE_TEST_HEADERS) $(addprefix $(BUILD)/$(1)/,$(KERNEL_OBJECTS))
	@$(2) $(3) $(KERNEL_FLAGS) -Werror $$< $(addprefix $(BUILD)/$(1)/,$(KERNEL_OBJECTS)) -o $$@

$(BUILD)/$(1)/%.out: $(BUILD)/$(1)/% $(FUZZ_CORPUS) $(GOLDEN_TABLES)
	@$$< $$(ARGUMENTS_$$*) > $$@ || { cat $$@; echo "failed: $$<" >&2; exit 1; }
	@echo "$(1) $$*: $$$$(tail -n 1 $$@ | grep . || echo compiled)"
endef

$(eval $(call NATIVE_BUILD_RULES,gcc-O0,$(GCC),-O0))
$(eval $(call NATIVE_BUILD_RULES,gcc-O3,$(GCC),-O3))
$(eval $(call NATIVE_BUILD_RULES,clang-O0,$(CLANG),-O0))
$(eval $(call NATIVE_BUILD_RULES,clang-O3,$(CLANG),-O3))
$(eval $(call NATIVE_BUILD_RULES,sanitized,$(GCC),$(SANITIZE)))

# Kept for the next time, though only rules of patterns name them.
.SECONDARY: $(foreach b,$(NATIVE_BUILDS),$(addprefix $(BUILD)/$(b)/,$(KERNEL_OBJECTS) $(NATIVE_TESTS)))

NATIVE_OUTPUTS := $(foreach b,$(NATIVE_BUILDS),$(NATIVE_TESTS:%=$(BUILD)/$(b)/%.out))

# Once at full size: longer sequences, two million orders.
$(BUILD)/gcc-O3/worlds.full: $(BUILD)/gcc-O3/test_worlds
	@$< 4 > $@
	@echo "gcc-O3 test_worlds 4: $$(tail -n 1 $@)"

$(BUILD)/gcc-O3/growth.full: $(BUILD)/gcc-O3/test_growth
	@$< 2000000 > $@
	@echo "gcc-O3 test_growth 2000000: $$(tail -n 1 $@)"

NATIVE_CHECKS := $(BUILD)/gcc-O3/worlds.full $(BUILD)/gcc-O3/growth.full $(NATIVE_OUTPUTS) \
	native-pure native-header native-exports

native-test: ## every C test in every build, and the proofs about the kernel
	@$(MAKE) -s --no-print-directory -j$(NATIVE_JOBS) $(NATIVE_CHECKS)
	@$(MAKE) -s --no-print-directory native-same

native-same: $(NATIVE_OUTPUTS)
	@for test in $(NATIVE_TESTS); do for build in $(SAME_BUILDS); do \
		cmp $(BUILD)/gcc-O0/$$test.out $(BUILD)/$$build/$$test.out || exit 1; \
	done; done
	@echo "native: $(SAME_BUILDS) print the same"

# ---- Proofs about the kernel -----------------------------------------------------------------------

# No floating point: a compiler that may not touch its registers still takes the code. No memory, clock,
# input or output: beside the kernel's own names the objects ask for these alone.
PURE_FLAGS := $(KERNEL_FLAGS) -Werror -DNDEBUG -O3 -fno-stack-protector -U_FORTIFY_SOURCE \
	-mgeneral-regs-only
PURE_NAMES := memcpy|memmove|memset|memcmp|__divti3|__modti3|__udivti3|__umodti3|__divmodti4|__udivmodti4

native-pure: $(BUILD)/pure.o
	@asked=$$(nm -u $< | awk '{print $$NF}' | grep -vxE '$(PURE_NAMES)'); \
		test -z "$$asked" || { echo "the kernel uses:" $$asked >&2; exit 1; }
	@echo "native: no floating point, no memory of its own, no clock, no input or output"

$(BUILD)/pure.o: $(KERNEL_SOURCES) $(KERNEL_HEADERS)
	@rm -rf $(BUILD)/pure && mkdir -p $(BUILD)/pure
	@for file in $(KERNEL_SOURCES); do \
		$(GCC) $(PURE_FLAGS) -c $$file -o $(BUILD)/pure/$$(basename $$file .c).o || exit 1; \
	done
	@$(LD) -r $(BUILD)/pure/*.o -o $@

native-header:
	@for header in include/*.h; do \
		$(GCC) -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -include $$header -x c /dev/null && \
		$(CLANG) -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -include $$header -x c /dev/null && \
		$(CXX) -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -include $$header -x c++ /dev/null || exit 1; \
	done
	@echo "native: the headers are strict C11 and C++11"

# The shared library offers what the header declares, no more and no less.
native-exports: $(BUILD)/libtickstep.so.0
	@grep '^TKS_API' include/tickstep.h | grep -oE 'tks_[a-z_]+\(' | tr -d '(' | sort > $(BUILD)/declared
	@nm -D --defined-only $< | awk '$$2 == "T" {print $$3}' | sort > $(BUILD)/exported
	@diff $(BUILD)/declared $(BUILD)/exported
	@echo "native: $$(wc -l < $(BUILD)/exported) functions declared and exported"

# ---- The fuzzer ------------------------------------------------------------------------------------

$(BUILD)/fuzz_api: tests/kernel/fuzz_api.c $(KERNEL_SOURCES) $(NATIVE_TEST_HEADERS)
	@mkdir -p $(@D)
	$(CLANG) -O1 -g $(KERNEL_FLAGS) -DTICKSTEP_LIBFUZZER -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all $< $(KERNEL_SOURCES) -o $@

native-fuzz: $(BUILD)/fuzz_api ## fuzz the C entry points until stopped, or for FUZZ_SECONDS
	@mkdir -p $(BUILD)/fuzz-inputs
	$< -max_len=1500 -len_control=0 -use_value_profile=1 -max_total_time=$(FUZZ_SECONDS) \
		-artifact_prefix=$(BUILD)/ $(BUILD)/fuzz-inputs tests/kernel/corpus
