'use strict'

// Plays scenarios through the real express-session: one JSON scenario a line on standard
// input, one JSON trace a line on standard output. The clock is virtual and stands still
// within a request; ids count up within a request.

const http = require('node:http')
const readline = require('node:readline')

const RealDate = Date
const clock = { now: 0 }

global.Date = class extends RealDate {
  constructor (...parts) {
    if (parts.length === 0) super(clock.now)
    else super(...parts)
  }

  static now () {
    return clock.now
  }
}

process.env.NO_DEPRECATION = 'express-session'
const session = require('express-session')

const NO_SESSION = 'no session'

async function play (scenario) {
  const trace = []
  const playing = { ops: [], saw: [], request: null, number: 0, ids: 0 }
  const store = recordingStore(scenario, playing)
  const middlewares = {}
  try {
    for (const [name, options] of Object.entries({ '': {}, ...scenario.otherServers })) {
      middlewares[name] = session(optionsOf(scenario, options, playing, store))
    }
  } catch (error) {
    return { refused: error.message }
  }
  const server = http.createServer((req, res) => {
    handle(middlewares[playing.request.server || ''], playing, req, res)
  })
  server.on('clientError', (error, socket) => socket.destroy(error))
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const jar = { value: null }
  clock.now = scenario.start
  try {
    for (const [number, request] of scenario.requests.entries()) {
      clock.now += request.advance || 0
      if (request.clearFirst) await promised(done => store.clear(done))
      Object.assign(playing, { ops: [], saw: [], request, number, ids: 0 })
      const response = await send(server.address().port, request, jar, nameOf(scenario))
      trace.push({ ...response, ops: playing.ops, saw: playing.saw })
    }
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { requests: trace }
}

function nameOf (scenario) {
  return scenario.options.name || 'connect.sid'
}

function optionsOf (scenario, others, playing, store) {
  const options = { ...scenario.options, ...others, store }
  if (options.secret && options.secret.hex) options.secret = Buffer.from(options.secret.hex, 'hex')
  if (options.cookie) options.cookie = cookieOptionsOf(options.cookie)
  options.genid = genidOf(scenario.genid, playing)
  return options
}

function genidOf (genid, playing) {
  if (genid === 'url') return req => req.url
  if (genid) return () => genid
  return () => `r${playing.number}-${++playing.ids}`
}

function cookieOptionsOf (cookie) {
  if (cookie.function) return req => ({ ...cookie.function, path: cookie.function.path || req.url })
  const options = { ...cookie }
  if (typeof options.expires === 'string') options.expires = new Date(options.expires)
  return options
}

function recordingStore (scenario, playing) {
  const store = new session.MemoryStore()
  for (const verb of ['get', 'set', 'destroy', 'touch']) {
    const real = store[verb]
    store[verb] = function (sid, ...rest) {
      const op = [verb, sid]
      if (verb === 'set' || verb === 'touch') op.push(JSON.stringify(rest[0]))
      playing.ops.push(op)
      const failure = playing.request.fails && playing.request.fails[verb]
      if (failure) {
        const error = new Error(failure)
        if (failure === 'ENOENT') error.code = 'ENOENT'
        return setImmediate(rest[rest.length - 1], error)
      }
      return real.call(this, sid, ...rest)
    }
  }
  if (scenario.storeTouches === false) store.touch = undefined
  return store
}

function handle (middleware, playing, req, res) {
  const { request } = playing
  if (request.secure !== undefined) req.secure = request.secure
  for (const [name, value] of request.responseHeaders || []) res.appendHeader(name, value)
  const fail = error => {
    if (res.headersSent) return
    res.statusCode = error.status || 500
    res.end(error.message)
  }
  const view = async error => {
    if (error) return fail(error)
    try {
      for (const [verb, ...args] of request.actions || []) await act(verb, args, req, playing)
      res.statusCode = request.status || 200
      res.end(request.body || '')
    } catch (error) {
      fail(error)
    }
  }
  try {
    middleware(req, res, view)
  } catch (error) {
    fail(error)
  }
}

async function act (verb, args, req, playing) {
  if (verb === 'see') return playing.saw.push(see(req))
  if (verb === 'clear store') return promised(done => req.sessionStore.clear(done))
  if (!req.session) return playing.saw.push(NO_SESSION)
  if (actions[verb] === undefined) throw new Error(`no such action: ${verb}`)
  const said = await actions[verb](req, ...args)
  if (typeof said === 'string') playing.saw.push(said)
}

const actions = {
  set: (req, key, value) => { req.session[key] = value },
  delete: (req, key) => { delete req.session[key] },
  count: (req, key) => { req.session[key] = (req.session[key] || 0) + 1 },
  push: (req, key, value) => {
    if (Array.isArray(req.session[key])) req.session[key].push(value)
    else req.session[key] = [value]
  },
  cookie: (req, attribute, value) => {
    req.session.cookie[attribute] =
      attribute === 'expires' && typeof value === 'string' ? new Date(value) : value
  },
  regenerate: req => promised(done => req.session.regenerate(done)),
  destroy: req => promised(done => req.session.destroy(done)),
  reload: req => promised(done => req.session.reload(done)).catch(error => error.message),
  save: req => promised(done => req.session.save(done)),
  touch: req => { req.session.touch() },
  unset: req => { req.session = null },
  wait: (req, milliseconds) => { clock.now += milliseconds }
}

function promised (start) {
  return new Promise((resolve, reject) => start(error => error ? reject(error) : resolve()))
}

function see (req) {
  if (!req.session) return NO_SESSION
  const { cookie, ...data } = JSON.parse(JSON.stringify(req.session))
  return { id: req.session.id, data, cookie, maxAge: req.session.cookie.maxAge ?? null }
}

function send (port, request, jar, name) {
  const headers = { ...request.headers }
  if (request.cookie === undefined && jar.value) headers.cookie = jar.value
  else if (request.cookie) headers.cookie = request.cookie
  const options = {
    host: '127.0.0.1', port, path: request.path || '/', method: request.method || 'GET', headers
  }
  return new Promise((resolve, reject) => {
    const sent = http.request(options, response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => {
        const cookies = response.headers['set-cookie'] || []
        for (const line of cookies) {
          if (line.startsWith(`${name}=`)) jar.value = line.split(';')[0]
        }
        const body = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode, cookies, body })
      })
    })
    sent.setTimeout(5000, () => sent.destroy(new Error('no answer')))
    sent.on('error', error => resolve({ status: error.message, cookies: [], body: '' }))
    sent.end()
  })
}

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let trace
    try {
      trace = await play(JSON.parse(line))
    } catch (error) {
      trace = { broken: String(error && error.stack) }
    }
    process.stdout.write(JSON.stringify(trace) + '\n')
  }
}

// express-session throws inside res.end, outside every promise, when it cannot serialise.
process.on('uncaughtException', error => process.stderr.write(`${error.stack}\n`))

main()
