// The example app's shop in Express, on the same sessions.
//
//   SECRET_KEY=… REDIS_URL=redis://localhost:6379/0 PORT=3000 node server.js

import { STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { protect } from './csrf.js'
import { devices, tellWhyEnded } from './devices.js'
import { takeMessages } from './messages.js'
import { describe } from './panel.js'
import { shop } from './shop.js'
import { enter, generateId } from './users.js'

const HOUR = 3600

const { PORT, REDIS_URL, SECRET_KEY } = process.env
const client = createClient({ url: REDIS_URL })
client.on('error', error => console.error(error.message))
await client.connect()

const sessions = session({
  // These must equal Flask's SESSION_COOKIE_NAME, SECRET_KEY, SESSION_STORE,
  // SESSION_IDLE_TIMEOUT and other SESSION_COOKIE_… keys.
  name: 'session',
  secret: SECRET_KEY,
  genid: generateId,
  store: new RedisStore({ client, prefix: 'sess:', ttl: HOUR }),
  cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
  // Flask's defaults.
  resave: false,
  saveUninitialized: false
})

const app = express()
app.set('view engine', 'ejs')
app.set('views', join(import.meta.dirname, 'views'))
app.locals.twin = '/'
app.locals.here = '/express'
app.use('/express/static', express.static(join(import.meta.dirname, '..', 'static')))
app.use(sessions, tellWhyEnded, express.urlencoded(), protect)
app.use(async (req, res, next) => {
  await enter(req)
  res.locals.session = req.session
  res.locals.takeMessages = () => takeMessages(req.session)
  res.locals.describe = () => describe(req)
  next()
})
app.use('/express', shop, devices)
app.use((req, res) => explain(res, 404, 'The shop has nothing like that.'))
app.use((error, req, res, next) => {
  if (error.status < 500) return explain(res, error.status, error.message)
  console.error(error)
  explain(res, 500, 'Something went wrong on our side.')
})
app.listen(PORT, '127.0.0.1')

function explain (res, status, description) {
  res.status(status).render('error', { name: STATUS_CODES[status], description })
}
