"""GPS: the receiver's device, the three states, and the reference that they make."""
