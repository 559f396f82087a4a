// The shop's pages and forms.

import { Router } from 'express'
import * as cart from './cart.js'
import { GLAZES, PRODUCTS } from './catalogue.js'
import { renew } from './csrf.js'
import { flash } from './messages.js'
import { redirect, regenerate } from './session.js'
import { logIn } from './users.js'

const MONTH = 30 * 24 * 3600 * 1000

export const shop = Router()

shop.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.render('shop', { products: PRODUCTS, glazes: GLAZES, lines: cart.lines(req.session) })
})

shop.get('/login', (req, res) => res.render('login'))

shop.post('/login', async (req, res) => {
  const name = String(req.body.name ?? '').trim().slice(0, 40)
  if (!name) {
    flash(req.session, 'Please enter a name.')
    return redirect(req, res, '/login')
  }
  await logIn(req, name)
  renew(req.session)
  req.session.name = name
  if (req.body.remember) req.session.cookie.maxAge = MONTH
  flash(req.session, `Welcome, ${name}.`)
  return redirect(req, res, '/')
})

shop.post('/logout', async (req, res) => {
  // This destroys the old session. The message goes into the new one.
  await regenerate(req)
  flash(req.session, 'Bye')
  return redirect(req, res, '/')
})

shop.post('/cart/:slug', (req, res, next) => {
  const { slug } = req.params
  const { glaze } = req.body
  if (!isSold(slug, glaze)) return next()
  cart.add(req.session, slug, glaze)
  return redirect(req, res, '/#cart')
})

shop.post('/cart/:slug/:glaze', (req, res, next) => {
  const { slug, glaze } = req.params
  if (!isSold(slug, glaze)) return next()
  cart.setQuantity(req.session, slug, glaze, parseInt(req.body.quantity) || 0)
  return redirect(req, res, '/#cart')
})

function isSold (slug, glaze) {
  return Object.hasOwn(PRODUCTS, slug) && Object.hasOwn(GLAZES, glaze)
}
