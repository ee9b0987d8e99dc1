# Cairn's front door. `make help` lists the targets.
#
# Everything built goes to build/; what depends on the labs that are in goes to build/STAGE, where
# the stage is LAB or, without LAB, `all`. labs.mk (from the lab.toml files) says which labs exist.

# ---- What may be set on the command line ----------------------------------------------------------

variables := LAB K TEST SEED GDB SUBMISSION SANDBOX REFERENCE UEFI MEMORY SMP MONITOR MINUTES SCALE DEBUG V
$(foreach v,$(variables),$(if $(filter environment,$(origin $v)),$(eval $v :=)))

LAB ?=#         stage: a lab and those before it; without it every lab is in
K ?=#           grade: one item (A2)
TEST ?=#        grade, test: only tests with this in their name
SEED ?=#        grade: the random seed, to repeat a run
GDB ?=#         grade: 1 to run one test under the debugger
SUBMISSION ?=#  grade: a folder with a student's tree, instead of this one
SANDBOX ?=#     grade: user or none where a submission can't have a cell (grading/grade --help)
REFERENCE ?=#   earlier labs to take precompiled instead of your own, such as a or a,b
UEFI ?=#        image, qemu: 1 to boot with UEFI instead of BIOS
MINUTES ?=#     soak: how long
SCALE ?=#       bench: 1 for how costs grow with what there is (files, pages, names, locks …)
MEMORY ?=#      qemu: the machine's memory, such as 64M or 2G
SMP ?=#         qemu: how many processors
MONITOR ?=#     qemu: 1 for the kernel's own prompt where there would be a login
DEBUG ?=#       1 for a kernel with costly checks (poisoned heap, lock ranks)
WERROR ?=#      1 to make warnings errors (CI)
V ?=#           1 to see the commands

BUILD := build
CXX := g++
CC := gcc
LD := ld
MUSL_CC := musl-gcc
PYTHON := /usr/bin/python3
ifeq ($(origin CCACHE),undefined)
  CCACHE := $(shell command -v ccache)
endif

# ---- Make itself ----------------------------------------------------------------------------------

MAKEFLAGS += -rR --no-print-directory -j$(shell nproc)#  (a -j on the command line wins)
unexport MAKEFLAGS MFLAGS GNUMAKEFLAGS
SHELL := /bin/sh
export PATH := $(PATH):/usr/sbin:/sbin
unexport PYTHONDONTWRITEBYTECODE#  (a suite starts Python some thousand times)
Q := $(if $(V),,@)

# Every file is written beside its name first, so that a killed build leaves no half and two makes at
# once don't meet.
part = $@.$(make_pid).part
make_pid := $(shell echo $$PPID)
done = $(Q)mv $(part) $@
compiled = $(Q)mv $(part).d $@.d && mv $(part) $@
depend = -MMD -MP -MF $(part).d -MT $@
show = $(if $(V),,@printf '  %-8s%s\n' $(1) $(2))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# ---- Tools, stage ---------------------------------------------------------------------------------

override LAB := $(filter-out all,$(LAB))
STAGE := $(or $(LAB),all)
comma := ,
references := $(sort $(subst $(comma), ,$(REFERENCE)))
OUT := $(BUILD)/$(STAGE)$(if $(references),-reference-$(subst $() ,,$(references)))$(if $(DEBUG),-debug)
ifneq ($(words $(STAGE)),1)
  $(error LAB is the letter of one lab, not "$(LAB)")
endif
goals := $(or $(MAKECMDGOALS),help)
quiet_goals := help clean

# Students' trees have neither the generators nor the project's own tests.
course_goals := starter branches test test-all soak
missing_goals := $(if $(wildcard grading/suite),,$(course_goals))
ifneq ($(filter $(missing_goals),$(goals)),)
  $(error make $(firstword $(filter $(missing_goals),$(goals))) works only in the course's own tree)
endif

tools := build
tools += $(if $(filter qemu qemu-gdb image fresh-disk grade test test-all bench,$(goals)),disk run)
tools += $(if $(UEFI)$(filter test test-all grade,$(goals)),uefi)
tools += $(if $(filter gdb test test-all,$(goals)),debug)
tools += $(if $(filter grade starter branches bench test test-all soak,$(goals)),grade)
tools += $(if $(filter lint test test-all,$(goals)),lint)
tools += $(if $(filter test test-all soak,$(goals)),test)

ifneq ($(filter-out $(quiet_goals),$(goals)),)
  ifneq ($(shell mkdir -p $(BUILD) 2>/dev/null && test -w $(BUILD) && echo yes),yes)
    $(error cannot write to $(BUILD)/: make it writable or remove it)
  endif
  ifneq ($(shell grading/tools.sh --stamp $(BUILD)/tools-$(subst $() ,-,$(strip $(tools))) $(tools) >&2 && echo yes),yes)
    $(error tools are missing, see above)
  endif
  include $(BUILD)/labs.mk
  # A list from before a merge or a checkout is read before make makes it anew: until then no labs are known.
  labs_here := $(patsubst %/lab.toml,%,$(wildcard labs/*/lab.toml))
  ifneq ($(sort $(labs_here)),$(sort $(foreach l,$(LABS),$(LAB_$l_DIR))))
    LABS :=
    stale := always
  endif
  ifneq ($(and $(LABS),$(filter-out all $(LABS),$(STAGE))),)
    $(error there is no lab $(LAB): LAB can be one of: $(LABS))
  endif
endif

$(BUILD)/labs.mk: grading/course/lab.py $(wildcard labs/*/lab.toml) $(wildcard labs) $(stale)
	$(Q)$(PYTHON) grading labs --make >$(part)
	$(done)

# The labs of a stage are all those up to LAB. Subsystems that only later labs bring are left out; what
# a lab adds to a subsystem that is there without it is in a folder of its own, kernel/SUBSYSTEM/lab_X/.
stage_labs := $(if $(LAB),$(foreach l,$(LABS),$(filter $l,$(firstword $(sort $l $(LAB))))),$(LABS))
ifneq ($(and $(LABS),$(filter-out $(stage_labs),$(references))),)
  $(error REFERENCE=$(REFERENCE): the labs of this stage are: $(stage_labs))
endif
own_labs := $(filter-out $(references),$(stage_labs))
other_labs := $(filter-out $(stage_labs),$(LABS))
other_subsystems := $(foreach l,$(other_labs),$(LAB_$(l)_SUBSYSTEMS))

# ---- The kernel -----------------------------------------------------------------------------------

subsystems := $(filter-out $(other_subsystems:%=kernel/%/) $(foreach l,$(other_labs),kernel/%/lab_$l/),$(wildcard kernel/*/ kernel/*/*/))
lab_sources := $(foreach l,$(own_labs),$(LAB_$(l)_SOURCES))
kernel_sources := $(sort $(foreach r,$(subsystems),$(wildcard $r*.cc $r*.S)) $(lab_sources))

# Objects of a lab's solution for those who go on without their own. Students have them in reference/;
# the course's tree makes them. Their key tells which headers and flags they were compiled with.
reference_folder = $(or $(wildcard reference/$(1)),$(BUILD)/reference/$(1))
reference_objects := $(foreach l,$(references),$(LAB_$(l)_SOURCES:$(LAB_$(l)_DIR)/%=$(call reference_folder,$l)/%.o))
kernel_objects := $(kernel_sources:%=$(OUT)/obj/%.o) $(reference_objects)

# The argument is the compiler: clang 14 has another way to keep off floating point registers.
machine_flags = -mcmodel=kernel -mno-red-zone $(if $(findstring clang,$(1)),-mno-sse -mno-mmx,-mgeneral-regs-only)
warning_flags := -Wall -Wextra -Wno-unused-parameter
# Not among the flags that a stamp holds: it changes no object, and a cell, which has none of it, takes ours.
strict := $(if $(WERROR),-Werror)
language_flags := -std=c++20 -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics
# As if it had been included: <atomic> reads 200 more files for waiting on an atomic, which a kernel can't use.
language_flags += -D_GLIBCXX_ATOMIC_WAIT_H
# What the language leaves undefined is an invalid instruction there: a panic with its place.
undefined_traps := -fsanitize=signed-integer-overflow,shift-exponent -fsanitize-undefined-trap-on-error
kernel_flags = $(language_flags) $(call machine_flags,$(1)) -fno-pic -fno-pie -fno-stack-protector \
  -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=. -O2 -g \
  $(if $(DEBUG),-DCAIRN_DEBUG=1 $(undefined_traps)) $(warning_flags) -Ikernel
assembly_flags := -g -ffile-prefix-map=$(CURDIR)=. -Ikernel
link_flags := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none --no-warn-rwx-segments -T kernel/boot/kernel.ld

# A stamp holds the words its users were built with; it is rewritten when they change.
stamp = $(if $(LABS),$(shell \
  echo '$(2)' | cmp -s - $(1) || { mkdir -p $(dir $(1)) && echo '$(2)' >$(1); }))
$(call stamp,$(OUT)/obj/flags,$(CXX) $(call kernel_flags,$(CXX)))
$(call stamp,$(OUT)/obj/list,$(link_flags) $(kernel_objects))

# A student's tree has a list of what was given (grading/course/given.py): edits elsewhere are told of.
warn_of_edits := $(if $(wildcard grading/given.sha256),edits)
edits:
	@$(PYTHON) grading given

kernel: $(OUT)/kernel.elf $(BUILD)/compile_commands.json $(warn_of_edits) ## Build the kernel, build/STAGE/kernel.elf

# GCC takes precompiled.h.gch in the place of precompiled.h if that comes first and the flags are the same.
precompiled := $(OUT)/obj/kernel/lib/precompiled.h.gch
$(precompiled): kernel/lib/precompiled.h $(OUT)/obj/flags
	@mkdir -p $(@D)
	$(Q)CCACHE_SLOPPINESS=pch_defines,time_macros $(CCACHE) $(CXX) $(call kernel_flags,$(CXX)) -x c++-header -c $< -o $(part)
	$(done)

# Under GDB the labs' own files are compiled for it: -O2 moves and drops what one wants to see there.
lab_objects := $(lab_sources:%=$(OUT)/obj/%.o)
$(lab_objects): lab_flags := $(if $(filter qemu-gdb,$(goals)),-Og)
$(lab_objects): $(OUT)/obj/lab-flags
$(call stamp,$(OUT)/obj/lab-flags,$(if $(filter qemu-gdb,$(goals)),-Og))

# Headers that need a heap, exceptions or files compile, and fail only at linking, without the student's line.
freestanding := kernel/lib/freestanding.txt
$(lab_objects): refuse_hosted = @awk 'NR == FNR { known["<" $$1 ">"]; next } \
  /^[ \t]*\#[ \t]*include[ \t]*</ && match($$0, /<[^>]*>/) && !((name = substr($$0, RSTART, RLENGTH)) in known) { \
  print FILENAME ":" FNR ": error: " name " needs a hosted C++ library; use kernel/lib or one that $(freestanding) lists"; bad = 1 } \
  END { exit bad }' $(freestanding) $< >&2

$(OUT)/obj/%.cc.o: %.cc $(precompiled)
	$(call show,C++,$<)
	$(refuse_hosted)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CXX) -I$(OUT)/obj/kernel -include lib/precompiled.h -Winvalid-pch \
	  $(call kernel_flags,$(CXX)) $(lab_flags) $(strict) $(depend) -c $< -o $(part)
	$(compiled)

$(OUT)/obj/%.S.o: %.S $(OUT)/obj/flags
	$(call show,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(assembly_flags) $(depend) -c $< -o $(part)
	$(compiled)

# Linked twice: the names and addresses of the first result become the second one's symbol table,
# which backtraces read. The table stands behind the code, so no address in it changes.
$(OUT)/kernel.elf: $(kernel_objects) kernel/boot/kernel.ld kernel/debug/make_symbols.py $(OUT)/obj/list
	$(call show,LINK,$@)
	$(Q)$(LD) $(link_flags) $(kernel_objects) -o $(part).elf
	$(Q)nm -n -C $(part).elf | $(PYTHON) kernel/debug/make_symbols.py >$(part).S
	$(Q)$(CC) -c $(part).S -o $(part).o
	$(Q)$(LD) $(link_flags) $(kernel_objects) $(part).o -o $(part)
	@rm -f $(part).*
	$(done)

lost_sources = $(filter-out $(wildcard $(lab_sources)),$(lab_sources))
$(lab_sources):
	$(error missing, though lab.toml lists them: $(lost_sources); take them back with: git checkout $(lost_sources))

-include $(kernel_objects:=.d)

ifneq ($(and $(LABS),$(references)),)
  $(foreach l,$(references),$(if $(wildcard reference/$l),,$(shell $(MAKE) reference LAB=$l >&2)))
  ifneq ($(shell $(PYTHON) grading reference check $(OUT)/obj/flags $(foreach l,$(references),$(call reference_folder,$l)) >&2 && echo yes),yes)
    $(error the reference objects can't be used, see above)
  endif
endif

reference: $(LAB_$(LAB)_SOURCES:%=$(OUT)/obj/%.o) ## Keep LAB's solution as objects, build/reference/LAB
	$(if $(LAB),,$(error say which lab: make reference LAB=a))
	$(Q)$(PYTHON) grading reference pack $(OUT)/obj/flags $(BUILD)/reference/$(LAB) $^

# For clangd and clang-tidy: one entry a file, with clang's flags and its analysis of locks.
clang_warnings := -Wthread-safety -Wno-missing-field-initializers
compile_command = {"directory": "$(CURDIR)", "file": "$(1)", "command": "$(2) -c $(1)"}$(if $(3),$(comma))
$(BUILD)/compile_commands.json: Makefile $(OUT)/obj/flags $(OUT)/obj/list
	$(file >$(part),[)
	$(foreach s,$(filter %.cc,$(kernel_sources)),$(file >>$(part),$(call compile_command,$s,clang++ $(call kernel_flags,clang) $(strict) $(clang_warnings),more)))
	$(foreach s,$(program_sources),$(file >>$(part),$(call compile_command,$s,$(MUSL_CC) $(program_flags),more)))
	$(file >>$(part),$(call compile_command,user/start/start.c,$(MUSL_CC) $(program_flags)))
	$(file >>$(part),])
	$(done)

# ---- Programs -------------------------------------------------------------------------------------

# Each of these files is a program, named after it. Students' tests are programs too.
program_folders := user/programs user/bench user/tests $(foreach l,$(LABS),$(LAB_$(l)_DIR)/tests)
program_sources := $(foreach f,$(program_folders),$(wildcard $f/*.c))
programs := $(sort $(notdir $(program_sources:.c=)))
ifneq ($(words $(programs)),$(words $(program_sources)))
  $(error two programs have one name; rename one: $(program_sources))
endif

program_flags := -std=gnu11 -D_GNU_SOURCE -static -no-pie -O2 -g -Wall -Wextra -Iuser/include \
  -fno-pie -fno-stack-protector -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)=.
program_link_flags := -fno-lto -fno-use-linker-plugin -Wl,-e,cairn_start -Wl,--gc-sections -Wl,--build-id=none \
  -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -Wl,-z,norelro
start_objects := $(BUILD)/user/start/start.S.o $(BUILD)/user/start/start.c.o
$(call stamp,$(BUILD)/user/flags,$(MUSL_CC) $(program_flags) $(program_link_flags))
$(call stamp,$(BUILD)/user/list,$(programs))

# GRUB spends 15 instructions on each byte that it loads. So a disk has the programs for people; those that
# only the grader and the suite start are in the archive that these hand to QEMU.
archives := $(BUILD)/user/programs.cpio $(BUILD)/user/disk-programs.cpio
test_programs := $(notdir $(basename $(wildcard user/tests/*.c)))
programs_for_people := $(filter-out $(test_programs),$(programs))

programs: $(archives) ## Build the programs that run on Cairn, build/user

$(BUILD)/user/start/%.o: user/start/% $(BUILD)/user/flags
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(program_flags) $(strict) -c $< -o $(part)
	$(done)

vpath %.c $(program_folders)
.SECONDARY: $(programs:%=$(BUILD)/user/%.elf) $(start_objects)
$(BUILD)/user/%.elf: %.c $(start_objects) $(BUILD)/user/flags
	$(call show,CC,$<)
	$(Q)$(CCACHE) $(MUSL_CC) $(program_flags) $(strict) $(depend) -c $< -o $(part).o
	$(Q)$(MUSL_CC) $(program_flags) $(program_link_flags) $(start_objects) $(part).o -o $(part)
	@rm -f $(part).o
	$(compiled)

$(BUILD)/user/%.flat: $(BUILD)/user/%.elf user/pack_flat.py
	$(Q)user/pack_flat.py $< $@

$(BUILD)/user/programs.cpio: $(programs:%=$(BUILD)/user/%.flat)
$(BUILD)/user/disk-programs.cpio: $(programs_for_people:%=$(BUILD)/user/%.flat)
$(archives): user/pack_programs.py $(BUILD)/user/list
	$(call show,CPIO,$@)
	$(Q)user/pack_programs.py $@ $(filter %.flat,$^)

-include $(programs:%=$(BUILD)/user/%.elf.d)

# ---- Disks ----------------------------------------------------------------------------------------

# What GRUB's image has in it. On BIOS the rest is on the disk (make_disk.py).
grub_modules := part_msdos ext2 serial terminfo terminal
efi_modules := $(grub_modules) search multiboot2 normal test echo sleep halt
$(call stamp,$(BUILD)/grub/list,$(efi_modules))

image: $(OUT)/disk.img $(if $(UEFI),$(BUILD)/esp.img) ## Build a boot disk as tests use it, build/STAGE/disk.img

$(BUILD)/grub/core.img: fs-images/core.cfg $(BUILD)/grub/list
	$(Q)grub-mkimage -O i386-pc -p '(,msdos1)/boot/grub' -c $< -o $(part) biosdisk $(grub_modules)
	$(done)

$(BUILD)/grub/grub.efi: fs-images/esp.cfg $(BUILD)/grub/list
	$(Q)grub-mkimage -O x86_64-efi -p /boot/grub -c $< -o $(part) $(efi_modules)
	$(done)

$(BUILD)/esp.img: $(BUILD)/grub/grub.efi fs-images/make_esp.sh
	$(call show,ESP,$@)
	$(Q)fs-images/make_esp.sh $< $@

# From the stage on whose kernel executes ELF files, people log in, and have the programs in /usr/bin.
login_programs := $(if $(filter kernel/exec/,$(subsystems)),$(programs_for_people:%=$(BUILD)/user/%.elf))
disk_parts := $(OUT)/kernel.elf $(BUILD)/user/disk-programs.cpio $(BUILD)/grub/core.img $(wildcard fs-images/minimal/*/*) \
  $(addprefix fs-images/,grub.cfg motd make_disk.py minimal.py kept_disk.py e2fsprogs.py ext2_layout.py sparse.py) \
  $(login_programs) $(if $(login_programs),/bin/busybox)

# The arguments: the image, and what else make_disk.py is told.
define make_disk
$(call show,DISK,$(1))
$(Q)objcopy --strip-all $(OUT)/kernel.elf $(part)
$(Q)fs-images/make_disk.py $(1) --core $(BUILD)/grub/core.img --kernel $(part) --programs $(BUILD)/user/disk-programs.cpio $(login_programs:%=--minimal %) $(2)
@rm -f $(part)
endef

$(OUT)/disk.img: $(disk_parts)
	$(call make_disk,$@)

# The disk of `make qemu` keeps what people wrote on it; a new kernel is put onto it. QEMU writes to it,
# so its own time says nothing: a stamp tells when it got its kernel. A machine that was left without
# `halt` has not unmounted it (the superblock's s_state isn't 1): then e2fsck looks at it, too.
kept_disk := $(OUT)/kept-disk.img
unmounted = $(filter 1,$(shell od -An -tu2 -j1049658 -N2 $(kept_disk) 2>/dev/null))
$(OUT)/kept-disk.stamp: $(disk_parts) $(if $(unmounted),,always) $(if $(filter fresh-disk,$(goals)),| fresh-disk)
	$(call make_disk,$(kept_disk),--keep --words '$(LAB:%=LAB=%)$(if $(DEBUG), DEBUG=1)')
	@touch $@

fresh-disk: $(disk_parts) ## Make the disk of `make qemu` anew, without what was written on it
	$(call make_disk,$(kept_disk))
	@touch $(OUT)/kept-disk.stamp

# ---- Running --------------------------------------------------------------------------------------

qemu_arguments := --stage $(notdir $(OUT)) $(if $(UEFI),--uefi) $(MEMORY:%=--memory %) $(SMP:%=--smp %) $(if $(MONITOR),--options init=)

qemu_disks := $(OUT)/kept-disk.stamp $(if $(UEFI),$(BUILD)/esp.img)

qemu: $(qemu_disks) $(BUILD)/compile_commands.json $(warn_of_edits) ## Boot Cairn in QEMU (Ctrl-A x leaves); SMP=4, MONITOR=1, UEFI=1, MEMORY=2G
	@$(PYTHON) grading qemu $(qemu_arguments)

qemu-gdb: $(qemu_disks) $(warn_of_edits) ## The same, stopped until `make gdb` in another terminal lets it go
	@$(PYTHON) grading qemu $(qemu_arguments) --gdb --wait

gdb: ## Attach GDB to the machine of `make qemu-gdb`; LAB=a if several run
	@$(PYTHON) grading gdb $(if $(LAB)$(DEBUG),$(notdir $(OUT)))

# ---- Grading --------------------------------------------------------------------------------------

wanted_labs := $(if $(LAB),$(LAB),$(LABS))

grade: ## Grade LAB; K=A2, TEST=name, SEED=n, GDB=1, SUBMISSION=folder, REFERENCE=a
	@for lab in $(wanted_labs); do grading/grade $$lab $(if $(K)$(TEST),-k '$(or $(K),$(TEST))') \
	  $(if $(SUBMISSION),--submission '$(SUBMISSION)') $(SANDBOX:%=--sandbox %) $(references:%=--reference %) $(SEED:%=--seed %) $(if $(GDB),--gdb) || exit; done

bench: image ## Measure the operations of LAB; lab b's beside Linux in the same QEMU, SCALE=1 as N grows
	@for lab in $(wanted_labs); do $(PYTHON) grading bench $$lab --stage $(STAGE) $(if $(SCALE),--scale) || exit; done

starter: ## Write the students' tree for LAB, build/starters/lab-LAB
	@for lab in $(wanted_labs); do $(PYTHON) grading starter $$lab --out $(BUILD)/starters/lab-$$lab || exit; done

branches: ## Write the students' Git repository, build/students.git, and the course's, build/solutions.git
	@$(PYTHON) grading branches --out $(BUILD)

# ---- Checking -------------------------------------------------------------------------------------

pytest := $(PYTHON) -m pytest -p no:cacheprovider -q -rs -n auto $(if $(TEST),-k '$(TEST)') $(SEED:%=--suite-seed %) grading/suite

test: image programs lint ## Run the project's own tests (within 45 minutes)
	@$(pytest)

test-all: image programs lint ## The same without sampling
	@$(pytest) --all

soak: image programs ## Power cuts and damaged disks, a new seed each round, for MINUTES=10
	@grading/suite/soak.py --minutes $(or $(MINUTES),10) $(SEED:%=--seed %)

c_files := find fs-images grading kernel labs user -name '*.cc' -o -name '*.h' -o -name '*.c'
lint: $(filter %.tidy,$(kernel_sources:%.cc=$(BUILD)/lint/%.cc.tidy)) ## Check layout, mistakes, locking, the order of the subsystems
	$(Q)clang-format --dry-run -Werror $$($(c_files))
	$(Q)$(PYTHON) grading layers --headers

$(BUILD)/lint/%.cc.tidy: %.cc .clang-tidy $(OUT)/obj/%.cc.o | $(BUILD)/compile_commands.json
	$(call show,LINT,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet -p $(BUILD) --warnings-as-errors='*' $< 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

# ---- Housekeeping ---------------------------------------------------------------------------------

clean: ## Remove everything that was built, the disk of `make qemu` too
	rm -rf $(BUILD)

help: ## Show this list
	@printf 'Cairn. make TARGET [LAB=a] [V=1]; without LAB every lab is in.\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1            \2/p' Makefile | LC_ALL=C sort | sed 's/^\(.\{13\}\) */\1/' \
	  $(if $(missing_goals),| grep -vE '^  ($(subst $() ,|,$(missing_goals))) ')

.PHONY: always bench branches clean edits fresh-disk gdb grade help image kernel lint programs qemu qemu-gdb reference soak starter test test-all
