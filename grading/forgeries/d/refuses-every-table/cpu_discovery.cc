// A forgery: each table is wrong, so those that are damaged are refused.
#include "acpi/processors.h"

namespace cairn {

Result<ProcessorList> processors_of_madt(std::span<const uint8_t>) { return Errno::kEINVAL; }
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t>) { return Errno::kEINVAL; }

}  // namespace cairn
