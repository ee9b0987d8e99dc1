// The files of pseudo-terminals: /dev/ptmx, which makes a new pair at each opening, and the slaves.
#include "process/process.h"
#include "tty/lab_b/devpts.h"
#include "tty/lab_b/pty.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr uint64_t kMasterDevice = make_device_number(5, 2);

Pty& pty_of_master(File& file) {
  return *static_cast<Pty::MasterDevice*>(static_cast<CharacterDevice*>(file.stream))->pty;
}
Pty& pty_of_slave(File& file) {
  return *static_cast<Pty::SlaveDevice*>(static_cast<CharacterDevice*>(file.stream))->pty;
}

Result<uint64_t> read_master(File& file, IoBuffer& buffer, uint64_t) {
  return pty_of_master(file).read(buffer, !file.non_blocking());
}
Result<uint64_t> write_master(File& file, IoBuffer& buffer, uint64_t) {
  return pty_of_master(file).write(buffer, !file.non_blocking());
}
Result<int64_t> control_master(File& file, uint64_t request, uint64_t argument) {
  return pty_of_master(file).control(uint32_t(request), VirtAddr(argument));
}
uint32_t poll_master(File& file, WaitQueue** wait) { return pty_of_master(file).poll(wait); }

/// The file keeps the pair from now on, as its slave's do.
Result<void> open_master(File& file, uint64_t) {
  Process* process = current_process();
  const bool has_files = process != nullptr && process->files != nullptr;
  RefPtr<Pty> pty = TRY(Pty::create(has_files ? process->files->who() : Credentials{}));
  file.stream = static_cast<CharacterDevice*>(&pty->master);
  pty->retain();
  return {};
}

void close_master_file(File& file) {
  Pty& pty = pty_of_master(file);
  pty.close_master();
  pty.release();
}

void close_slave_file(File& file) {
  Pty& pty = pty_of_slave(file);
  pty.close_slave();
  pty.release();
}

/// The file becomes one of the slave's.
Result<void> connect_slave(File& file, const RefPtr<Pty>& pty) {
  TRY(pty->open_slave());
  pty->retain();
  file.stream = static_cast<CharacterDevice*>(&pty->slave);
  file.stream_number = pty->tty.connection();
  return {};
}

Result<void> open_slave(File& file, uint64_t device) {
  RefPtr<Pty> pty = Pty::find(device - Pty::kFirstDevice);
  if (!pty) return Errno::kEIO;
  TRY(connect_slave(file, pty));
  acquire_terminal(file, pty->tty);
  return {};
}

constexpr CharacterDevice master_device() {
  CharacterDevice device{};
  device.name = "ptmx";
  device.number = kMasterDevice;
  device.permissions = 0666;
  device.read = read_master;
  device.write = write_master;
  device.control = control_master;
  device.poll = poll_master;
  device.open = open_master;
  device.close = close_master_file;
  return device;
}

/// Its files' drivers are those of the pairs; this one finds them.
constexpr CharacterDevice slave_devices() {
  CharacterDevice device{};
  device.name = nullptr;
  device.number = Pty::kFirstDevice;
  device.count = Pty::kMost;
  device.open = open_slave;
  return device;
}

constinit CharacterDevice masters = master_device();
constinit CharacterDevice slaves = slave_devices();

}  // namespace

Pty::MasterDevice::MasterDevice(Pty& pty) : CharacterDevice(master_device()), pty(&pty) {}

Pty::SlaveDevice::SlaveDevice(Pty& pty) : TerminalDevice(terminal_device(pty.tty)), pty(&pty) {
  number = pty.tty.number();
  close = close_slave_file;
}

void register_pty_files() {
  register_character_device(masters);
  register_character_device(slaves);
}

Result<void> open_controlling_pty(File& file, uint64_t device) {
  RefPtr<Pty> pty = Pty::find(device - Pty::kFirstDevice);
  if (!pty) return Errno::kENXIO;
  {
    IrqGuard guard(process_tree_lock);  // or it is another's, by the same number
    if (current_process()->group->session->terminal != &pty->tty) return Errno::kENXIO;
  }
  return connect_slave(file, pty);
}

namespace {

/// The devpts in which the master was found, or else any.
Result<RefPtr<Mount>> mount_of_names(const File& master) {
  if (is_devpts(*master.place.mount->file_system)) return master.place.mount;
  MountWalk mounts;
  while (Mount* mount = mounts.next()) {
    if (is_devpts(*mount->file_system)) return RefPtr<Mount>::share(mount);
  }
  return Errno::kENOENT;
}

}  // namespace

Result<RefPtr<File>> open_pty_peer(File& file, uint32_t flags) {
  const bool is_device = file.inode().type == FileType::kCharacterDevice && file.stream != nullptr;
  auto* driver = is_device ? static_cast<CharacterDevice*>(file.stream) : nullptr;
  if (driver == nullptr || driver->close == nullptr) return Errno::kENOTTY;
  if (driver->close != close_master_file) return Errno::kEIO;
  char name[12];
  BufferWriter text(name);
  print(text, "{}", pty_of_master(file).number);
  RefPtr<Mount> mount = TRY(mount_of_names(file));
  RefPtr<Inode> inode = TRY(look_up(*mount->root, text.text()));
  return open_place({std::move(mount), std::move(inode)}, flags);
}

}  // namespace cairn
