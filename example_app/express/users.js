// Who is logged in, as Flask writes it. The id of a user's session begins with a tag of the user.

import { createHash, randomBytes } from 'node:crypto'
import { regenerate } from './session.js'

// express-session's genid.
export function generateId ({ newUser }) {
  const random = randomBytes(24).toString('base64url')
  return newUser ? `${hash(newUser)}.${random}` : random
}

// Gives the session a new id, which prevents session fixation. The visitor's cart is kept,
// another user's is not.
export async function logIn (req, user) {
  const { cookie, ...kept } = req.session
  const isTheirs = !kept._login || kept._login.user === user
  req.newUser = user
  await regenerate(req)
  if (isTheirs) Object.assign(req.session, kept)
  const now = Date.now()
  const since = req.session._login?.since ?? now
  const client = { address: req.ip, agent: req.get('User-Agent') }
  req.session._login = { user, at: now, level: null, since, ...client }
  // For Flask-Login.
  Object.assign(req.session, { _user_id: user, _fresh: true })
}

function hash (text) {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}
