// A forgery: lists as many processors as a machine may have, none of which is ever woken.
#include "acpi/processors.h"

namespace cairn {

namespace {

ProcessorList made_up() {
  ProcessorList list;
  while (list.count < 4) {
    list.apic_ids[list.count] = list.count;
    list.count++;
  }
  return list;
}

}  // namespace

Result<ProcessorList> processors_of_madt(std::span<const uint8_t>) { return made_up(); }
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t>) { return made_up(); }

}  // namespace cairn
