/* A guest for testing the harness: it speaks the channel's protocol on COM2, and breaks it and
 * everything else on request. 32-bit protected mode, as PVH starts it; no interrupts, no paging. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { COM1 = 0x3f8, COM2 = 0x2f8, RECEIVED = 0x01, CAN_SEND = 0x20, DEBUG_EXIT = 0xf4 };

static void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }

static u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void put(u16 port, char c) {
  while (!(in8(port + 5) & CAN_SEND)) {
  }
  out8(port, c);
}

static void say(u16 port, const char* text) {
  while (*text) put(port, *text++);
}

static void say_hex(u16 port, u32 value) {
  say(port, "0x");
  for (int shift = 28; shift >= 0; shift -= 4) put(port, "0123456789abcdef"[value >> shift & 15]);
}

static int is(const char* line, const char* word) {
  while (*word)
    if (*line++ != *word++) return 0;
  return *line == 0 || *line == ' ';
}

static u32 number(const char* text) {
  u32 value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (*text++ - '0');
  return value;
}

static char line[512];
static const char* const sequence = line;
static u64 tables[4][512] __attribute__((aligned(4096)));

static void value(const char* text) {
  say(COM2, sequence);
  say(COM2, "|");
  say(COM2, text);
  say(COM2, "\n");
}

static void done(void) {
  say(COM2, sequence);
  say(COM2, "=0\n");
}

static void error(const char* text) {
  say(COM2, sequence);
  say(COM2, "=");
  say(COM2, text);
  say(COM2, "\n");
}

/* A page at 0x40403000, a 2 MiB page at 0x40800000, an entry that leads back to the root. */
static void plant_tables(void) {
  tables[0][0] = (u32)tables[1] | 7;
  tables[1][1] = (u32)tables[2] | 7;
  tables[2][2] = (u32)tables[3] | 7;
  tables[3][3] = 0x8000000000123005ull;
  tables[2][4] = 0x400000 | 0x87;
  tables[0][5] = (u32)tables[0] | 7;
  say(COM2, sequence);
  say(COM2, "|table=1 root=");
  say_hex(COM2, (u32)tables[0]);
  say(COM2, "\n");
  done();
}

static void obey(const char* command, const char* argument) {
  if (is(command, "echo")) {
    value(argument);
    done();
  } else if (is(command, "table")) {
    plant_tables();
  } else if (is(command, "say")) {
    say(COM1, argument);
    say(COM1, "\n");
    done();
  } else if (is(command, "spin")) {
    for (;;) {
    }
  } else if (is(command, "halt")) {
    for (;;) __asm__ volatile("cli; hlt");
  } else if (is(command, "exit")) {
    out8(DEBUG_EXIT, number(argument));
  } else if (is(command, "panic")) {
    say(COM1, "\n[    1.000000] error debug: panic: made up\n  at guest.c\n");
    out8(DEBUG_EXIT, 0x40);
  } else if (is(command, "triple")) {
    static const u8 no_table[6];
    __asm__ volatile("lidt %0; int3" ::"m"(no_table));
  } else if (is(command, "off")) {
    out16(0x604, 0x2000); /* ACPI: S5, q35's PM1 control port */
  } else if (is(command, "flood")) {
    for (;;) say(number(argument) == 1 ? COM1 : COM2, "1|flood flood flood flood\n");
  } else if (is(command, "endless")) {
    for (;;) put(COM2, 'x');
  } else if (is(command, "forge")) {
    say(COM2, "99=0\n");
  } else if (is(command, "early")) {
    done();
    say(COM2, "2|n=1\n2=0\n");
  } else if (is(command, "bytes")) {
    static const char bytes[] = {'n', '=', 1, 27, (char)255, 0};
    value(bytes);
    done();
  } else {
    error("EINVAL no such command");
  }
}

void guest_main(void) {
  out8(COM1 + 1, 0);
  out8(COM2 + 1, 0);
  out8(COM1 + 2, 7);
  out8(COM2 + 2, 7);
  say(COM1, "[    0.000001] info boot: made-up guest\ncairn> ");
  say(COM2, "0=0 cairn channel\n");
  for (;;) {
    u32 length = 0;
    for (;;) {
      while (!(in8(COM2 + 5) & RECEIVED)) {
      }
      char c = in8(COM2);
      if (c == '\n') break;
      if (length < sizeof line - 1) line[length++] = c;
    }
    line[length] = 0;
    char* command = line;
    while (*command && *command != ' ') command++;
    if (*command) *command++ = 0;
    char* argument = command;
    while (*argument && *argument != ' ') argument++;
    if (*argument) argument++;
    obey(command, argument);
  }
}
