"""Whether a session costs the same among a thousand others as among a million."""
