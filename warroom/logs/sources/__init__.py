"""Where log lines come from: files, pipes, commands, compressed files. No source knows what is shown of it."""
