'use strict'

// An Express app with express-session on a store from npm, or with cookie-session. Its argument
// is JSON: the name of the store, or "cookie-session", and the URL of the server. It prints the
// port that it listens on.

// Another time zone than the tests', so that a time stored in local time is noticed.
process.env.TZ = 'Asia/Tokyo'

const cookieSession = require('cookie-session')
const express = require('express')
const session = require('express-session')
const openers = require('./stores')

async function main (given) {
  const app = express()
  if (given.store === 'cookie-session') {
    app.use(sessions(({ secret }) => cookieSession({ keys: secret })))
  } else {
    const { store, left } = await openers[given.store](given.url)
    // Some stores create their table on first use.
    await get(store, 'nobody')
    app.get('/look/:sid', async (req, res) => res.json(await look(store, left, req.params.sid)))
    app.use(sessions(options => session({ ...options, store })))
  }
  app.use(express.json())
  app.post('/', async (req, res) => {
    const before = see(req)
    for (const [verb, ...args] of req.body) await actions[verb](req, ...args)
    res.json({ before, after: see(req) })
  })
  const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port))
  // The tests wait longer than the five seconds after which Node would close their connection.
  server.keepAliveTimeout = 0
}

// Each request names the options of the app that answers it.
function sessions (make) {
  const made = {}
  return (req, res, next) => {
    const options = req.get('Options')
    made[options] ??= make(JSON.parse(options))
    made[options](req, res, next)
  }
}

const actions = {
  put: (req, path, value) => {
    const { place, last } = find(req.session, path)
    place[last] = value
  },
  push: (req, path, value) => {
    const { place, last } = find(req.session, path)
    if (!Array.isArray(place[last])) place[last] = []
    place[last].push(value)
  },
  drop: (req, path) => {
    const { place, last } = find(req.session, path)
    delete place[last]
  },
  cookie: (req, attribute, value) => {
    const cookie = req.sessionOptions || req.session.cookie
    cookie[attribute] = value
  },
  touch: req => { req.session.touch() },
  save: req => promised(callback => req.session.save(callback)),
  regenerate: req => promised(callback => req.session.regenerate(callback)),
  destroy: req => promised(callback => req.session.destroy(callback)),
  unset: req => { req.session = null }
}

function find (place, [...names]) {
  const last = names.pop()
  for (const name of names) {
    if (!isObject(place[name])) place[name] = {}
    place = place[name]
  }
  return { place, last }
}

function isObject (value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function promised (start) {
  return new Promise((resolve, reject) => start(error => error ? reject(error) : resolve()))
}

// What the store holds under an id, as express-session reads it.
async function look (store, left, sid) {
  // In this order: the session could expire between the two calls.
  const remaining = await left(sid)
  const stored = Number.isNaN(remaining) ? null : await get(store, sid)
  if (!stored) return null
  const req = { sessionID: sid }
  store.createSession(req, stored)
  return { ...see(req), left: remaining }
}

function get (store, sid) {
  return new Promise((resolve, reject) => {
    store.get(sid, (error, session) => {
      if (error && error.code !== 'ENOENT') reject(error)
      else resolve(session)
    })
  })
}

function see (req) {
  if (!req.session) return null
  const { cookie, __lastAccess, ...data } = JSON.parse(JSON.stringify(req.session))
  return { id: req.sessionID, data, cookie }
}

main(JSON.parse(process.argv[2]))
