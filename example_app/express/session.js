// express-session's verbs, as promises.

import { promisify } from 'node:util'

export function regenerate (req) {
  return call(req.session, 'regenerate')
}

// Saves first: Express would redirect before it saves, and the next page may be Flask's.
export async function redirect (req, res, path) {
  await call(req.session, 'save')
  res.redirect(req.baseUrl + path)
}

function call (session, verb) {
  return promisify(session[verb].bind(session))()
}
