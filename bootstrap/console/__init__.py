"""Shows runs: events become a live board, plain lines or JSON lines; errors become text."""
