// An alternative to labs/d-smp/ipi.cc: a letter for each processor that is called, in its mailbox; the letters lie on
// the caller's stack.
#include "interrupts/ipi.h"

#include "interrupts/apic.h"
#include "interrupts/irq.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

struct Letter {
  Letter* next;
  CpuCall what;
  void* with;
  std::atomic<unsigned>* unanswered;
};

constinit std::atomic<Letter*> mailboxes[kMaxCpus] = {};

void read_letters(void*) {
  Letter* letter = mailboxes[this_cpu().id.value].exchange(nullptr);
  while (letter != nullptr) {
    Letter read = *letter;  // the sender may take it back as soon as it is answered
    read.what(read.with);
    read.unanswered->fetch_sub(1);
    letter = read.next;
  }
}

void post(CpuId to, Letter& letter) {
  std::atomic<Letter*>& box = mailboxes[to.value];
  letter.next = box.load();
  while (!box.compare_exchange_weak(letter.next, &letter)) {
  }
  InterruptsOff quiet;
  if (letter.next == nullptr) send_ipi(to, kCallVector);
}

}  // namespace

void send_ipi(CpuId cpu, uint8_t vector) {
  const uint32_t target = all_cpus()[cpu.value]->apic_id;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  while (interrupt_command_pending()) {
  }
  write_interrupt_command(target, 0x4000u + vector);
}

void start_ipis() { register_vector(kCallVector, read_letters, nullptr); }

void call_on_cpus(CpuSet cpus, CpuCall function, void* argument) {
  Letter letters[kMaxCpus];
  std::atomic<unsigned> unanswered{0};
  disable_preemption();
  const Cpu* here = &this_cpu();
  for (const Cpu* cpu : all_cpus()) {
    if (cpu == here || !cpus.has(cpu->id)) continue;
    unanswered++;
    Letter& letter = letters[cpu->id.value];
    letter = {nullptr, function, argument, &unanswered};
    post(cpu->id, letter);
  }
  if (cpus.has(here->id)) function(argument);
  while (unanswered != 0) relax_cpu();
  enable_preemption();
}

}  // namespace cairn
