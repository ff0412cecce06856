"""What a gateway tells about itself: one value, shown in many ways."""
