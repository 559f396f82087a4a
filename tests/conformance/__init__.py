"""Plays the same scenarios on express-session and on Flask. The traces must be equal.

A *scenario* is a JSON object: the options of express-session, the time at which the clock starts
and a list of requests. Each request has a path, headers, a cookie, a step of the clock and a list
of actions on the session. A *trace* has, for each request, its status, every Set-Cookie line,
every store call with its JSON, and what the handler saw.

``judge.js`` plays scenarios on Node, and :mod:`.flask_side` plays them on Flask.
:mod:`.differences` lists the deliberate differences. Any other difference fails a test.
"""
