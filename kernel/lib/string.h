// The functions that the compiler and the freestanding library call on their own.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
void* memcpy(void* to, const void* from, size_t count);
void* memmove(void* to, const void* from, size_t count);
void* memset(void* to, int byte, size_t count);
void* memchr(const void* memory, int byte, size_t count);
int memcmp(const void* left, const void* right, size_t count);
size_t strlen(const char* text);
}
