"""The same scenarios through express-session and through Flask; the traces must be equal.

A *scenario* is a JSON object: options as express-session takes them, a start of the clock
and a list of requests, each with a path, headers, a cookie, a step of the clock and a list
of actions on the session. A *trace* says of each request its status, every Set-Cookie
line, every store call with its JSON, and what the handler saw.

``judge.js`` plays scenarios on Node, :mod:`.flask_side` plays them on Flask,
:mod:`.differences` names what deliberately differs, and nothing else may.
"""
