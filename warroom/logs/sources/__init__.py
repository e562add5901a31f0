"""Log sources: files, pipes, commands, compressed files. No source knows what is shown of its lines."""
