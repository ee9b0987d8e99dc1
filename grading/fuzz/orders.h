// What threads may see of a tree of files that they change at once: whatever they could have seen if their
// calls had happened one after the other, in some order in which none comes before one that had ended when it
// began. Source: Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (1990);
// the search is Wing and Gong's, "Testing and Verifying Concurrent Objects" (1993).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "vfs/inode.h"

/// What a thread can ask for. Paths are "/dN/NAME"; the folders /dN are always there. A thread's handle is what
/// it opened or looked up last; many calls are about that.
enum class Call {
  kOpen,     // path; `make`: O_CREAT, `fresh`: O_EXCL; the handle
  kLookUp,   // path; the handle
  kDrop,     // the handle
  kStatus,   // of the handle: links, and a regular file's size
  kRead,     // the handle's content
  kWrite,    // `length` bytes `letter` to the handle's file, at `number`
  kCut,      // the handle's file to `number` bytes
  kLink,     // the handle's file gets path
  kUnlink,   // path
  kMake,     // path, a folder
  kRemove,   // path, a folder
  kRename,   // path, to
  kMount,    // on the handle's folder
  kUnmount,  // the handle is a mount's root
};

struct Step {
  Call call{};
  unsigned thread = 0;
  std::string path, to;
  bool make = false, fresh = false;
  uint64_t number = 0, length = 0;
  char letter = 0;
  // What came of it.
  uint64_t begin = 0, end = 0;  // the order of beginnings and ends
  cairn::Errno error{};
  uint64_t links = 0, size = 0;
  std::string seen;
  bool overlaps = false;  // with others: what isn't one moment's work may see a mixture

  std::string describe() const;
};

/// A file's bytes, as runs of the same byte.
class Runs {
 public:
  uint64_t size() const;
  void resize(uint64_t size);
  void put(uint64_t at, uint64_t length, char letter);
  bool operator==(const std::string& text) const;
  std::string key() const;

 private:
  std::vector<std::pair<uint64_t, char>> runs_;  // lengths, bytes
};

/// A state of the tree.
class FileTree {
 public:
  explicit FileTree(unsigned threads) : handles_(threads) {}
  /// Whether the step can have ended so now; then it has happened.
  bool take(const Step& step);
  /// The same for the same state.
  std::string key() const;

 private:
  struct File {
    bool folder = false, covered = false;
    uint64_t links = 0;
    Runs content;
  };
  struct Handle {
    int file = -1;           // none
    bool of_mount = false;   // the root of what covers the folder
    bool can_write = false;  // opened, not looked up
  };
  int find(const std::string& path) const;
  cairn::Errno expected(const Step& step);
  cairn::Errno open(const Step& step, Handle& handle);
  cairn::Errno link(const Step& step, const Handle& handle);
  cairn::Errno remove(const Step& step);
  cairn::Errno rename(const Step& step);
  cairn::Errno unmount(const Step& step, Handle& handle);
  bool shows(const Step& step, const Handle& handle) const;
  int add(const std::string& path, bool folder);
  void forget(const std::string& path);

  std::vector<File> files_;
  std::map<std::string, int> names_;
  std::vector<Handle> handles_;
};

/// States that can be after the steps, from any of `before`. None: no order explains what was seen.
std::vector<FileTree> explain(const std::vector<FileTree>& before, const std::vector<Step>& steps);
