"""State machines, each as the states that it is made of: what happens, in the order in which it happens."""
