#include "lib/result.h"

namespace cairn {

const char* errno_name(Errno error) {
  switch (error) {
    case Errno::kOk: return "OK";
    case Errno::kEPERM: return "EPERM";
    case Errno::kENOENT: return "ENOENT";
    case Errno::kESRCH: return "ESRCH";
    case Errno::kEINTR: return "EINTR";
    case Errno::kEIO: return "EIO";
    case Errno::kENXIO: return "ENXIO";
    case Errno::kE2BIG: return "E2BIG";
    case Errno::kENOEXEC: return "ENOEXEC";
    case Errno::kEBADF: return "EBADF";
    case Errno::kECHILD: return "ECHILD";
    case Errno::kEAGAIN: return "EAGAIN";
    case Errno::kENOMEM: return "ENOMEM";
    case Errno::kEACCES: return "EACCES";
    case Errno::kEFAULT: return "EFAULT";
    case Errno::kENOTBLK: return "ENOTBLK";
    case Errno::kEBUSY: return "EBUSY";
    case Errno::kEEXIST: return "EEXIST";
    case Errno::kEXDEV: return "EXDEV";
    case Errno::kENODEV: return "ENODEV";
    case Errno::kENOTDIR: return "ENOTDIR";
    case Errno::kEISDIR: return "EISDIR";
    case Errno::kEINVAL: return "EINVAL";
    case Errno::kENFILE: return "ENFILE";
    case Errno::kEMFILE: return "EMFILE";
    case Errno::kENOTTY: return "ENOTTY";
    case Errno::kETXTBSY: return "ETXTBSY";
    case Errno::kEFBIG: return "EFBIG";
    case Errno::kENOSPC: return "ENOSPC";
    case Errno::kESPIPE: return "ESPIPE";
    case Errno::kEROFS: return "EROFS";
    case Errno::kEMLINK: return "EMLINK";
    case Errno::kEPIPE: return "EPIPE";
    case Errno::kERANGE: return "ERANGE";
    case Errno::kEDEADLK: return "EDEADLK";
    case Errno::kENAMETOOLONG: return "ENAMETOOLONG";
    case Errno::kENOLCK: return "ENOLCK";
    case Errno::kENOSYS: return "ENOSYS";
    case Errno::kENOTEMPTY: return "ENOTEMPTY";
    case Errno::kELOOP: return "ELOOP";
    case Errno::kENODATA: return "ENODATA";
    case Errno::kELIBBAD: return "ELIBBAD";
    case Errno::kEOVERFLOW: return "EOVERFLOW";
    case Errno::kENOTSOCK: return "ENOTSOCK";
    case Errno::kEDESTADDRREQ: return "EDESTADDRREQ";
    case Errno::kEMSGSIZE: return "EMSGSIZE";
    case Errno::kEPROTOTYPE: return "EPROTOTYPE";
    case Errno::kENOPROTOOPT: return "ENOPROTOOPT";
    case Errno::kEPROTONOSUPPORT: return "EPROTONOSUPPORT";
    case Errno::kESOCKTNOSUPPORT: return "ESOCKTNOSUPPORT";
    case Errno::kEOPNOTSUPP: return "EOPNOTSUPP";
    case Errno::kEAFNOSUPPORT: return "EAFNOSUPPORT";
    case Errno::kEADDRINUSE: return "EADDRINUSE";
    case Errno::kECONNRESET: return "ECONNRESET";
    case Errno::kEISCONN: return "EISCONN";
    case Errno::kENOTCONN: return "ENOTCONN";
    case Errno::kETOOMANYREFS: return "ETOOMANYREFS";
    case Errno::kETIMEDOUT: return "ETIMEDOUT";
    case Errno::kECONNREFUSED: return "ECONNREFUSED";
    case Errno::kEUCLEAN: return "EUCLEAN";
  }
  return "E?";
}

}  // namespace cairn
