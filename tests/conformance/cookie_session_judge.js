'use strict'

// Sends requests through the real cookie-session, over HTTP. Reads one JSON request per line from
// standard input, and writes one JSON answer per line to standard output.

const http = require('node:http')
const readline = require('node:readline')
const cookieSession = require('cookie-session')

let asked

const server = http.createServer((req, res) => {
  const { keys, options, secure, before, actions } = asked
  if (secure) req.protocol = 'https'
  for (const line of before || []) res.appendHeader('Set-Cookie', line)
  const saw = []
  cookieSession({ keys, ...options })(req, res, () => {
    for (const [verb, ...args] of actions || []) act[verb](req, saw, ...args)
    res.end(JSON.stringify(saw))
  })
})

const act = {
  see: (req, saw) => {
    const { session } = req
    const { isNew, isChanged } = session
    saw.push({ data: JSON.parse(JSON.stringify(session)), isNew, isChanged })
  },
  read: req => Object.keys(req.session || {}),
  set: (req, saw, key, value) => { req.session[key] = value },
  delete: (req, saw, key) => { delete req.session[key] },
  clear: req => { for (const key of Object.keys(req.session)) delete req.session[key] },
  unset: req => { req.session = null }
}

function send (cookie) {
  const options = { host: '127.0.0.1', port: server.address().port, headers: cookie ? { cookie } : {} }
  return new Promise((resolve, reject) => {
    http.get(options, response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => {
        const saw = JSON.parse(Buffer.concat(chunks).toString())
        resolve({ cookies: response.headers['set-cookie'] || [], saw })
      })
    }).on('error', reject)
  })
}

async function main () {
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  for await (const line of readline.createInterface({ input: process.stdin })) {
    asked = JSON.parse(line)
    let answer
    try {
      answer = await send(asked.cookie)
    } catch (error) {
      answer = { broken: String(error && error.stack) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  server.close()
}

main()
