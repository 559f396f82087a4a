// Flask's flash() and get_flashed_messages(), so that both shops show each other's messages.

export function flash (session, message) {
  (session._flashes ??= []).push(['message', message])
}

export function takeMessages (session) {
  const flashes = session._flashes ?? []
  delete session._flashes
  // Each is a category and a message. Flask stores them as a tuple, which is tagged in JSON.
  return flashes.map(flash => flash[' tuple'] ?? flash).map(([category, message]) => message)
}
