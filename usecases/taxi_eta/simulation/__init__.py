"""The made-up city behind the simulator: `streets` → `week` → `weather` → `traffic` → `demand` → `drives` → `faults`.

The city is always the same one; a seed draws its days and its trips. Lengths are metres, times seconds, places metres
east and north of the city's middle.
"""
