# Builds everything under $(BUILD); nothing is written into the source folders.
#
#   make            the image, the firmware, the command, the guest programs, the initramfs
#   make unit       unit tests, under ASan and UBSan
#   make fuzz       every fuzz target for FUZZ_SECONDS each
#   make check      the tree's rules: includes, headers, lengths
#   make clang-check  the portable code under clang's warnings
#   make clean
#
# V=1 shows the commands. BUILD=/elsewhere builds somewhere else. New source files
# are found by themselves. What comes from packages is put in place by tools/setup.

BUILD ?= build
CACHE := $(or $(BULKHEAD_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bulkhead)
DTC := $(CACHE)/src/dtc-1.7.2
FUZZ_SECONDS ?= 10
# Empty for compilers that know more warnings than those the code was written with.
WERROR ?= -Werror

CC := gcc
CLANG ?= clang
CROSS ?= riscv64-unknown-elf-
PYTHON := /usr/bin/python3

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-8s%s\n' $(1) $(patsubst $(BUILD)/%,%,$@))

# --- what is built from what -------------------------------------------------

PORTABLE_DIRS := lib riscv io vm dev board sched manage
BARE_DIRS := $(PORTABLE_DIRS) engine/hext engine/classic host/bare
X86_DIRS := $(PORTABLE_DIRS) engine/script host/fake

sources = $(sort $(filter-out %_test.c,$(foreach d,$(1),$(wildcard src/$(d)/*.c src/$(d)/*.S))))
objects = $(addprefix $(BUILD)/$(1)/,$(addsuffix .o,$(basename $(2))))

BARE_SRC := $(call sources,$(BARE_DIRS)) $(filter-out %_test.c,$(sort $(wildcard src/main/bare*.c))) \
	    src/main/outside.c
FW_SRC := $(call sources,fw) src/host/bare/tree.c src/riscv/isa.c
# Of the classic engine what is pure.
X86_SRC := $(call sources,$(X86_DIRS)) $(addprefix src/engine/classic/,shadow.c shadow_tree.c text.c)
CLI_SRC := $(call sources,main/cli)
TEST_SRC := $(sort $(shell find src -name '*_test.c'))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*_fuzz.c))
GUEST_LIB_SRC := $(sort $(wildcard tests/guest/lib/*.c tests/guest/lib/*.S))
GUEST_SRC := $(sort $(wildcard tests/guest/*.c))
RT_SRC := $(sort $(wildcard systems/rt/*.c))
BENCH_SRC := $(sort $(wildcard bench/guest/*.c))

IMAGE := $(if $(wildcard src/host/bare/bulkhead.ld),$(BUILD)/bulkhead.img)
COMMAND := $(if $(CLI_SRC),$(BUILD)/bulkhead)
TESTS := $(TEST_SRC:%.c=$(BUILD)/x86/%)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
GUESTS := $(patsubst tests/guest/%.c,$(BUILD)/guest/%,$(GUEST_SRC)) \
	  $(if $(RT_SRC),$(BUILD)/guest/rt) \
	  $(patsubst bench/guest/%.c,$(BUILD)/guest/bench-%,$(BENCH_SRC))
LINUX := $(addprefix $(BUILD)/guest/,Image initramfs.cpio.gz \
	   $(if $(wildcard $(CACHE)/guest/tools),initramfs-tools.cpio.gz) \
	   $(if $(wildcard $(CACHE)/guest/grub.efi),boot-disk.img))

.PHONY: all image firmware command guests linux tests unit fuzzers fuzz fuzz-corpus check \
	clang-check clean
all: image firmware command guests linux
image: $(IMAGE)
firmware: $(BUILD)/bulkhead-fw.bin
command: $(COMMAND)
guests: $(GUESTS:=.elf) $(GUESTS:=.bin)
linux: $(LINUX)
tests: $(TESTS)
fuzzers: $(FUZZERS)
clean:
	$(Q)rm -rf $(BUILD)

# --- flags -------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
	    -Wvla -Wimplicit-fallthrough -Wundef $(WERROR)
COMMON := -std=gnu11 -g -Isrc -fno-strict-aliasing \
	  -ffile-prefix-map=$(CURDIR)/= -MMD -MP

# GCC 12 finds picolibc's integer-only variant only under this spelling of the ISA.
RISCV := -march=rv64imac -misa-spec=2.2 -mabi=lp64 -mcmodel=medany -mstrict-align
BARE := $(RISCV) $(COMMON) -O2 -ffunction-sections -fdata-sections -fno-common \
	-DPICOLIBC_INTEGER_PRINTF_SCANF --specs=picolibc.specs
GUEST := $(BARE) -Itests/guest -Itests/guest/lib
HOST := $(COMMON) -O2 -pthread
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
X86 := $(COMMON) -O1 -fno-omit-frame-pointer -pthread $(SANITIZE)
FUZZ := $(COMMON) -O1 -fno-omit-frame-pointer -pthread $(SANITIZE) -fsanitize=fuzzer-no-link

# The release build of picolibc copies words; the default one copies bytes.
PICOLIBC = $(shell $(CROSS)gcc $(RISCV) --specs=picolibc.specs -print-file-name=libc.a)
PICOLIBC_DIR := /usr/lib/picolibc/riscv64-unknown-elf/lib/release/rv64imac/lp64
BARE_LIBC = $(or $(wildcard $(PICOLIBC_DIR)/libc.a),$(PICOLIBC))
BARE_LINK = $(RISCV) -nostdlib -static -Wl,--gc-sections -Wl,--build-id=none \
	    -Wl,--defsym=vfprintf=__i_vfprintf
BARE_LIBS = -Wl,--start-group $(BARE_LIBC) -lgcc -Wl,--end-group

# --- the image: bare metal RISC-V ---------------------------------------------
#
# Linked twice: the second time with the table of the first one's functions, for
# backtraces. The table follows the code, so that no function moves; a check sees to it.

BARE_OBJ := $(call objects,bare,$(BARE_SRC))
BARE_LD := src/host/bare/bulkhead.ld
BARE_FDT := $(BUILD)/bare/libfdt.a
bare_link = $(CROSS)gcc $(BARE_LINK) -Wl,-T,$(BARE_LD) -Wl,-Map,$@.map -o $@ \
	    $(filter %.o,$^) $(BARE_FDT) $(BARE_LIBS)

$(BUILD)/bulkhead.img: $(BUILD)/bare/bulkhead.elf
	$(call say,IMAGE)
	$(Q)$(CROSS)objcopy -O binary $< $@

$(BUILD)/bare/bulkhead.elf: $(BARE_OBJ) $(BUILD)/bare/symtab.o $(BARE_FDT) $(BARE_LD)
	$(call say,LINK)
	$(Q)$(bare_link)
	$(Q)tools/symtab --check $(CROSS)nm $(BUILD)/bare/pass1.elf $@

$(BUILD)/bare/pass1.elf: $(BARE_OBJ) $(BUILD)/bare/symtab0.o $(BARE_FDT) $(BARE_LD)
	$(call say,LINK)
	$(Q)$(bare_link)

$(BUILD)/bare/symtab0.S: tools/symtab
	@mkdir -p $(@D)
	$(Q)tools/symtab --empty > $@

$(BUILD)/bare/symtab.S: $(BUILD)/bare/pass1.elf tools/symtab
	$(Q)tools/symtab $(CROSS)nm $< > $@

$(BUILD)/bare/%.o: $(BUILD)/bare/%.S
	$(Q)$(CROSS)gcc $(RISCV) -c -o $@ $<

$(BUILD)/bare/%.o: %.c Makefile $(DTC)/libfdt/libfdt.h
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(BARE) $(WARNINGS) -isystem $(DTC)/libfdt -c -o $@ $<

$(BUILD)/bare/%.o: %.S Makefile
	$(call say,AS)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(BARE) -c -o $@ $<

# --- the firmware: M-mode, see docs/firmware.md ----------------------------------

FW_LD := src/fw/fw.ld

$(BUILD)/bulkhead-fw.bin: $(BUILD)/bulkhead-fw.elf
	$(call say,IMAGE)
	$(Q)$(CROSS)objcopy -O binary $< $@

$(BUILD)/bulkhead-fw.elf: $(call objects,bare,$(FW_SRC)) $(BARE_FDT) $(FW_LD)
	$(call say,LINK)
	$(Q)$(CROSS)gcc $(BARE_LINK) -Wl,-T,$(FW_LD) -o $@ $(filter %.o,$^) $(BARE_FDT) $(BARE_LIBS)

# --- the workstation's command --------------------------------------------------

$(BUILD)/bulkhead: $(call objects,host,$(CLI_SRC)) $(BUILD)/host/libportable.a
	$(call say,LINK)
	$(Q)$(CC) $(HOST) -o $@ $^ -lfdt

$(BUILD)/host/libportable.a: $(call objects,host,$(X86_SRC))

$(BUILD)/host/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST) $(WARNINGS) -c -o $@ $<

# --- the command on RISC-V Linux -------------------------------------------------
#
# The same command, whose `run` has the VMs in its own process, over KVM: one static file.

HOSTED_CROSS ?= riscv64-linux-gnu-
HOSTED_DIRS := $(PORTABLE_DIRS) engine/kvm host/linux
# `run` under QEMU is the workstation's.
HOSTED_SRC := $(call sources,$(HOSTED_DIRS)) $(sort $(filter-out %_test.c,$(wildcard src/main/linux*.c))) \
	      src/main/outside.c $(filter-out %/main.c %/cmd_run.c,$(CLI_SRC))
HOSTED := $(COMMON) -O2 -pthread -ffunction-sections -fdata-sections

.PHONY: hosted
hosted: $(BUILD)/hosted/bulkhead
all: $(if $(shell command -v $(HOSTED_CROSS)gcc),hosted)

$(BUILD)/hosted/bulkhead: $(BUILD)/hosted/bulkhead.elf
	$(call say,STRIP)
	$(Q)$(HOSTED_CROSS)strip -o $@ $<

$(BUILD)/hosted/bulkhead.elf: $(call objects,hosted,$(HOSTED_SRC)) $(BUILD)/hosted/libfdt.a
	$(call say,LINK)
	$(Q)$(HOSTED_CROSS)gcc $(HOSTED) -static -Wl,--gc-sections -Wl,--build-id=none -o $@ $^

# Its host is portable as far as Linux goes, and tested on the workstation.
HOSTED_TESTS := $(filter $(BUILD)/x86/src/host/linux/%,$(TESTS))
$(HOSTED_TESTS): $(call objects,x86,$(call sources,host/linux))

$(BUILD)/hosted/%.o: %.c Makefile $(DTC)/libfdt/libfdt.h
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(HOSTED_CROSS)gcc $(HOSTED) $(WARNINGS) -isystem $(DTC)/libfdt -c -o $@ $<

# --- unit tests -------------------------------------------------------------------
#
# A test links with the portable code, with the command's, and with the file beside
# it (which matters where that file is in neither, in a folder like host/bare).

X86_OBJ := $(call objects,x86,$(X86_SRC) $(CLI_SRC))

unit: $(TESTS)
	@tests/run-unit $(BUILD)/x86 $(TESTS)

$(BUILD)/x86/libportable.a: $(X86_OBJ)

sibling = $(patsubst %.c,$(BUILD)/x86/%.o,$(wildcard $(patsubst $(BUILD)/x86/%_test,%.c,$(1))))
.SECONDEXPANSION:
$(TESTS): %: %.o $$(filter-out $(X86_OBJ),$$(call sibling,%)) $(BUILD)/x86/libportable.a
	$(call say,LINK)
	$(Q)$(CC) $(X86) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -lfdt

$(BUILD)/x86/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(X86) $(WARNINGS) -c -o $@ $<

# --- fuzzing, and clang's opinion ---------------------------------------------------
#
# libfdt is the one that the image carries, compiled here with the address checks.

fuzz: $(FUZZERS)
	@tests/run-fuzz $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZERS)

# Moves what fuzzing found worth keeping into the tree's corpus.
fuzz-corpus: $(FUZZERS)
	@tests/run-fuzz --keep $(BUILD)/fuzz $(FUZZERS)

clang-check: $(call objects,fuzz,$(X86_SRC) $(CLI_SRC) $(FUZZ_SRC))

$(BUILD)/fuzz/libportable.a: $(call objects,fuzz,$(X86_SRC))

$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libportable.a \
		$(BUILD)/fuzz/libfdt.a
	$(call say,LINK)
	$(Q)$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^

$(BUILD)/fuzz/%.o: %.c Makefile $(DTC)/libfdt/libfdt.h
	$(call say,CLANG)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ) $(WARNINGS) -isystem $(DTC)/libfdt -c -o $@ $<

# --- libfdt, from its source package ---------------------------------------------------

FDT_SRC := fdt fdt_ro fdt_rw fdt_wip fdt_sw fdt_strerror fdt_empty_tree fdt_addresses \
	   fdt_overlay fdt_check

$(DTC)/libfdt/libfdt.h:
	$(error $@ is missing: run tools/setup)

$(BUILD)/bare/libfdt.a: $(FDT_SRC:%=$(BUILD)/bare/libfdt/%.o)
$(BUILD)/hosted/libfdt.a: $(FDT_SRC:%=$(BUILD)/hosted/libfdt/%.o)
$(BUILD)/fuzz/libfdt.a: $(FDT_SRC:%=$(BUILD)/fuzz/libfdt/%.o)

$(FDT_SRC:%=$(BUILD)/bare/libfdt/%.o): $(BUILD)/bare/libfdt/%.o: $(DTC)/libfdt/libfdt.h Makefile
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(BARE) -w -I$(DTC)/libfdt -c -o $@ $(DTC)/libfdt/$*.c

$(FDT_SRC:%=$(BUILD)/hosted/libfdt/%.o): $(BUILD)/hosted/libfdt/%.o: $(DTC)/libfdt/libfdt.h Makefile
	@mkdir -p $(@D)
	$(Q)$(HOSTED_CROSS)gcc $(HOSTED) -w -I$(DTC)/libfdt -c -o $@ $(DTC)/libfdt/$*.c

$(FDT_SRC:%=$(BUILD)/fuzz/libfdt/%.o): $(BUILD)/fuzz/libfdt/%.o: $(DTC)/libfdt/libfdt.h Makefile
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ) -fno-sanitize=undefined -w -I$(DTC)/libfdt -c -o $@ $(DTC)/libfdt/$*.c

# A library holds nothing of files that are gone: it is written anew.
%.a:
	$(call say,AR)
	@rm -f $@ && mkdir -p $(@D)
	$(Q)$(if $(filter $(BUILD)/bare/%,$@),$(CROSS))ar rcs $@ $(filter %.o,$^)

# --- guests --------------------------------------------------------------------------------

GUEST_LD := tests/guest/lib/guest.ld
GUEST_LIB := $(call objects,guest/obj,$(GUEST_LIB_SRC))
guest_link = $(CROSS)gcc $(BARE_LINK) -Wl,-T,$(GUEST_LD) -o $@ $(filter %.o,$^) $(BARE_LIBS)

$(BUILD)/guest/obj/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST) $(WARNINGS) -c -o $@ $<

$(BUILD)/guest/obj/%.o: %.S Makefile
	$(call say,AS)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST) -c -o $@ $<

$(BUILD)/guest/rt.elf: $(call objects,guest/obj,$(RT_SRC)) $(GUEST_LIB) $(GUEST_LD)
	$(call say,LINK)
	$(Q)$(guest_link)

$(BUILD)/guest/bench-%.elf: $(BUILD)/guest/obj/bench/guest/%.o $(GUEST_LIB) $(GUEST_LD)
	$(call say,LINK)
	$(Q)$(guest_link)

$(BUILD)/guest/%.elf: $(BUILD)/guest/obj/tests/guest/%.o $(GUEST_LIB) $(GUEST_LD)
	$(call say,LINK)
	$(Q)$(guest_link)

$(BUILD)/guest/%.bin: $(BUILD)/guest/%.elf
	$(Q)$(CROSS)objcopy -O binary $< $@

MODULES := $(CACHE)/guest/modules
INITRAMFS := tools/make-initramfs systems/linux/init $(CACHE)/guest/busybox $(MODULES)/virtio_mmio.ko
make_initramfs = tools/make-initramfs $(CACHE)/guest/busybox systems/linux/init $(MODULES) $@

$(BUILD)/guest/initramfs.cpio.gz: $(INITRAMFS)
	$(call say,CPIO)
	@mkdir -p $(@D)
	$(Q)$(make_initramfs)

# The same with programs that tests of disks and networks run.
$(BUILD)/guest/initramfs-tools.cpio.gz: $(INITRAMFS) $(CACHE)/guest/tools/usr/bin/fio
	$(call say,CPIO)
	@mkdir -p $(@D)
	$(Q)$(make_initramfs) $(CACHE)/guest/tools

# A disk to boot from, and the initramfs on it that mounts it.
$(BUILD)/guest/initramfs-disk.cpio.gz: $(INITRAMFS) systems/linux/init-disk
	$(call say,CPIO)
	@mkdir -p $(@D)
	$(Q)tools/make-initramfs $(CACHE)/guest/busybox systems/linux/init-disk $(MODULES) $@

$(BUILD)/guest/boot-disk.img: tools/make-boot-disk $(CACHE)/guest/grub.efi $(CACHE)/guest/Image \
		$(BUILD)/guest/initramfs-disk.cpio.gz $(BUILD)/guest/initramfs.cpio.gz
	$(call say,DISK)
	$(Q)$^ $@

# The stock kernel, U-Boot and the installer stay in the cache; system descriptions
# find them in the build folder.
$(BUILD)/guest/Image: $(CACHE)/guest/Image
	@mkdir -p $(@D)
	$(Q)for file in Image u-boot.bin di; do \
		rm -f $(@D)/$$file; \
		test ! -e $(CACHE)/guest/$$file || ln -s $(CACHE)/guest/$$file $(@D)/$$file; \
	done

$(CACHE)/guest/%:
	$(error $@ is missing: run tools/setup)

# --- the tree's rules ---------------------------------------------------------------------

check:
	$(Q)$(PYTHON) tools/check-tree

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
