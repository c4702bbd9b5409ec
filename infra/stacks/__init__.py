"""One stack a module; stacks only put constructs together and grant where two parts meet."""
