"""Measures whether a session costs as much among a million others as among a thousand."""
