// Who is logged in, and to which sessions, as Flask writes and finds it: the id of a user's
// session begins with a tag of the user, and each tag has a sorted set of ids by when they end.

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
  await enter(req)
}

// Enters the session in the set of its user, or extends its time there.
export async function enter ({ session, sessionID, sessionStore: store }) {
  if (!session._login) return
  const name = setOf(session._login.user, store)
  const ends = Date.now() + lifetime(session, store)
  await store.client.multi()
    .zAdd(name, { score: ends, value: sessionID })
    .pExpireAt(name, ends, 'NX')
    .pExpireAt(name, ends, 'GT')
    .exec()
}

// Returns the sessions of a user, the newest login first.
export async function sessionsOf (user, store) {
  const ids = await store.client.zRange(setOf(user, store), 0, -1)
  const found = await Promise.all(ids.map(id => find(id, store)))
  return found
    .filter(each => each?.login?.user === user)
    .sort((one, other) => other.login.since - one.login.since)
}

async function find (id, store) {
  const key = store.prefix + id
  const [json, left] = await store.client.multi().get(key).pTTL(key).exec()
  if (json === null) return null
  const session = JSON.parse(json)
  const ends = Date.now() + left
  const seen = ends - lifetime(session, store)
  return { id, handle: handleOf(id), login: session._login, ends, seen }
}

// The public name of a session.
function handleOf (id) {
  return `${id.split('.')[0]}.${hash(`handle ${id}`)}`
}

function setOf (user, store) {
  return `by-user:${store.prefix}${hash(user)}`
}

// In milliseconds, after each visit.
function lifetime ({ cookie }, store) {
  return cookie.originalMaxAge ?? store.ttl * 1000
}

function hash (text) {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}
