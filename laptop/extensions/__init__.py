"""What AWS does and MiniStack does not: one gap a module, each closed from outside through `laptop.ministack_seams`."""
