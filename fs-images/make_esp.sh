#!/bin/sh
# Builds esp.img: a FAT file system with GRUB as \EFI\BOOT\BOOTX64.EFI, which UEFI firmware starts.
# It finds the disk with the kernel beside it, so it never changes when the kernel does.
#
# usage: make_esp.sh GRUB.EFI ESP.IMG
set -eu

efi=$1 image=$2
part=$image.$$.part
trap 'rm -f "$part"' EXIT

SOURCE_DATE_EPOCH=1704067200
TZ=UTC
export SOURCE_DATE_EPOCH TZ

rm -f "$part"
mformat -i "$part" -C -h 16 -s 63 -t 8 -N ca11ca11 -v CAIRN ::
mmd -i "$part" ::/EFI ::/EFI/BOOT
mcopy -i "$part" "$efi" ::/EFI/BOOT/BOOTX64.EFI
mv "$part" "$image"
