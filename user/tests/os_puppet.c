// os_puppet: a puppet (puppet.h) that makes whatever system calls the host says, lab B's file calls above
// all. The host's side is grading/tests/b/process.py.
//
//   call NR [ARGUMENT…] [/ NR [ARGUMENT…]]…       system calls one after the other, up to the first error
//   each FIRST COUNT STEP NR [ARGUMENT…] [/ …]…   the same for i = FIRST, FIRST + STEP, …
//   try FIRST COUNT STEP NR [ARGUMENT…] [/ …]…    the same, going on after errors; the result is how many
//                                                rounds had none, error= the last one's errno
//
// An argument is
//   a number
//   'TEXT     the address of a string: %XX is the byte with that number, # is i
//   #K        i times K; alone it is i
//   $         the result of the first call of this round
//   >N  }N    the address of N bytes, zeros at first, that the reply shows: all of them, or as many as
//             the call's result says
//
// The reply has the last call's result, or errno; done=ROUNDS that were completed; after an error step=N,
// which call failed; ticks=N, the processor's time stamp counter over it all; out0=HEX, out1=… for `>` and
// `}` of the last call.
#define PUPPET_REPLY_SIZE 9000
#include <fcntl.h>

#include "puppet.h"
#include "stream.h"

enum { kScratch = 8192, kMaxOut = 4096, kOuts = 3, kCallArguments = 6 };

// Strings and results of one round.
static unsigned char scratch[kScratch];
static size_t scratch_used;

static unsigned char* take_scratch(size_t size) {
  size = (size + 7) & ~(size_t)7;
  if (scratch_used + size > sizeof scratch) return NULL;
  unsigned char* taken = scratch + scratch_used;
  scratch_used += size;
  memset(taken, 0, size);
  return taken;
}

static struct {
  const unsigned char* bytes;
  long size;
  int by_result;
} outs[kOuts];
static int out_count;

static long text_argument(const char* word, long index) {
  char* text = (char*)take_scratch(strlen(word) + 24);  // room for one number
  size_t length = 0;
  if (text == NULL) return 0;
  for (; *word != '\0'; word++) {
    unsigned byte;
    if (*word == '%' && sscanf(word + 1, "%2x", &byte) == 1) {
      text[length++] = (char)byte;
      word += 2;
    } else if (*word == '#') {
      length += (size_t)sprintf(text + length, "%ld", index);
    } else {
      text[length++] = *word;
    }
  }
  return (long)text;
}

static long out_argument(const char* word) {
  long size = strtol(word + 1, NULL, 0);
  unsigned char* bytes = size <= kMaxOut && out_count < kOuts ? take_scratch((size_t)size) : NULL;
  if (bytes == NULL) return 0;
  outs[out_count].bytes = bytes;
  outs[out_count].size = size;
  outs[out_count++].by_result = word[0] == '}';
  return (long)bytes;
}

static long argument(const char* word, long index, long first_result) {
  switch (word[0]) {
    case '\'': return text_argument(word + 1, index);
    case '#': return word[1] != '\0' ? index * strtol(word + 1, NULL, 0) : index;
    case '$': return first_result;
    case '>':
    case '}': return out_argument(word);
  }
  return (long)strtoull(word, NULL, 0);
}

static size_t put_hex(char* to, const unsigned char* bytes, long count) {
  for (long i = 0; i < count; i++) {
    to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  to[2 * count] = '\0';
  return 2 * (size_t)count;
}

static void show_outs(long result) {
  size_t used = strlen(reply_tail);
  for (int i = 0; i < out_count; i++) {
    long size = outs[i].by_result && result < outs[i].size ? result : outs[i].size;
    if (size < 0 || used + 2 * (size_t)size + 16 > sizeof reply_tail) return;
    used += (size_t)sprintf(reply_tail + used, " out%d=", i);
    used += put_hex(reply_tail + used, outs[i].bytes, size);
  }
}

// One round; *step becomes the number of the call that failed.
static long make_calls(const Arguments* in, int from, long index, int* step) {
  long first = 0, result = 0;
  scratch_used = 0;
  *step = 0;
  for (int word = from; word < in->count; word++) {
    long number = argument(in->words[word++], index, first);
    long a[kCallArguments] = {0};
    out_count = 0;
    for (int i = 0; word < in->count && strcmp(in->words[word], "/") != 0; word++) {
      if (i < kCallArguments) a[i++] = argument(in->words[word], index, first);
    }
    result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == -1) return -1;
    if (*step == 0) first = result;
    ++*step;
  }
  return result;
}

static long rounds(const Arguments* in, int from, long first, long count, long stride) {
  long done = 0, result = 0;
  int step = 0;
  uint64_t start = read_tsc();
  for (; done < count; done++) {
    result = make_calls(in, from, first + done * stride, &step);
    if (result == -1) break;
  }
  int error = errno;
  uint64_t ticks = read_tsc() - start;
  snprintf(reply_tail, sizeof reply_tail, " done=%ld step=%d ticks=%lu", done, step,
           (unsigned long)ticks);
  if (result != -1) show_outs(result);
  errno = result == -1 ? error : 0;
  return result;
}

static long op_call(const Arguments* in) { return rounds(in, 0, 0, 1, 1); }
static long op_each(const Arguments* in) { return rounds(in, 3, in->a[0], in->a[1], in->a[2]); }

static long op_try(const Arguments* in) {
  long good = 0;
  int error = 0, step;
  for (long i = 0; i < in->a[1]; i++) {
    if (make_calls(in, 3, in->a[0] + i * in->a[2], &step) != -1) {
      good++;
    } else {
      error = errno;
    }
  }
  snprintf(reply_tail, sizeof reply_tail, " error=%d", error);
  return good;
}

// ---- Memory --------------------------------------------------------------------------------------

static long op_store(const Arguments* in) {  // store ADDRESS HEX; the number of bytes
  if (in->count < 2) return 0;
  unsigned char* to = (unsigned char*)in->a[0];
  long count = 0;
  unsigned byte;
  for (const char* hex = in->words[1]; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
    to[count++] = (unsigned char)byte;
  }
  return count;
}

static long op_load(const Arguments* in) {  // load ADDRESS COUNT: out0=HEX
  outs[0].bytes = (const unsigned char*)in->a[0];
  outs[0].size = in->a[1];
  outs[0].by_result = 0;
  out_count = 1;
  show_outs(0);
  return in->a[1];
}

static long op_set(const Arguments* in) {  // set ADDRESS COUNT BYTE
  memset((void*)in->a[0], (int)in->a[2], (size_t)in->a[1]);
  return 0;
}

static long op_fill(const Arguments* in) {  // fill ADDRESS COUNT SEED OFFSET: bytes of a stream
  make_stream((unsigned char*)in->a[0], (uint64_t)in->a[1], (uint64_t)in->a[2], (uint64_t)in->a[3]);
  return in->a[1];
}

static long op_crc(const Arguments* in) {  // crc ADDRESS COUNT
  return crc32_of(0, (const unsigned char*)in->a[0], (uint64_t)in->a[1]);
}

// ---- Files, in bulk ------------------------------------------------------------------------------

struct kernel_entry {  // as getdents64 gives it
  uint64_t inode;
  int64_t next;
  uint16_t length;
  uint8_t type;
  char name[];
};

// list FD BYTES: reads the rest of a directory with a buffer of that size; the number of entries. Their
// order doesn't matter to names=, types= and inodes=, sums over all entries of what mix() makes of the
// name's CRC, of that and the type, of that and the inode number.
static long op_list(const Arguments* in) {
  static unsigned char buffer[32768] __attribute__((aligned(8)));
  size_t size = (size_t)in->a[1] < sizeof buffer ? (size_t)in->a[1] : sizeof buffer;
  uint64_t count = 0, names = 0, types = 0, inodes = 0, calls = 0;
  long got;
  while ((got = syscall(SYS_getdents64, in->a[0], buffer, size)) > 0) {
    calls++;
    for (long at = 0; at < got;) {
      const struct kernel_entry* entry = (const struct kernel_entry*)(buffer + at);
      if (entry->length < 24 || at + entry->length > got) return -2;
      uint64_t name = crc32_of(0, (const unsigned char*)entry->name, strlen(entry->name));
      names += mix(name);
      types += mix(name ^ (uint64_t)entry->type << 32);
      inodes += mix(name ^ entry->inode << 32);
      count++;
      at += entry->length;
    }
  }
  if (got < 0) return -1;
  snprintf(reply_tail, sizeof reply_tail, " names=%#lx types=%#lx inodes=%#lx calls=%lu",
           (unsigned long)names, (unsigned long)types, (unsigned long)inodes, (unsigned long)calls);
  return (long)count;
}

// crcfile FD BYTES: the CRC-32 of all that read() gives, BYTES at a time; size=N in the reply.
static long op_crcfile(const Arguments* in) {
  static unsigned char buffer[65536];
  size_t size = (size_t)in->a[1] < sizeof buffer ? (size_t)in->a[1] : sizeof buffer;
  uint64_t total = 0;
  uint32_t crc = 0;
  long got;
  while ((got = read((int)in->a[0], buffer, size)) > 0) {
    crc = crc32_of(crc, buffer, (uint64_t)got);
    total += (uint64_t)got;
  }
  if (got < 0) return -1;
  snprintf(reply_tail, sizeof reply_tail, " size=%lu", (unsigned long)total);
  return crc;
}

// sumfile 'PATH BYTES: opens a file, crcfile, closes it.
static long op_sumfile(const Arguments* in) {
  scratch_used = 0;
  int fd = in->count > 0 ? open((const char*)argument(in->words[0], 0, 0), O_RDONLY) : -1;
  if (fd < 0) return -1;
  Arguments file = *in;
  file.a[0] = fd;
  long sum = op_crcfile(&file);
  int error = errno;
  close(fd);
  errno = error;
  return sum;
}

// scribble FD START SPAN STEPS SEED LONGEST: STEPS times writes 1 … LONGEST bytes of the stream SEED
// somewhere in [START, START + SPAN) of the file and reads them back. The host knows where
// (grading/machine/stream.py, scribble()). The result: how many bytes came back wrong.
static long op_scribble(const Arguments* in) {
  static unsigned char buffer[65536];
  if (in->count < 6) return -2;
  int fd = (int)in->a[0];
  uint64_t start = (uint64_t)in->a[1], span = (uint64_t)in->a[2];
  uint64_t seed = strtoull(in->words[4], NULL, 0), longest = strtoull(in->words[5], NULL, 0);
  uint64_t wrong = 0, stream = 0;
  if (longest > sizeof buffer) return -2;
  for (uint64_t step = 0; step < (uint64_t)in->a[3]; step++) {
    uint64_t length = 1 + mix(seed + 2 * step) % longest;
    uint64_t offset = start + mix(seed + 2 * step + 1) % (span - length + 1);
    make_stream(buffer, length, seed, stream);
    if (pwrite(fd, buffer, length, (off_t)offset) != (ssize_t)length) return -1;
    memset(buffer, 0, length);
    if (pread(fd, buffer, length, (off_t)offset) != (ssize_t)length) return -1;
    wrong += count_wrong(buffer, length, seed, stream);
    stream += length;
  }
  return (long)wrong;
}

// records FD COUNT BYTES SEED: COUNT times write() of BYTES bytes of the stream. The result: how many
// writes were whole.
static long op_records(const Arguments* in) {
  static unsigned char buffer[65536];
  uint64_t size = (uint64_t)in->a[2];
  long whole = 0;
  if (size > sizeof buffer) return -2;
  for (long i = 0; i < in->a[1]; i++) {
    make_stream(buffer, size, (uint64_t)in->a[3], (uint64_t)i * size);
    ssize_t written = write((int)in->a[0], buffer, size);
    if (written < 0) return -1;
    whole += (uint64_t)written == size;
  }
  return whole;
}

static const Operation kOperations[] = {
    PUPPET_OPERATIONS,         {"call", op_call},       {"each", op_each},
    {"try", op_try},           {"store", op_store},     {"load", op_load},
    {"set", op_set},           {"fill", op_fill},       {"crc", op_crc},
    {"list", op_list},         {"crcfile", op_crcfile}, {"sumfile", op_sumfile},
    {"scribble", op_scribble}, {"records", op_records},
};

int main(void) { return run_puppet(kOperations, sizeof kOperations / sizeof kOperations[0]); }
