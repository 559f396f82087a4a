'use strict'

// Plays scenarios on the real express-session. Reads one JSON scenario per line from standard
// input, and writes one JSON trace per line to standard output. The clock is virtual and stands
// still within a request, unless the scenario says that it ticks. Ids count up within a request.

const http = require('node:http')
const readline = require('node:readline')

const RealDate = Date
const clock = { now: 0, step: 0 }

global.Date = class extends RealDate {
  constructor (...parts) {
    if (parts.length === 0) super(Date.now())
    else super(...parts)
  }

  static now () {
    return (clock.now += clock.step)
  }
}

process.env.NO_DEPRECATION = 'express-session'
const cookieParser = require('cookie-parser')
const session = require('express-session')

const NO_SESSION = 'no session'

async function play (scenario) {
  const trace = []
  const playing = { ops: [], saw: [], request: null, number: 0, ids: 0, all: 0 }
  const store = recordingStore(scenario, playing)
  const middlewares = {}
  try {
    for (const [name, options] of Object.entries({ '': {}, ...scenario.otherServers })) {
      middlewares[name] = session(optionsOf(scenario, options, playing, store))
    }
  } catch (error) {
    return { refused: error.message }
  }
  if (scenario.cookieParser) {
    middlewares[''] = withoutHeader(cookieParser(scenario.cookieParser), middlewares[''])
  }
  const server = http.createServer((req, res) => {
    handle(middlewares[playing.request.server || ''], playing, req, res)
  })
  server.on('clientError', (error, socket) => socket.destroy(error))
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const jar = { value: null, name: nameOf(scenario) }
  playing.port = server.address().port
  Object.assign(clock, { now: scenario.start, step: scenario.ticks ? 1 : 0 })
  try {
    for (const [number, request] of scenario.requests.entries()) {
      clock.now += request.advance || 0
      if (request.clearFirst) await promised(done => store.clear(done))
      Object.assign(store.sessions, textsOf(request.rows))
      store.emit(request.disconnected ? 'disconnect' : 'connect')
      Object.assign(playing, { ops: [], saw: [], request, number, ids: 0 })
      const response = await send(playing.port, request, jar)
      trace.push({ ...response, ops: playing.ops, saw: playing.saw })
    }
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { requests: trace }
}

// A row that is not a text is stored as its JSON.
function textsOf (rows = {}) {
  const text = row => typeof row === 'string' ? row : JSON.stringify(row)
  return Object.fromEntries(Object.entries(rows).map(([sid, row]) => [sid, text(row)]))
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
  if (Array.isArray(genid)) return () => genid[playing.all++]
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
  if (scenario.storeServesExpired) {
    store.get = (sid, done) => setImmediate(done, null, JSON.parse(store.sessions[sid] || 'null'))
  }
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
      const call = () => real.call(this, sid, ...rest)
      const delay = playing.request.slow && playing.request.slow[verb]
      return delay ? setTimeout(call, delay) : call()
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
      if (request.stream) res.write(request.stream)
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
  if (verb === 'see') return playing.saw.push(see(req, ...args))
  if (verb === 'clear store') return promised(done => req.sessionStore.clear(done))
  if (verb === 'meanwhile') return meanwhile(req, args, playing)
  if (verb === 'write') return actions.set(req, ...args)
  if (!req.session) return playing.saw.push(NO_SESSION)
  if (actions[verb] === undefined) throw new Error(`no such action: ${verb}`)
  const said = await actions[verb](req, ...args)
  if (typeof said === 'string') playing.saw.push(said)
}

const actions = {
  set: (req, key, value) => { req.session[key] = value },
  circle: (req, key) => {
    const ring = []
    ring.push(ring)
    req.session[key] = ring
  },
  assign: (req, value) => { req.session = value },
  identify: (req, id) => { req.sessionID = id },
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

// Plays another request of the same browser before this one continues.
async function meanwhile (req, actions, playing) {
  const { request } = playing
  playing.request = { actions }
  await send(playing.port, { cookie: req.headers.cookie })
  playing.request = request
}

function see (req, ...members) {
  if (!req.session) return NO_SESSION
  const { cookie, ...data } = JSON.parse(JSON.stringify(req.session))
  const all = { id: req.session.id, data, cookie, maxAge: req.session.cookie.maxAge ?? null }
  return members.reduce((value, member) => value[member] ?? null, all)
}

// A request that has only the cookies that cookie-parser parsed, and no Cookie header.
function withoutHeader (parser, middleware) {
  return (req, res, next) => parser(req, res, () => {
    delete req.headers.cookie
    middleware(req, res, next)
  })
}

function send (port, request, jar = {}) {
  const headers = { ...request.headers }
  if (request.cookie === undefined && jar.value) headers.cookie = jar.value
  else if (request.cookie) headers.cookie = request.cookie
  if (request.cookieBefore) headers.cookie = `${request.cookieBefore}; ${headers.cookie}`
  const options = {
    host: '127.0.0.1', port, path: request.path || '/', method: request.method || 'GET', headers
  }
  return new Promise((resolve, reject) => {
    const sent = http.request(options, response => {
      const chunks = []
      const cookies = response.headers['set-cookie'] || []
      for (const line of cookies) {
        if (line.startsWith(`${jar.name}=`)) jar.value = line.split(';')[0]
      }
      const answer = () => {
        const body = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode, cookies, body, ...asked(request, response) })
      }
      response.on('data', chunk => chunks.push(chunk))
      // A browser that follows a redirect does not wait for the body.
      if (request.hurried) answer()
      else response.on('end', answer)
    })
    sent.setTimeout(request.patience || 5000, () => sent.destroy(new Error('no answer')))
    sent.on('error', error => resolve({ status: error.message, cookies: [], body: '' }))
    sent.end()
  })
}

function asked (request, response) {
  if (!request.headersOf) return {}
  return { headers: request.headersOf.map(name => response.headers[name] ?? null) }
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
