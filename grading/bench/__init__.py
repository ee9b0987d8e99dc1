"""What operations cost, on Cairn and on Linux in the same machine."""
