"""The browser's cookie: its attributes, its headers, its signature. No I/O, no Flask."""
