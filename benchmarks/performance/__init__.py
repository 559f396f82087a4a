"""Measures what a session adds to a request, compared with no session and with the peers."""
