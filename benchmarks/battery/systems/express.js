'use strict'

// express-session with connect-redis.

const net = require('node:net')
const { RedisStore } = require('connect-redis')
const express = require('express')
const session = require('express-session')
const { createClient } = require('redis')

const PATIENCE = 30e3

async function main (url, options) {
  const client = await createClient({ url }).connect()
  const store = new RedisStore({ client })
  const app = express()
  app.use(session({ secret: "the battery's secret key", store, ...options }))
  app.all('/:action', async (req, res) => {
    await waitAtGate(req.query)
    res.json(await actions[req.params.action](req) ?? {})
  })
  const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

const actions = {
  read: ({ session: { cookie, ...data } }) => data,
  login: ({ session, query }) => { Object.assign(session, { user: query.user, cart: ['tea'] }) },
  set: ({ session, query }) => { session[query.key] = query.value },
  nested: ({ session }) => { session.cart.push('milk') },
  logout: ({ session }) => new Promise((resolve, reject) => {
    session.destroy(error => error ? reject(error) : resolve())
  })
}

// Signals that the request has loaded its session, and waits until it may continue.
function waitAtGate ({ gate }) {
  if (!gate) return
  return new Promise((resolve, reject) => {
    const waiting = net.connect(gate, '127.0.0.1').on('close', resolve).on('error', reject)
    waiting.setTimeout(PATIENCE, () => waiting.destroy(new Error('the gate stays closed')))
    waiting.resume()
  })
}

main(process.argv[2], JSON.parse(process.argv[3]))
