'use strict'

// Answers single questions about Node's formats: one JSON question a line on standard
// input, one JSON answer a line on standard output.

const readline = require('node:readline')
const cookieParser = require('cookie-parser')
const { Cookie, Session, Store } = require('express-session')

// The versions that express-session itself uses.
const its = name => require(require.resolve(name, { paths: [require.resolve('express-session')] }))
const cookie = its('cookie')
const signature = its('cookie-signature')

const bytes = secret => secret.hex ? Buffer.from(secret.hex, 'hex') : secret

const answers = {
  // The text of a signed cookie.
  sign: ({ value, secret }) => encodeURIComponent('s:' + signature.sign(value, bytes(secret))),

  // What cookie-parser makes of a Cookie header's value.
  unsign: ({ text, secret }) => {
    const value = decodeURIComponent(text)
    return secret.hex
      ? signature.unsign(value.slice(2), bytes(secret))
      : cookieParser.signedCookie(value, secret)
  },

  // The Set-Cookie line of these attributes, or why there is none.
  line: ({ name, value, options }) => {
    const dated = { ...options }
    if (typeof dated.expires === 'string') dated.expires = new Date(dated.expires)
    try {
      return { line: cookie.serialize(name, value, new Cookie(dated).data) }
    } catch (error) {
      return { refused: error.message }
    }
  },

  // A stored document, loaded into a session and stored again.
  reload: ({ document }) => {
    const req = {}
    new Store().createSession(req, JSON.parse(document))
    return { document: JSON.stringify(req.session), data: { ...req.session, cookie: undefined } }
  },

  // The document Express stores for this data, given as JavaScript.
  store: ({ source }) => {
    const session = new Session({ sessionID: 'id' }, new Function(`return ${source}`)())
    session.cookie = new Cookie()
    return JSON.stringify(session)
  }
}

readline.createInterface({ input: process.stdin }).on('line', line => {
  const { ask, ...question } = JSON.parse(line)
  let answer
  try {
    answer = answers[ask](question)
  } catch (error) {
    answer = { threw: error.message }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
})
