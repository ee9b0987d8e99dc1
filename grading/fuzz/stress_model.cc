#include "stress_model.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "vfs/inode.h"

using namespace cairn;

namespace {

std::mt19937_64 rng;

[[noreturn]] void fail(const std::string& what) {
  fprintf(stderr, "stress: %s\n", what.c_str());
  abort();
}

void check_file(const At& at) {
  auto attributes = at.inode->attributes();
  if (at.node->type != FileType::kDirectory) {
    require(attributes.links == at.node->links || at.node->type != FileType::kRegular, "links");
  }
  if (at.node->type == FileType::kRegular) {
    require(attributes.size == at.node->content.size(), "size");
    std::string content(at.node->content.size() + 1, '\0');
    IoBuffer buffer = IoBuffer::kernel(content.data(), content.size());
    auto count = at.inode->read(plain_file(), buffer, 0);
    if (!count.ok() && may_fail(count.error())) return;
    require(count.ok() && *count == at.node->content.size(), "read", count.error());
    content.resize(*count);
    require(content == at.node->content, "content");
  }
  if (at.node->type == FileType::kSymlink) {
    std::string target(4096, '\0');
    auto length = at.inode->read_link({target.data(), target.size()});
    require(length.ok() && target.substr(0, *length) == at.node->content, "target");
  }
}

}  // namespace

void seed_random(uint64_t seed) { rng.seed(seed); }
uint64_t below(uint64_t n) { return rng() % n; }

void require(bool holds, const char* what, Errno error) {
  if (!holds) fail(std::string(what) + ": " + errno_name(error));
}

bool may_fail(Errno error) { return error == Errno::kENOSPC || error == Errno::kENOMEM; }

File& plain_file() {
  alignas(16) static char memory[sizeof(File)];
  static File* file = new (memory) File();
  return *file;
}

RefPtr<Inode> look_up(Inode& directory, const std::string& name) {
  SharedGuard guard(directory.lock);
  auto found = directory.lookup(name);
  require(found.ok(), ("lookup " + name).c_str(), found.error());
  return found.take();
}

NodePtr load_tree(const RefPtr<Inode>& inode) {
  auto node = std::make_shared<Node>();
  node->type = inode->type;
  node->links = inode->links.load();
  if (inode->type == FileType::kRegular) {
    node->content.resize(inode->size.load());
    IoBuffer buffer = IoBuffer::kernel(node->content.data(), node->content.size());
    auto count = inode->read(plain_file(), buffer, 0);
    require(count.ok() && *count == node->content.size(), "read at first", count.error());
  } else if (inode->type == FileType::kSymlink) {
    node->content.resize(4096);
    node->content.resize(inode->read_link({node->content.data(), 4096}).take());
  } else if (inode->type == FileType::kDirectory) {
    std::vector<std::string> names;
    DirectoryEntry entry;
    for (uint64_t position = 0;; position = entry.next_position) {
      SharedGuard guard(inode->lock);
      if (!inode->read_entry(position, entry).take()) break;
      std::string name(entry.name());
      if (name != "." && name != ".." && name != "lost+found") names.push_back(name);
    }
    for (auto& name : names) node->names[name] = load_tree(look_up(*inode, name));
  }
  return node;
}

void check_tree(const At& at) {
  check_file(at);
  if (at.node->type != FileType::kDirectory) return;
  uint64_t seen = 0, directories = 2;
  DirectoryEntry entry;
  for (uint64_t position = 0;; position = entry.next_position) {
    SharedGuard guard(at.inode->lock);
    auto more = at.inode->read_entry(position, entry);
    require(more.ok(), "read_entry", more.error());
    if (!*more) break;
    std::string name(entry.name());
    if (name == "." || name == "..") continue;
    if (name == "lost+found") {
      directories++;
      continue;
    }
    auto found = at.node->names.find(name);
    require(found != at.node->names.end(), ("a name too much: " + name).c_str());
    require(found->second->type == entry.type, "type of entry");
    seen++;
    if (entry.type == FileType::kDirectory) directories++;
  }
  require(seen == at.node->names.size(), "names are missing");
  require(at.inode->links.load() == directories, "links of directory");
  for (auto& [name, child] : at.node->names) check_tree({child, look_up(*at.inode, name)});
}
