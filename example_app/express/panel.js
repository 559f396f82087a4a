// Describes a session for the panel, without its whole id and its CSRF token.

const HIDDEN = '…'

export function describe (req) {
  const { cookie, ...data } = req.session
  return {
    shortId: req.sessionID.slice(0, 8) + HIDDEN,
    permanent: cookie.originalMaxAge !== null,
    attributes: attributes(cookie).join(' · '),
    data: Object.entries(data).map(([key, value]) => [
      key, key === 'csrf_token' ? HIDDEN : JSON.stringify(value)
    ])
  }
}

function attributes ({ httpOnly, secure, sameSite, path }) {
  return [
    httpOnly && 'HttpOnly', secure && 'Secure', sameSite && `SameSite=${sameSite}`, `Path=${path}`
  ].filter(Boolean)
}
