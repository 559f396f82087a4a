// Moments, told by how long ago or how far ahead they are.

export function ago (moment) {
  const minutes = Math.floor((Date.now() - moment) / 60_000)
  return minutes > 0 ? `${spelled(minutes)} ago` : 'just now'
}

export function until (moment) {
  return spelled(Math.ceil((moment - Date.now()) / 60_000))
}

// Spells a time in its two largest units.
function spelled (minutes) {
  const hours = Math.floor(minutes / 60)
  const units = { d: Math.floor(hours / 24), h: hours % 24, min: minutes % 60 }
  return Object.entries(units)
    .filter(([, number]) => number > 0)
    .slice(0, 2)
    .map(([unit, number]) => `${number} ${unit}`)
    .join(' ')
}
