// The names of flags of the calls about memory.
// Sources: Linux, include/uapi/asm-generic/mman-common.h, include/uapi/linux/mman.h.
#pragma once

#include "syscalls/decode/flag_names.h"

namespace cairn {

inline constexpr FlagName kProtectionNames[] = {{0, "PROT_NONE", 7},
                                                {1, "PROT_READ"},
                                                {2, "PROT_WRITE"},
                                                {4, "PROT_EXEC"},
                                                {0x0100'0000, "PROT_GROWSDOWN"}};
inline constexpr FlagName kMapNames[] = {
    {1, "MAP_SHARED", 15},          {2, "MAP_PRIVATE", 15},
    {3, "MAP_SHARED_VALIDATE", 15}, {0x10, "MAP_FIXED"},
    {0x20, "MAP_ANONYMOUS"},        {0x40, "MAP_32BIT"},
    {0x100, "MAP_GROWSDOWN"},       {0x800, "MAP_DENYWRITE"},
    {0x1000, "MAP_EXECUTABLE"},     {0x2000, "MAP_LOCKED"},
    {0x4000, "MAP_NORESERVE"},      {0x8000, "MAP_POPULATE"},
    {0x1'0000, "MAP_NONBLOCK"},     {0x2'0000, "MAP_STACK"},
    {0x4'0000, "MAP_HUGETLB"},      {0x10'0000, "MAP_FIXED_NOREPLACE"}};
inline constexpr FlagName kRemapNames[] = {
    {1, "MREMAP_MAYMOVE"}, {2, "MREMAP_FIXED"}, {4, "MREMAP_DONTUNMAP"}};
inline constexpr FlagName kAdviceNames[] = {
    {0, "MADV_NORMAL"},         {1, "MADV_RANDOM"},    {2, "MADV_SEQUENTIAL"},
    {3, "MADV_WILLNEED"},       {4, "MADV_DONTNEED"},  {8, "MADV_FREE"},
    {9, "MADV_REMOVE"},         {10, "MADV_DONTFORK"}, {11, "MADV_DOFORK"},
    {12, "MADV_MERGEABLE"},     {14, "MADV_HUGEPAGE"}, {15, "MADV_NOHUGEPAGE"},
    {16, "MADV_DONTDUMP"},      {17, "MADV_DODUMP"},   {18, "MADV_WIPEONFORK"},
    {20, "MADV_COLD"},          {21, "MADV_PAGEOUT"},  {22, "MADV_POPULATE_READ"},
    {23, "MADV_POPULATE_WRITE"}};
inline constexpr FlagName kSyncNames[] = {{1, "MS_ASYNC"}, {2, "MS_INVALIDATE"}, {4, "MS_SYNC"}};

}  // namespace cairn
