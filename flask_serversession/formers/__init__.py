"""The kinds of sessions that an application may have had before, one file each."""
