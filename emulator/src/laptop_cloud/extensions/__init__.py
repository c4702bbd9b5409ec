"""What AWS does and MiniStack does not: one gap a module, closed from outside through `ministack_seams`."""
