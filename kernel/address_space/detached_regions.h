// What is taken out of an address space while its lock is held.
#pragma once

#include "address_space/region.h"

namespace cairn {

/// Regions that were taken out. They are deleted with no lock held, since the last reference to an
/// object's keeper may have much to do: a file without names is freed on its disk.
class DetachedRegions {
 public:
  DetachedRegions() = default;
  ~DetachedRegions() {
    while (Mapping* mapping = list_.pop_front()) delete static_cast<Region*>(mapping);
  }
  /// A region that is in no tree any more.
  void add(Region& region) {
    if (region.object != nullptr) region.object->remove_mapping(region);
    list_.push_back(region);
  }

 private:
  List<Mapping, &Mapping::mapping_link> list_;
};

}  // namespace cairn
