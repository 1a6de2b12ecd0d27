"""What others would use; each file is a program that runs in `.venv-bench` and knows nothing of Mirrorpoint."""
