// Describes a session for the panel, without its whole id and its CSRF token.

const HIDDEN = '…'

export function describe (req) {
  const { cookie, ...data } = req.session
  return {
    shortId: shortened(req.sessionID),
    permanent: cookie.originalMaxAge !== null,
    attributes: attributes(cookie).join(' · '),
    data: Object.entries(data).map(([key, value]) => [
      key, key === 'csrf_token' ? HIDDEN : JSON.stringify(value)
    ])
  }
}

// The id of a user's session begins with a tag of the user, which is no secret, and a dot.
function shortened (id) {
  const start = id.indexOf('.') + 1
  return id.slice(0, start + 8) + HIDDEN
}

function attributes ({ httpOnly, secure, sameSite, path }) {
  return [
    httpOnly && 'HttpOnly', secure && 'Secure', sameSite && `SameSite=${sameSite}`, `Path=${path}`
  ].filter(Boolean)
}
