"""The commands of `nightshift`, a file each."""
