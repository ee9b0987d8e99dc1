// Errors travel by value: a function that can fail returns Result<T>, its caller says TRY(…).
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "lib/assert.h"

namespace cairn {

/// Linux's error numbers (errno(3)); system calls return them negated.
enum class Errno : int {
  kOk = 0,
  kEPERM = 1,
  kENOENT = 2,
  kESRCH = 3,
  kEINTR = 4,
  kEIO = 5,
  kENXIO = 6,
  kE2BIG = 7,
  kENOEXEC = 8,
  kEBADF = 9,
  kECHILD = 10,
  kEAGAIN = 11,
  kENOMEM = 12,
  kEACCES = 13,
  kEFAULT = 14,
  kENOTBLK = 15,
  kEBUSY = 16,
  kEEXIST = 17,
  kEXDEV = 18,
  kENODEV = 19,
  kENOTDIR = 20,
  kEISDIR = 21,
  kEINVAL = 22,
  kENFILE = 23,
  kEMFILE = 24,
  kENOTTY = 25,
  kETXTBSY = 26,
  kEFBIG = 27,
  kENOSPC = 28,
  kESPIPE = 29,
  kEROFS = 30,
  kEMLINK = 31,
  kEPIPE = 32,
  kERANGE = 34,
  kEDEADLK = 35,
  kENAMETOOLONG = 36,
  kENOLCK = 37,
  kENOSYS = 38,
  kENOTEMPTY = 39,
  kELOOP = 40,
  kENODATA = 61,
  kEOVERFLOW = 75,
  kELIBBAD = 80,  // a program's interpreter isn't one
  kENOTSOCK = 88,
  kEDESTADDRREQ = 89,
  kEMSGSIZE = 90,
  kEPROTOTYPE = 91,
  kENOPROTOOPT = 92,
  kEPROTONOSUPPORT = 93,
  kESOCKTNOSUPPORT = 94,
  kEOPNOTSUPP = 95,
  kEAFNOSUPPORT = 97,
  kEADDRINUSE = 98,
  kECONNRESET = 104,
  kEISCONN = 106,
  kENOTCONN = 107,
  kETOOMANYREFS = 109,
  kETIMEDOUT = 110,
  kECONNREFUSED = 111,
  kEUCLEAN = 117,  // the file system is damaged
};

/// "ENOENT" for kENOENT; "E?" for a number that isn't listed.
const char* errno_name(Errno error);

/// A value of type T or an error, never both. Ignoring one is a compiler warning.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : error_(Errno::kOk), value_(std::move(value)) {}
  Result(Errno error) : error_(error), none_() { ASSERT(error != Errno::kOk); }
  Result(Result&& other) noexcept : error_(other.error_) {
    if (ok()) new (&value_) T(std::move(other.value_));
  }
  Result& operator=(Result&&) = delete;
  ~Result() {
    if (ok()) value_.~T();
  }

  bool ok() const { return error_ == Errno::kOk; }
  Errno error() const { return error_; }
  /// The value; asserts that there is one.
  T take() {
    ASSERT(ok());
    return std::move(value_);
  }
  T& operator*() {
    ASSERT(ok());
    return value_;
  }
  T* operator->() { return &**this; }

 private:
  Errno error_;
  union {
    T value_;
    char none_;
  };
};

template <>
class [[nodiscard]] Result<void> {
 public:
  constexpr Result() = default;
  constexpr Result(Errno error) : error_(error) {}
  constexpr bool ok() const { return error_ == Errno::kOk; }
  constexpr Errno error() const { return error_; }
  constexpr void take() const {}

 private:
  Errno error_ = Errno::kOk;
};

}  // namespace cairn

/// Unwraps a Result or returns its error from the calling function.
#define TRY(expression)                                \
  ({                                                   \
    auto try_result_ = (expression);                   \
    if (!try_result_.ok()) return try_result_.error(); \
    try_result_.take();                                \
  })
