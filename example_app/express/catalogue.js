// The products. Prices are in whole euros.

export const PRODUCTS = {
  cup: { name: 'Cup', description: 'Fits into two hands', price: 24 },
  bowl: { name: 'Bowl', description: 'For soup, rice or keys', price: 32 },
  vase: { name: 'Vase', description: 'One branch is enough', price: 58 }
}

export const GLAZES = { chalk: 'Chalk', celadon: 'Celadon', iron: 'Iron' }
