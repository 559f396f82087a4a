// The page "Your devices": where a user is logged in, and how to end that.

import { Router } from 'express'
import { flash } from './messages.js'
import { ago, until } from './moments.js'
import { redirect, regenerate } from './session.js'
import { sessionsOf } from './users.js'

const WHY_ENDED = {
  ended: 'You logged this device out from another one.',
  limit: 'This device was logged out because you logged in on another one.'
}

// The first one that a User-Agent contains: Edge names Chrome and Safari, too.
const BROWSERS = {
  Edg: 'Edge',
  'OPR/': 'Opera',
  'Firefox/': 'Firefox',
  FxiOS: 'Firefox',
  'Chrome/': 'Chrome',
  CriOS: 'Chrome',
  'Safari/': 'Safari'
}
const SYSTEMS = {
  iPhone: 'iPhone',
  iPad: 'iPad',
  Android: 'Android',
  Windows: 'Windows',
  Macintosh: 'Mac',
  CrOS: 'Chromebook',
  Linux: 'Linux'
}

export const devices = Router()

devices.get('/devices', usersOnly, async (req, res) => {
  res.render('devices', { devices: await devicesOf(req), nameOf, ago, until })
})

// Ends a session by destroying it, so its browser is not told why. Flask's tells.
devices.post('/devices/end', usersOnly, async (req, res, next) => {
  const others = await othersOf(req)
  const device = others.find(({ handle }) => handle === req.body.handle)
  if (!device) return next()
  await req.sessionStore.destroy(device.id)
  flash(req.session, 'The device is logged out.')
  return redirect(req, res, '/devices')
})

devices.post('/devices/end-others', usersOnly, async (req, res) => {
  for (const { id } of await othersOf(req)) await req.sessionStore.destroy(id)
  flash(req.session, 'Your other devices are logged out.')
  return redirect(req, res, '/devices')
})

// Flask leaves the reason in place of a session that it ends.
export async function tellWhyEnded (req, res, next) {
  const { endedReason } = req.session.cookie
  if (endedReason) {
    await regenerate(req)
    flash(req.session, WHY_ENDED[endedReason] ?? 'You were logged out.')
  }
  next()
}

function usersOnly (req, res, next) {
  if (req.session._login) return next()
  flash(req.session, 'Please log in first.')
  return redirect(req, res, '/login')
}

async function devicesOf ({ session, sessionID, sessionStore }) {
  const found = await sessionsOf(session._login.user, sessionStore)
  return found.map(each => ({ ...each, isCurrent: each.id === sessionID }))
}

async function othersOf (req) {
  return (await devicesOf(req)).filter(({ isCurrent }) => !isCurrent)
}

function nameOf ({ label, agent = '' }) {
  const names = [first(BROWSERS, agent), first(SYSTEMS, agent)]
  return label ?? (names.filter(Boolean).join(' on ') || 'Unknown browser')
}

function first (names, agent) {
  return Object.entries(names).find(([mark]) => agent.includes(mark))?.[1]
}
