#include "sockets/message.h"

#include <algorithm>

#include "memory/heap.h"

namespace cairn {

constinit Spinlock sockets_lock{"sockets", LockRank::kSockets};

FileBundle::~FileBundle() {
  for (RefPtr<File>& file : all()) file = nullptr;
  heap_free(files_);
}

Result<void> FileBundle::start(uint32_t count) {
  files_ = static_cast<RefPtr<File>*>(heap_allocate(count * sizeof(RefPtr<File>)));
  if (files_ == nullptr) return Errno::kENOMEM;
  for (uint32_t i = 0; i < count; i++) new (&files_[i]) RefPtr<File>();
  return {};
}

Result<FileBundle> FileBundle::copy() const {
  FileBundle bundle;
  if (count_ == 0) return bundle;
  TRY(bundle.start(count_));
  for (const RefPtr<File>& file : all()) bundle.add(file);
  return bundle;
}

Result<Message*> Message::create(IoBuffer& buffer, uint64_t size) {
  auto* message = new_object<Message>();
  if (message == nullptr) return Errno::kENOMEM;
  message->size = size;
  message->charge_ = sizeof(Message);
  Chunk** end = &message->first_;
  auto fill = [&]() -> Result<void> {
    for (uint64_t left = size; left != 0;) {
      const uint64_t count = std::min(left, kChunk);
      auto* chunk = static_cast<Chunk*>(heap_allocate(sizeof(Chunk) + count));
      if (chunk == nullptr) return Errno::kENOMEM;
      chunk->next = nullptr;
      chunk->size = count;
      *end = chunk;
      end = &chunk->next;
      message->charge_ += sizeof(Chunk) + count;
      TRY(buffer.take(chunk->bytes, count));
      left -= count;
    }
    return {};
  };
  auto filled = fill();
  if (filled.ok()) return message;
  delete message;
  return filled.error();
}

Message::~Message() {
  while (Chunk* chunk = first_) {
    first_ = chunk->next;
    heap_free(chunk);
  }
}

Result<void> Message::copy_out(IoBuffer& buffer, uint64_t offset, uint64_t count) const {
  for (const Chunk* chunk = first_; chunk != nullptr && count != 0; chunk = chunk->next) {
    if (offset >= chunk->size) {
      offset -= chunk->size;
      continue;
    }
    const uint64_t piece = std::min(count, chunk->size - offset);
    TRY(buffer.put(chunk->bytes + offset, piece));
    offset = 0;
    count -= piece;
  }
  return {};
}

}  // namespace cairn
