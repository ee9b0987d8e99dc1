// Strings and buffers.
#include "address_space/io_buffer.h"
#include "syscalls/decode/show.h"

namespace cairn {

namespace {

constexpr uint64_t kShownPath = 120;  // bytes

void write_escaped_byte(BufferWriter& out, uint8_t byte, bool digit_follows) {
  constexpr std::string_view kNamed = "\n\t\r\"\\\f\v", kNames = "ntr\"\\fv";
  if (size_t at = kNamed.find(char(byte)); at != std::string_view::npos) {
    return print(out, "\\{}", kNames[at]);
  }
  if (byte >= ' ' && byte < 0x7f) return print(out, "{}", char(byte));
  const char digits[] = {char('0' + (byte >> 6)), char('0' + (byte >> 3 & 7)),
                         char('0' + (byte & 7))};
  size_t skip = 0;
  while (!digit_follows && skip < 2 && digits[skip] == '0') skip++;
  print(out, "\\{}", std::string_view(digits + skip, sizeof(digits) - skip));
}

/// How many bytes of a buffer are shown, of a call that moved as many as its result says.
uint64_t moved(const CallView& call) { return call.failed() ? 0 : uint64_t(call.result); }

}  // namespace

void write_quoted(BufferWriter& out, std::string_view text) {
  out.write("\"");
  for (size_t i = 0; i < text.size(); i++) {
    bool digit_follows = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    write_escaped_byte(out, uint8_t(text[i]), digit_follows);
  }
  out.write("\"");
}

void write_memory(BufferWriter& out, uint64_t address, uint64_t size) {
  char bytes[kShownBytes];
  uint64_t wanted = std::min(size, sizeof(bytes));
  if (copy_some_from_user(bytes, VirtAddr(address), wanted) < wanted) {
    return write_address(out, address);
  }
  write_quoted(out, {bytes, wanted});
  if (size > wanted) out.write("...");
}

void write_string(BufferWriter& out, uint64_t address, uint64_t most) {
  char bytes[kShownPath + 1];
  most = std::min(most, kShownPath);
  uint64_t got = 0;
  size_t length = std::string_view::npos;
  // Page by page: what is behind the string may be no memory of the user's.
  while (address != 0 && got <= most && length == std::string_view::npos) {
    const VirtAddr at(address + got);
    uint64_t wanted = std::min(most + 1 - got, kPageSize - at.value % kPageSize);
    uint64_t count = copy_some_from_user(bytes + got, at, wanted);
    got += count;
    length = std::string_view(bytes, got).find('\0');
    if (count < wanted) break;
  }
  const bool ends = length != std::string_view::npos;
  if (!ends && got <= most) return write_address(out, address);
  write_quoted(out, {bytes, ends ? length : most});
  if (!ends) out.write("...");
}

void show_path(BufferWriter& out, const CallView& call, unsigned index) {
  write_string(out, call.arguments[index], kShownPath);
}

/// Its size is the next argument.
void show_bytes(BufferWriter& out, const CallView& call, unsigned index) {
  write_memory(out, call.arguments[index], call.arguments[index + 1]);
}

void show_bytes_read(BufferWriter& out, const CallView& call, unsigned index) {
  write_memory(out, call.arguments[index], moved(call));
}

void show_string_result(BufferWriter& out, const CallView& call, unsigned index) {
  write_string(out, call.arguments[index], kShownPath);
}

/// argv.
void show_strings(BufferWriter& out, const CallView& call, unsigned index) {
  uint64_t at = call.arguments[index];
  if (at == 0) return write_address(out, at);
  out.write("[");
  for (unsigned i = 0;; i++, at += sizeof(uint64_t)) {
    auto string = read_user<uint64_t>(VirtAddr(at));
    if (string.ok() && *string == 0) break;
    if (i != 0) out.write(", ");
    if (!string.ok() || i == kShownItems || out.text().size() > kShownText / 2) {
      out.write("...");
      break;
    }
    write_string(out, *string, kShownBytes);
  }
  out.write("]");
}

/// envp: only how many.
void show_string_count(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr unsigned kMostCounted = 1000;
  uint64_t at = call.arguments[index];
  write_address(out, at);
  unsigned count = 0;
  for (; at != 0 && count < kMostCounted; count++, at += sizeof(uint64_t)) {
    auto string = read_user<uint64_t>(VirtAddr(at));
    if (!string.ok()) return;
    if (*string == 0) break;
  }
  print(out, " /* {} variables */", count);
}

namespace {

/// struct iovec: `left` bytes of all pieces are to be shown.
void write_pieces(BufferWriter& out, const CallView& call, unsigned index, uint64_t left) {
  write_array<IoPiece>(out, call.arguments[index], call.arguments[index + 1],
                       [&left](BufferWriter& to, const IoPiece& piece) {
                         uint64_t size = std::min(piece.size, left);
                         left -= size;
                         to.write("{iov_base=");
                         write_memory(to, piece.start, size);
                         print(to, ", iov_len={}", piece.size);
                         to.write("}");
                       });
}

}  // namespace

void show_vector(BufferWriter& out, const CallView& call, unsigned index) {
  write_pieces(out, call, index, UINT64_MAX);
}

void show_vector_read(BufferWriter& out, const CallView& call, unsigned index) {
  write_pieces(out, call, index, moved(call));
}

/// getdents64(): how many.
void show_entries(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr uint64_t kSizeOffset = 16;  // in struct linux_dirent64
  uint64_t at = call.arguments[index];
  const uint64_t end = at + moved(call);
  unsigned count = 0;
  write_address(out, at);
  for (; at < end; count++) {
    auto size = read_user<uint16_t>(VirtAddr(at + kSizeOffset));
    if (!size.ok() || *size == 0) break;
    at += *size;
  }
  print(out, " /* {} entries */", count);
}

}  // namespace cairn
