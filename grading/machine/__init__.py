"""One virtual machine under test: QEMU, its serial lines, and how it is looked at and written to from outside."""
