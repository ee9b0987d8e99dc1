// Paths: from names to files. Symbolic links are followed (at most 40, then ELOOP), mounts crossed in
// both directions, repeated slashes are one, "." stays, ".." goes up but not above the root, and a
// trailing slash asks for a directory.
// Source: POSIX.1-2017, "Pathname Resolution"; Linux, path_resolution(7).
#pragma once

#include "vfs/access.h"
#include "vfs/mount.h"

namespace cairn {

/// Where paths start, and who asks: directories are searched, and files made, in their name.
struct PathContext {
  Place root;         // "/"
  Place current;      // relative paths
  Credentials who{};  // root, unless said otherwise
};

/// What to do with the last component if it is a symbolic link; kLeave: it isn't even looked up.
enum class LastLink { kFollow, kKeep, kLeave };

/// The file at `path`. ENOENT (also for an empty path), ENOTDIR, EACCES (a directory that may not be
/// searched), ELOOP, ENAMETOOLONG, EIO, ENOMEM.
/// May sleep; no locks held.
Result<Place> resolve_path(const PathContext& context, std::string_view path,
                           LastLink last = LastLink::kFollow);

/// The last component of a path, for calls that make, remove or rename it.
struct LastComponent {
  enum Kind : uint8_t { kName, kDot, kDotDot, kRoot };
  Place directory;  // that holds it
  Kind kind = kName;
  bool trailing_slash = false;
  uint16_t length = 0;
  char bytes[kMaxNameLength + 2] = {};
  std::string_view name() const { return {bytes, length}; }
  Place found;  // the file, mounts crossed; no inode: there is none of that name yet
};
/// With LastLink::kFollow a symbolic link at the end is followed to *its* last component, which need
/// not exist: open(O_CREAT) makes the target of a dangling link. Errors as above, but a missing last
/// component is none. With LastLink::kLeave nothing of it is an error, and `found` stays empty: for callers
/// that look it up themselves, its directory locked. Of a name that is too long one byte too many is kept.
Result<LastComponent> resolve_last(const PathContext& context, std::string_view path,
                                   LastLink last);

/// One step down, through the directory-entry cache, without crossing mounts. ENOENT, ENOTDIR, EIO.
Result<RefPtr<Inode>> look_up(Inode& directory, std::string_view name);
/// Remembers both ways what was found, made, or renamed: in the directory-entry cache, and in the inode of a
/// directory its name, for path_of(). May sleep.
void remember_entry(const Inode& directory, std::string_view name, Inode& found)
    REQUIRES_SHARED(directory.lock);
/// One step up, across mounts, not above `root`.
Result<Place> step_up(const Place& root, const Place& from);

/// The absolute path of a directory as seen from context.root, NUL-terminated, in `buffer`; its
/// length. After "(unreachable)" where it lies outside that root. ENOENT if it was removed, ERANGE if it doesn't fit.
Result<size_t> path_of(const PathContext& context, const Place& directory, std::span<char> buffer);

/// The same of any file, by the name that it was last found by; whether it still `is_there`, or was removed. ENOENT
/// also if it was found by none, or its directory is gone. May sleep.
Result<size_t> noted_path_of(const PathContext& context, const Place& file, std::span<char> buffer,
                             bool& is_there);

}  // namespace cairn
