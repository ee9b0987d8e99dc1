#include "lib/string.h"

// Copies 8 bytes a step, since each step of `rep` counts as an instruction under instruction
// counting; the tail goes bytewise.
extern "C" void* memcpy(void* to, const void* from, size_t count) {
  void* result = to;
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
  return result;
}

extern "C" void* memmove(void* to, const void* from, size_t count) {
  auto* target = static_cast<char*>(to);
  auto* source = static_cast<const char*>(from);
  if (target <= source || target >= source + count) return memcpy(to, from, count);
  const char* last_source = source + count - 1;
  char* last_target = target + count - 1;
  asm volatile("std; rep movsb; cld"
               : "+D"(last_target), "+S"(last_source), "+c"(count)
               :
               : "memory");
  return to;
}

extern "C" void* memset(void* to, int byte, size_t count) {
  void* result = to;
  uint64_t pattern = uint64_t(uint8_t(byte)) * 0x0101010101010101ull;
  size_t words = count / 8;
  size_t rest = count % 8;
  asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
  return result;
}

extern "C" void* memchr(const void* memory, int byte, size_t count) {
  auto* bytes = static_cast<const uint8_t*>(memory);
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] == uint8_t(byte)) return const_cast<uint8_t*>(bytes + i);
  }
  return nullptr;
}

extern "C" int memcmp(const void* left, const void* right, size_t count) {
  auto* a = static_cast<const uint8_t*>(left);
  auto* b = static_cast<const uint8_t*>(right);
  for (size_t i = 0; i < count; i++) {
    if (a[i] != b[i]) return a[i] - b[i];
  }
  return 0;
}

extern "C" size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  return length;
}
