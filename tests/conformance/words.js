'use strict'

// Answers single questions about Node's formats. Reads one JSON question per line from standard
// input, and writes one JSON answer per line to standard output.

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

  // The value that cookie-parser returns for a signed cookie.
  unsign: ({ text, secret }) => {
    const value = decodeURIComponent(text)
    return secret.hex
      ? signature.unsign(value.slice(2), bytes(secret))
      : cookieParser.signedCookie(value, secret)
  },

  // The Set-Cookie line with these attributes, or the reason why it is refused.
  line: ({ name, value, options }) => {
    const dated = { ...options }
    if (typeof dated.expires === 'string') dated.expires = new Date(dated.expires)
    try {
      return { line: cookie.serialize(name, value, new Cookie(dated).data) }
    } catch (error) {
      return { refused: error.message }
    }
  },

  // A stored document after it was loaded into a session and stored again.
  reload: ({ document }) => {
    const req = {}
    new Store().createSession(req, JSON.parse(document))
    return { document: JSON.stringify(req.session), data: { ...req.session, cookie: undefined } }
  },

  // The document that Express stores for data given as JavaScript source.
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
