// What File::stream points to in files of pipes and FIFOs. For pipe.cc and fifo.cc.
#pragma once

#include "special_files/pipe.h"

namespace cairn {

struct Fifo;

struct PipeEnd {
  Pipe& pipe;
  Fifo* fifo;                    // null: a pipe without a name
  uint32_t writer_opens_before;  // when this end was opened
};

inline PipeEnd& end_of(File& file) { return *static_cast<PipeEnd*>(file.stream); }
inline Pipe& pipe_of(File& file) { return end_of(file).pipe; }

}  // namespace cairn
