// What files should be while stress_ext2 changes them, and whether they are.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "vfs/file.h"

// All of it prints what is wrong and aborts.

/// Random numbers, the same for the same seed: less than n.
void seed_random(uint64_t seed);
uint64_t below(uint64_t n);

/// What a file should be.
struct Node {
  cairn::FileType type;
  uint64_t links = 1;
  std::string content;                                 // of files; the target of links
  std::map<std::string, std::shared_ptr<Node>> names;  // of directories
};
using NodePtr = std::shared_ptr<Node>;

/// The model of a file and the file.
struct At {
  NodePtr node;
  cairn::RefPtr<cairn::Inode> inode;
};

void require(bool holds, const char* what, cairn::Errno error = cairn::Errno::kOk);
/// What a full disk or little memory excuses.
bool may_fail(cairn::Errno error);

/// An open file without flags, as reads and writes want one.
cairn::File& plain_file();
/// The file of this name, which must be there.
cairn::RefPtr<cairn::Inode> look_up(cairn::Inode& directory, const std::string& name);

/// What the image holds at first.
NodePtr load_tree(const cairn::RefPtr<cairn::Inode>& inode);
/// Compares everything below a directory with the model.
void check_tree(const At& at);
