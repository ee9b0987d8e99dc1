// A QEMU plugin that counts the guest's instructions, exactly and without its waits. A program marks a
// place with an instruction that does nothing (mark() in user/include/cairn.h); for each mark that is
// passed the plugin writes a record: its number, the instructions so far, the host's clock.
//
// Usage: -plugin instruction_count.so,out=FILE. grading/bench/instruction_count.py builds it and reads FILE.
// Debian's QEMU has no header for plugins; what is used of version 1 of their interface is declared here.
// Source: QEMU's documentation, "QEMU TCG Plugins".

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t PluginId;
typedef struct qemu_plugin_tb Block;  // instructions that are translated together
typedef struct qemu_plugin_insn Instruction;
enum { kAddU64 = 0, kNoRegisters = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, void (*)(PluginId, Block*));
extern void qemu_plugin_register_vcpu_insn_exec_inline(Instruction*, int operation, void*,
                                                       uint64_t);
extern void qemu_plugin_register_vcpu_insn_exec_cb(Instruction*, void (*)(unsigned, void*), int,
                                                   void*);
extern size_t qemu_plugin_tb_n_insns(const Block*);
extern Instruction* qemu_plugin_tb_get_insn(const Block*, size_t);
extern const void* qemu_plugin_insn_data(const Instruction*);
extern size_t qemu_plugin_insn_size(const Instruction*);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

// nopl imm32(%rax,%rax,1); the upper half of the immediate is kMagic, the lower one the mark's number.
static const uint8_t kMark[] = {0x0f, 0x1f, 0x84, 0x00};
enum { kMarkSize = 8, kMagic = 0xca12 };

typedef struct {
  uint64_t number, instructions, host_ns;
} Record;

static uint64_t instructions;
static int file = -1;

static void pass_mark(unsigned cpu, void* number) {
  (void)cpu;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  Record record = {(uintptr_t)number, instructions,
                   (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
  if (write(file, &record, sizeof record) != sizeof record) perror("instruction_count");
}

// Each vCPU adds to one counter, which is exact for the one processor of the machines that are compared.
static void translate(PluginId id, Block* block) {
  (void)id;
  size_t count = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < count; i++) {
    Instruction* instruction = qemu_plugin_tb_get_insn(block, i);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, kAddU64, &instructions, 1);
    if (qemu_plugin_insn_size(instruction) != kMarkSize) continue;
    const uint8_t* bytes = qemu_plugin_insn_data(instruction);
    uint16_t number, magic;
    memcpy(&number, bytes + 4, sizeof number);
    memcpy(&magic, bytes + 6, sizeof magic);
    if (memcmp(bytes, kMark, sizeof kMark) == 0 && magic == kMagic)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, pass_mark, kNoRegisters,
                                             (void*)(uintptr_t)number);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void* info,
                                                               int count, char** arguments) {
  (void)info;
  for (int i = 0; i < count; i++)
    if (strncmp(arguments[i], "out=", 4) == 0)
      file = open(arguments[i] + 4, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  if (file < 0) {
    fprintf(stderr, "instruction_count: out=FILE is missing, or FILE can't be written\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return 0;
}
