"""What a session costs a request, beside the same request without one, and beside the peers."""
