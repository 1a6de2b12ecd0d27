"""The proof of what the logs hold: tree, checkpoints, signatures and proofs; pure, and read by others too."""
