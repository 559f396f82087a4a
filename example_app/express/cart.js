// The cart: session.cart.cup.celadon is how many celadon cups there are.

import { PRODUCTS } from './catalogue.js'

// How many of one thing may be ordered at once.
const MOST = 12

export function lines (session) {
  return Object.entries(session.cart ?? {}).flatMap(([slug, glazes]) =>
    Object.entries(glazes).map(([glaze, quantity]) => (
      { slug, glaze, quantity, price: PRODUCTS[slug].price * quantity }
    ))
  )
}

export function add (session, slug, glaze) {
  setQuantity(session, slug, glaze, (session.cart?.[slug]?.[glaze] ?? 0) + 1)
}

export function setQuantity (session, slug, glaze, quantity) {
  const cart = (session.cart ??= {})
  const glazes = (cart[slug] ??= {})
  if (quantity > 0) glazes[glaze] = Math.min(quantity, MOST)
  else delete glazes[glaze]
  if (Object.keys(glazes).length === 0) delete cart[slug]
}
