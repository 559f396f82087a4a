// The cart: session.cart.cup.celadon is the number of celadon cups.

import { PRODUCTS } from './catalogue.js'

// The largest quantity of one product in one glaze.
const MAX_QUANTITY = 12

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
  if (quantity > 0) glazes[glaze] = Math.min(quantity, MAX_QUANTITY)
  else delete glazes[glaze]
  if (Object.keys(glazes).length === 0) delete cart[slug]
}
