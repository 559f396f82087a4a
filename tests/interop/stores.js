'use strict'

// Opens each store from npm as its documentation says, with its defaults. Returns the store, and
// a function that tells how many milliseconds a session has left, NaN if there is none. It reads
// the store's row, because no store has a method for it.

const { readFile } = require('node:fs/promises')
const net = require('node:net')
const session = require('express-session')

const DAY = 86400e3

const openers = {
  async 'connect-redis' (url) {
    const { RedisStore } = require('connect-redis')
    const client = await require('redis').createClient({ url }).connect()
    const store = new RedisStore({ client })
    return { store, left: sid => client.pTTL(store.prefix + sid) }
  },

  async 'connect-pg-simple' (url) {
    const { Pool } = require('pg')
    const pool = new Pool({ connectionString: url })
    const Store = require('connect-pg-simple')(session)
    const store = new Store({ pool, createTableIfMissing: true })
    const query = 'SELECT EXTRACT(EPOCH FROM expire - LOCALTIMESTAMP) * 1000 AS "left"' +
      ' FROM "session" WHERE sid = $1'
    const left = async sid => Number((await pool.query(query, [sid])).rows[0]?.left)
    return { store, left }
  },

  async 'express-mysql-session' (url) {
    const pool = require('mysql2/promise').createPool(url)
    const Store = require('express-mysql-session')(session)
    const store = new Store({}, pool)
    await store.onReady()
    const query = 'SELECT expires FROM sessions WHERE session_id = ?'
    const left = async sid => (await pool.query(query, [sid]))[0][0]?.expires * 1000 - Date.now()
    return { store, left }
  },

  async 'connect-session-knex' (url) {
    const { client, connection, left: expression } = knexFor(url)
    const knex = require('knex')({ client, connection, useNullAsDefault: true })
    const { ConnectSessionKnexStore } = require('connect-session-knex')
    const store = new ConnectSessionKnexStore({ knex })
    await store.ready
    const left = async sid => {
      const row = await knex('sessions').where({ sid }).first(knex.raw(`${expression} AS "left"`))
      return Number(row?.left)
    }
    return { store, left }
  },

  async 'connect-session-sequelize' (url) {
    const { Sequelize } = require('sequelize')
    const db = new Sequelize(url, { logging: false })
    const Store = require('connect-session-sequelize')(session.Store)
    // The store returns expired sessions until its sweep, by default every 15 minutes.
    const store = new Store({ db, checkExpirationInterval: 200 })
    await store.sync()
    const left = async sid => (await store.sessionModel.findByPk(sid))?.expires - Date.now()
    return { store, left }
  },

  'connect-mongo': url => openMongo(url, { stringify: true }),

  'connect-mongo-subdocument': url => openMongo(url, { stringify: false }),

  async 'session-file-store' (url) {
    const path = new URL(url).pathname
    const Store = require('session-file-store')(session)
    // By default the store tries five times to read a file that does not exist.
    const store = new Store({ path, retries: 0, logFn () {} })
    const left = async sid => {
      const content = await readFile(`${path}/${sid}.json`).catch(() => '{"cookie":{}}')
      const { cookie, __lastAccess } = JSON.parse(content)
      return __lastAccess + (cookie.originalMaxAge || store.options.ttl * 1000) - Date.now()
    }
    return { store, left }
  },

  async 'connect-memcached' (url) {
    const { hostname, port } = new URL(url)
    const Store = require('connect-memcached')(session)
    const store = new Store({ hosts: `${hostname}:${port}` })
    const left = async sid => {
      const answer = await memcached(hostname, port, `mg ${sid} t`)
      return parseInt(answer.slice('HD t'.length)) * 1000
    }
    return { store, left }
  }
}

async function openMongo (url, options) {
  const { MongoStore } = require('connect-mongo')
  const client = await new (require('mongodb').MongoClient)(url).connect()
  const store = MongoStore.create({ client, ...options })
  const sessions = client.db().collection('sessions')
  const left = async sid => new Date((await sessions.findOne({ _id: sid }))?.expires) - Date.now()
  return { store, left }
}

function knexFor (url) {
  if (url.startsWith('postgresql:')) {
    const left = 'EXTRACT(EPOCH FROM expired - now()) * 1000'
    return { client: 'pg', connection: url, left }
  }
  if (url.startsWith('mysql:')) {
    const left = 'TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expired) / 1000'
    return { client: 'mysql2', connection: url, left }
  }
  const left = `(julianday(expired) - julianday('now')) * ${DAY}`
  return { client: 'better-sqlite3', connection: { filename: new URL(url).pathname }, left }
}

// The client of connect-memcached has no command that returns an expiry.
function memcached (host, port, command) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host, () => socket.write(`${command}\r\nquit\r\n`))
    const chunks = []
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks).toString().trim()))
    socket.on('error', reject)
  })
}

module.exports = openers
