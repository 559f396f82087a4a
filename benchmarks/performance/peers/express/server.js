'use strict'

// express-session over HTTP, with the same views as every peer. The argument is a file with the
// port, the store's URL ('' for no sessions) and the data of the sessions.

const cluster = require('node:cluster')
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')

// Uses the packages that are installed for the tests.
const need = createRequire(join(__dirname, '../../../../tests/interop/express_app.js'))
const express = need('express')
const session = need('express-session')

const { port, url, processes, payloads, user, lifetime } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'))

async function openStore () {
  if (url.startsWith('redis:')) {
    const { RedisStore } = need('connect-redis')
    const client = await need('redis').createClient({ url }).connect()
    return new RedisStore({ client, ttl: lifetime })
  }
  const { Pool } = need('pg')
  const Store = need('connect-pg-simple')(session)
  const pool = new Pool({ connectionString: url })
  return new Store({ pool, createTableIfMissing: true, ttl: lifetime })
}

async function serve () {
  const app = express()
  app.disable('x-powered-by')
  if (url) {
    const options = { secret: 'secret', resave: false, saveUninitialized: false }
    app.use(session({ ...options, store: await openStore() }))
    for (const [name, payload] of Object.entries(payloads)) {
      app.get(`/new/${name}`, (request, response) => {
        Object.assign(request.session, payload)
        response.send('ok')
      })
    }
    app.get('/read', (request, response) => response.send(request.session._user_id))
    app.get('/write', (request, response) => {
      request.session.visits += 1
      response.send('ok')
    })
    app.get('/login', (request, response, next) => {
      const { cookie, ...data } = request.session
      request.session.regenerate(error => {
        if (error) return next(error)
        Object.assign(request.session, data, { _user_id: user })
        response.send('ok')
      })
    })
    app.get('/logout', (request, response, next) => {
      request.session.destroy(error => error ? next(error) : response.send('ok'))
    })
  }
  app.use((request, response) => response.send('ok'))
  app.listen(port, '127.0.0.1')
}

if (cluster.isPrimary && processes > 1) {
  for (let number = 0; number < processes; number++) cluster.fork()
} else {
  serve()
}
