// The inodes of procfs: made at each look at a name, and gone with their last user. For this subsystem only.
#pragma once

#include "procfs/entry.h"

namespace cairn {

class ProcFileSystem final : public FileSystem {
 public:
  ProcFileSystem() : FileSystem("proc", nullptr, false) { changes_by_itself = true; }
  Result<void> start();

  Result<RefPtr<Inode>> root() override { return RefPtr<Inode>(root_); }
  FileSystemStatistics statistics() override;
  Result<void> shut_down() override;
  void destroy_inode(Inode& inode) override;

 private:
  RefPtr<Inode> root_;
};

struct ShownText;  // of an open file

class ProcInode final : public Inode {
 public:
  /// `parent`: null for the root.
  ProcInode(ProcFileSystem& file_system, InodeNumber number, const ProcEntry& entry,
            ProcTarget target, ProcInode* parent);

  Attributes attributes() override;

  Result<RefPtr<Inode>> lookup(std::string_view name) override REQUIRES_SHARED(lock);
  Result<bool> read_entry(uint64_t position, DirectoryEntry& out) override REQUIRES_SHARED(lock);
  // Nobody makes names here, or takes them away.
  Result<RefPtr<Inode>> create(std::string_view, const NewFile&) override { return Errno::kENOENT; }
  Result<void> link(std::string_view, Inode&) override { return Errno::kENOENT; }
  Result<void> unlink(std::string_view, Inode&) override { return Errno::kEPERM; }
  Result<void> rename(std::string_view, Inode&, Inode&, std::string_view, Inode*) override {
    return Errno::kEPERM;
  }

  Result<void> on_open(File& file) override;
  void on_close(File& file) override;
  uint32_t poll(File& file, WaitQueue** wait) override;
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t offset) override;
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t& offset) override;
  Result<void> resize(uint64_t) override { return {}; }  // O_TRUNC: there is nothing to cut
  Result<uint64_t> read_link(std::span<char> buffer) override;
  Result<Place> jump() override;

  /// What destroy_inode() does first: references are dropped where that may sleep.
  void let_go();

 private:
  Result<void> check_look() const;
  Result<void> print_whole(ProcText& text);
  Result<void> print_first(ShownText& shown);
  Result<void> begin_trace_for(ShownText& shown);
  Result<uint64_t> read_trace(CallTrace& trace, IoBuffer& buffer);
  Result<RefPtr<Inode>> make(uint64_t position, const ProcEntry& entry, ProcTarget target);
  InodeNumber number_of(uint64_t position, const ProcTarget& target) const;

  const ProcEntry& entry_;
  ProcTarget target_;
  RefPtr<ProcInode> parent_;
  const Timestamp made_ = current_time();
};

}  // namespace cairn
