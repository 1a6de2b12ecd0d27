"""Whether the rows of mirrored tables follow from the change log; used by whoever verifies, and by the scan."""
