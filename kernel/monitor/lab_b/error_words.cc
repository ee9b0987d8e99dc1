// What an error means for a file command, in words for people.
#include "monitor/lab_b/file_paths.h"

namespace cairn {

const char* error_words(Errno error) {
  switch (error) {
    case Errno::kEAGAIN: return "nothing there yet, and the monitor doesn't wait";
    case Errno::kEBUSY: return "in use";
    case Errno::kEEXIST: return "there already";
    case Errno::kEFBIG: return "larger than a file can be";
    case Errno::kEINVAL: return "not possible with this";
    case Errno::kEINTR: return "interrupted";
    case Errno::kEIO: return "the disk failed";
    case Errno::kEISDIR: return "is a directory";
    case Errno::kELOOP: return "too many symbolic links";
    case Errno::kEMLINK: return "it has as many links as there can be";
    case Errno::kENAMETOOLONG: return "the name is too long";
    case Errno::kENODEV: return "no such type; there are ext2, tmpfs, devfs";
    case Errno::kENOENT: return "no such file or directory";
    case Errno::kENOEXEC: return "not a program for this machine";
    case Errno::kENOMEM: return "no memory";
    case Errno::kENOSPC: return "the disk is full";
    case Errno::kENOSYS: return "not written yet";
    case Errno::kENOTBLK: return "no such disk; `disks` lists them";
    case Errno::kENOTDIR: return "not a directory";
    case Errno::kENOTEMPTY: return "the directory isn't empty";
    case Errno::kEPERM: return "the file is immutable or append-only, or somebody else's";
    case Errno::kEROFS: return "mounted read-only";
    case Errno::kEUCLEAN: return "the file system is damaged; try e2fsck";
    case Errno::kEXDEV: return "on another file system; it would have to be copied";
    default: return "failed";
  }
}

}  // namespace cairn
