// Source: cpio(5), "New ASCII Format": headers of 110 bytes with fields of 8 hexadecimal digits,
// names and contents padded to 4 bytes, ended by a file named TRAILER!!!.
#include "debug/log.h"
#include "drivers/ram_disk.h"
#include "lib/string.h"
#include "process/boot_programs.h"

namespace cairn {

namespace {

constexpr uint64_t kHeaderSize = 110;

/// The value of header field `index` (0: inode … 6: file size … 11: name size), or -1.
int64_t field(const uint8_t* header, unsigned index) {
  int64_t value = 0;
  for (unsigned i = 0; i < 8; i++) {
    uint8_t c = header[6 + index * 8 + i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

constexpr uint64_t pad4(uint64_t value) { return align_up(value, 4); }

}  // namespace

Result<unsigned> add_programs_from_archive(std::span<const uint8_t> archive) {
  constexpr int64_t kTypeMask = 0170000, kRegularFile = 0100000;
  unsigned added = 0;
  uint64_t at = 0;
  while (archive.size() - at >= kHeaderSize) {
    const uint8_t* header = archive.data() + at;
    int64_t mode = field(header, 1), size = field(header, 6), name_size = field(header, 11);
    if (memcmp(header, "070701", 6) != 0 || mode < 0 || size < 0 || name_size < 1) {
      return Errno::kEINVAL;
    }
    uint64_t name_at = at + kHeaderSize;
    uint64_t data_at = pad4(name_at + uint64_t(name_size));
    if (data_at > archive.size() || uint64_t(size) > archive.size() - data_at)
      return Errno::kEINVAL;
    std::string_view name(reinterpret_cast<const char*>(archive.data() + name_at),
                          size_t(name_size) - 1);
    if (name == "TRAILER!!!") return added;
    if ((mode & kTypeMask) == kRegularFile) {
      if (name.starts_with("./")) name.remove_prefix(2);
      auto content = archive.subspan(data_at, uint64_t(size));
      bool disk = is_disk_image(name);
      // The archive lies in memory that nobody else uses, so a disk in it may be written to.
      auto result = disk ? add_ram_disk({const_cast<uint8_t*>(content.data()), content.size()})
                         : add_program(name, content);
      if (result.ok() && !disk) added++;
      if (!result.ok()) log_warning("programs", "{}: {}", name, errno_name(result.error()));
    }
    at = pad4(data_at + uint64_t(size));
    if (at > archive.size()) return Errno::kEINVAL;
  }
  return Errno::kEINVAL;
}

}  // namespace cairn
