#include "orders.h"

#include <algorithm>

using cairn::Errno;

std::string Step::describe() const {
  static const char* const kNames[] = {"open",  "look up", "drop",  "status", "read",
                                       "write", "cut",     "link",  "unlink", "mkdir",
                                       "rmdir", "rename",  "mount", "umount"};
  std::string line = std::to_string(begin) + "-" + std::to_string(end) + " thread " +
                     std::to_string(thread) + ": " + kNames[int(call)] + " " + path + " " + to;
  if (make) line += fresh ? "O_CREAT|O_EXCL" : "O_CREAT";
  if (call == Call::kWrite) line += std::to_string(length) + " at " + std::to_string(number);
  if (call == Call::kCut) line += std::to_string(number);
  line += std::string(" = ") + cairn::errno_name(error);
  if (call == Call::kStatus)
    line += " links " + std::to_string(links) + " size " + std::to_string(size);
  if (call == Call::kRead)
    line += " " + std::to_string(seen.size()) + " bytes \"" + seen.substr(0, 40) + "\"";
  return line;
}

uint64_t Runs::size() const {
  uint64_t size = 0;
  for (auto& [length, letter] : runs_) size += length;
  return size;
}

void Runs::resize(uint64_t size) {
  uint64_t now = this->size();
  if (now < size) runs_.push_back({size - now, '\0'});
  for (; now > size; now = this->size()) {
    uint64_t last = runs_.back().first, cut = std::min(last, now - size);
    if (cut == last) {
      runs_.pop_back();
    } else {
      runs_.back().first -= cut;
    }
  }
}

void Runs::put(uint64_t at, uint64_t length, char letter) {
  Runs rest = *this;
  resize(at);
  runs_.push_back({length, letter});
  uint64_t skip = at + length;
  for (auto& [run, byte] : rest.runs_) {
    uint64_t skipped = std::min(run, skip);
    skip -= skipped;
    if (run != skipped) runs_.push_back({run - skipped, byte});
  }
}

bool Runs::operator==(const std::string& text) const {
  if (text.size() != size()) return false;
  uint64_t at = 0;
  for (auto& [length, letter] : runs_) {
    for (uint64_t end = at + length; at < end; at++) {
      if (text[at] != letter) return false;
    }
  }
  return true;
}

std::string Runs::key() const {
  std::string key;
  uint64_t length = 0;
  for (size_t i = 0; i < runs_.size(); i++) {
    length += runs_[i].first;
    if (i + 1 < runs_.size() && runs_[i + 1].second == runs_[i].second) continue;
    key += std::to_string(length) + "*" + std::to_string(runs_[i].second) + " ";
    length = 0;
  }
  return key;
}

int FileTree::find(const std::string& path) const {
  auto at = names_.find(path);
  return at == names_.end() ? -1 : at->second;
}

int FileTree::add(const std::string& path, bool folder) {
  files_.push_back({folder, false, folder ? 2ul : 1ul, {}});
  return names_[path] = int(files_.size()) - 1;
}

void FileTree::forget(const std::string& path) {
  File& file = files_[find(path)];
  file.links = file.folder ? 0 : file.links - 1;
  names_.erase(path);
}

Errno FileTree::open(const Step& step, Handle& handle) {
  int file = find(step.path);
  handle = {};
  if (file < 0 && !step.make) return Errno::kENOENT;
  if (file >= 0 && step.fresh) return Errno::kEEXIST;
  if (file >= 0 && step.call == Call::kOpen && files_[file].folder) return Errno::kEISDIR;
  if (file < 0) file = add(step.path, false);
  handle = {file, files_[file].covered, step.call == Call::kOpen};
  return Errno::kOk;
}

Errno FileTree::link(const Step& step, const Handle& handle) {
  if (find(step.path) >= 0) return Errno::kEEXIST;
  if (handle.of_mount) return Errno::kEXDEV;
  File& file = files_[handle.file];
  if (file.folder) return Errno::kEPERM;
  if (file.links == 0) return Errno::kENOENT;
  file.links++;
  names_[step.path] = handle.file;
  return Errno::kOk;
}

Errno FileTree::remove(const Step& step) {
  int file = find(step.path);
  bool folder = step.call == Call::kRemove;
  if (file < 0) return Errno::kENOENT;
  if (files_[file].folder != folder) return folder ? Errno::kENOTDIR : Errno::kEISDIR;
  if (files_[file].covered) return Errno::kEBUSY;
  forget(step.path);
  return Errno::kOk;
}

Errno FileTree::rename(const Step& step) {
  int moved = find(step.path), victim = find(step.to);
  if (moved < 0) return Errno::kENOENT;
  if (moved == victim) return Errno::kOk;
  if (victim >= 0 && files_[moved].folder != files_[victim].folder) {
    return files_[moved].folder ? Errno::kENOTDIR : Errno::kEISDIR;
  }
  if (files_[moved].covered || (victim >= 0 && files_[victim].covered)) return Errno::kEBUSY;
  if (victim >= 0) forget(step.to);
  names_.erase(step.path);
  names_[step.to] = moved;
  return Errno::kOk;
}

/// Busy for whoever has a handle to it; and maybe for whoever was just on the way through it.
Errno FileTree::unmount(const Step& step, Handle& handle) {
  if (!handle.of_mount) return Errno::kEINVAL;
  for (const Handle& other : handles_) {
    if (&other != &handle && other.file == handle.file && other.of_mount) return Errno::kEBUSY;
  }
  if (step.overlaps && step.error == Errno::kEBUSY) return Errno::kEBUSY;
  files_[handle.file].covered = false;
  handle = {};
  return Errno::kOk;
}

/// What the step saw of the handle's file, as far as one moment shows it.
bool FileTree::shows(const Step& step, const Handle& handle) const {
  const File& file = files_[handle.file];
  if (step.call == Call::kStatus) {
    if (handle.of_mount) return true;
    return step.links == file.links && (file.folder || step.size == file.content.size());
  }
  return step.overlaps || file.content == step.seen;
}

Errno FileTree::expected(const Step& step) {
  Handle& handle = handles_[step.thread];
  bool needs_handle = step.call != Call::kOpen && step.call != Call::kLookUp && step.path.empty() &&
                      step.call != Call::kDrop;
  if ((needs_handle || step.call == Call::kLink) && handle.file < 0) return Errno::kEBADF;
  switch (step.call) {
    case Call::kOpen:
    case Call::kLookUp: return open(step, handle);
    case Call::kDrop: handle = {}; return Errno::kOk;
    case Call::kLink: return link(step, handle);
    case Call::kUnlink:
    case Call::kRemove: return remove(step);
    case Call::kRename: return rename(step);
    case Call::kUnmount: return unmount(step, handle);
    case Call::kStatus: return Errno::kOk;
    case Call::kMake:
      if (find(step.path) >= 0) return Errno::kEEXIST;
      add(step.path, true);
      return Errno::kOk;
    case Call::kMount: {
      File& file = files_[handle.file];
      if (!file.folder) return Errno::kENOTDIR;
      if (handle.of_mount) return Errno::kEBUSY;  // it would cover itself
      if (file.links == 0) return Errno::kENOENT;
      if (file.covered) return Errno::kEBUSY;
      file.covered = true;
      return Errno::kOk;
    }
    case Call::kRead: return handle.can_write ? Errno::kOk : Errno::kEBADF;
    case Call::kWrite:
    case Call::kCut: {
      if (!handle.can_write) return Errno::kEBADF;
      Runs& content = files_[handle.file].content;
      if (step.call == Call::kCut) {
        content.resize(step.number);
      } else {
        content.put(step.number, step.length, step.letter);
      }
      return Errno::kOk;
    }
  }
  return Errno::kOk;
}

bool FileTree::take(const Step& step) {
  if (expected(step) != step.error) return false;
  bool looks = step.call == Call::kStatus || step.call == Call::kRead;
  return !looks || step.error != Errno::kOk || shows(step, handles_[step.thread]);
}

std::string FileTree::key() const {
  std::map<int, int> numbers;  // of files that somebody knows, in order of appearance
  std::string key;
  auto tell = [&](int file) {
    auto [at, fresh] = numbers.insert({file, int(numbers.size())});
    key += std::to_string(at->second) + ";";
    if (!fresh) return;
    const File& what = files_[file];
    key += std::to_string(what.folder) + std::to_string(what.covered) + std::to_string(what.links) +
           ":" + what.content.key() + ";";
  };
  for (auto& [name, file] : names_) {
    key += name + "=";
    tell(file);
  }
  for (const Handle& handle : handles_) {
    key += std::to_string(handle.of_mount) + std::to_string(handle.can_write);
    if (handle.file >= 0) tell(handle.file);
  }
  return key;
}

namespace {

/// Goes through the orders of the steps that aren't taken yet (a bit each in `left`).
struct Search {
  const std::vector<Step>& steps;
  std::set<std::pair<uint64_t, std::string>> seen;
  std::map<std::string, FileTree> found;

  bool can_be_next(uint64_t left, size_t i) const {
    for (size_t other = 0; other < steps.size(); other++) {
      if ((left >> other & 1) != 0 && steps[other].end < steps[i].begin) return false;
    }
    return true;
  }
  void go(const FileTree& tree, uint64_t left) {
    std::string key = tree.key();
    if (!seen.insert({left, key}).second) return;
    if (left == 0) found.insert({key, tree});
    for (size_t i = 0; i < steps.size(); i++) {
      if ((left >> i & 1) == 0 || !can_be_next(left, i)) continue;
      FileTree next = tree;
      if (next.take(steps[i])) go(next, left & ~(1ull << i));
    }
  }
};

}  // namespace

std::vector<FileTree> explain(const std::vector<FileTree>& before, const std::vector<Step>& steps) {
  Search search{steps, {}, {}};
  for (const FileTree& tree : before) search.go(tree, (1ull << steps.size()) - 1);
  std::vector<FileTree> states;
  for (auto& [key, tree] : search.found) states.push_back(tree);
  return states;
}
