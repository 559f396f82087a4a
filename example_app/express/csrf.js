// Rejects forms from other sites. The token is in the session, so a form from Flask can be
// sent to Express, and the other way round.

import { randomBytes, timingSafeEqual } from 'node:crypto'

const FIELD = 'csrf_token'

export function protect (req, res, next) {
  res.locals.csrfToken = () => (req.session[FIELD] ??= randomBytes(32).toString('base64url'))
  if (req.method !== 'POST' || isSame(req.session[FIELD], req.body?.[FIELD])) return next()
  const message = 'This form has been open for too long. Go back, reload the page and try again.'
  next(Object.assign(new Error(message), { status: 400 }))
}

// Drops the token, so that one from before a login does not work after it.
export function renew (session) {
  delete session[FIELD]
}

function isSame (expected = '', given = '') {
  const [one, other] = [Buffer.from(expected), Buffer.from(String(given))]
  return one.length > 0 && one.length === other.length && timingSafeEqual(one, other)
}
