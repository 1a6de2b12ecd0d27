"""What a difference is: pure functions and frozen types, without I/O."""
