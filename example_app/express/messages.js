// What Flask's flash() and get_flashed_messages() do, so that a message crosses over, too.

export function flash (session, message) {
  (session._flashes ??= []).push(['message', message])
}

export function takeMessages (session) {
  const flashes = session._flashes ?? []
  delete session._flashes
  // Each is a category and a message. Flask makes them a tuple, which JSON has not.
  return flashes.map(flash => flash[' tuple'] ?? flash).map(([category, message]) => message)
}
