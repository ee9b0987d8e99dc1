// Sources: Multiboot2 Specification, "Boot information format"; Xen, "x86/HVM direct boot ABI"
// (hvm_start_info).
#include "boot/boot_info.h"

#include <algorithm>

#include "arch/layout.h"
#include "lib/format.h"
#include "lib/string.h"

namespace cairn {

constinit BootInfo boot_info;

namespace {

constexpr uint32_t kUsableRam = 1;  // in both formats, as in E820

void add_module(PhysAddr start, PhysAddr end, const char* name) {
  if (boot_info.module_count == boot_info.modules.size()) return;
  BootModule& module = boot_info.modules[boot_info.module_count++];
  module.range = {start, end};
  BufferWriter(module.name).write(name);
}

struct [[gnu::packed]] Tag {
  uint32_t type;
  uint32_t size;
};

void read_memory_tag(const uint8_t* tag, uint32_t size) {
  struct [[gnu::packed]] Entry {
    uint64_t address, length;
    uint32_t type, reserved;
  };
  uint32_t entry_size;
  memcpy(&entry_size, tag + 8, 4);
  if (entry_size < sizeof(Entry)) return;
  for (uint32_t at = 16; at + entry_size <= size; at += entry_size) {
    Entry entry;
    memcpy(&entry, tag + at, sizeof(entry));
    if (entry.type != kUsableRam) continue;
    boot_info.memory.add({PhysAddr(entry.address), PhysAddr(entry.address + entry.length)});
  }
}

void read_tag(const uint8_t* tag, const Tag& header) {
  auto* text = reinterpret_cast<const char*>(tag);
  switch (header.type) {
    case 1:  // command line
      BufferWriter(boot_info.options).write(text + 8);
      break;
    case 2:  // loader's name
      boot_info.loader = "GRUB2 (Multiboot2)";
      break;
    case 3: {  // module
      uint32_t range[2];
      memcpy(range, tag + 8, sizeof(range));
      add_module(PhysAddr(range[0]), PhysAddr(range[1]), text + 16);
      break;
    }
    case 6:  // memory map
      read_memory_tag(tag, header.size);
      break;
    case 14:
    case 15:  // a copy of the old or new RSDP; the new one is preferred
      if (header.type == 15 || boot_info.rsdp.value == 0) boot_info.rsdp = physical_of(tag + 8);
      break;
  }
}

bool read_multiboot2(PhysAddr address) {
  auto* bytes = direct_map_as<const uint8_t>(address);
  uint32_t total;
  memcpy(&total, bytes, 4);
  boot_info.loader = "Multiboot2";
  for (uint32_t at = 8; at + sizeof(Tag) <= total;) {
    Tag tag;
    memcpy(&tag, bytes + at, sizeof(tag));
    if (tag.type == 0 || tag.size < sizeof(Tag) || at + tag.size > total) break;
    read_tag(bytes + at, tag);
    at += uint32_t(align_up(tag.size, 8));
  }
  return true;
}

bool read_pvh(PhysAddr address) {
  struct [[gnu::packed]] StartInfo {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
  } info;
  struct [[gnu::packed]] Module {
    uint64_t address, size, command_line, reserved;
  };
  struct [[gnu::packed]] Entry {
    uint64_t address, size;
    uint32_t type, reserved;
  };
  memcpy(&info, direct_map(address), sizeof(info));
  if (info.magic != 0x336ec578 || info.version < 1) return false;
  boot_info.loader = "QEMU -kernel (PVH)";
  boot_info.rsdp = PhysAddr(info.rsdp);
  if (info.command_line != 0) {
    BufferWriter(boot_info.options).write(direct_map_as<const char>(PhysAddr(info.command_line)));
  }
  for (uint32_t i = 0; i < info.memory_map_entries; i++) {
    Entry entry = direct_map_as<const Entry>(PhysAddr(info.memory_map))[i];
    if (entry.type != kUsableRam) continue;
    boot_info.memory.add({PhysAddr(entry.address), PhysAddr(entry.address + entry.size)});
  }
  for (uint32_t i = 0; i < info.module_count; i++) {
    Module module = direct_map_as<const Module>(PhysAddr(info.modules))[i];
    add_module(PhysAddr(module.address), PhysAddr(module.address + module.size), "initrd");
  }
  return true;
}

}  // namespace

bool read_boot_info(uint64_t magic, PhysAddr address) {
  constexpr uint64_t kMultiboot2 = 0x36d76289, kPvh = 0x336ec578;
  if (magic == kMultiboot2) return read_multiboot2(address);
  if (magic == kPvh) return read_pvh(address);
  return false;
}

std::string_view option_value(std::string_view prefix) {
  std::string_view rest = boot_info.options;
  std::string_view value;
  while (!rest.empty()) {
    size_t end = std::min(rest.find(' '), rest.size());
    std::string_view word = rest.substr(0, end);
    if (word.starts_with(prefix)) value = word.substr(prefix.size());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return value;
}

bool has_option(std::string_view wanted) {
  std::string_view rest = boot_info.options;
  while (!rest.empty()) {
    size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == wanted) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace cairn
