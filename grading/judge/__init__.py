"""What decides: page tables, ext2 images and logs of writes as they are, and checks in words."""
