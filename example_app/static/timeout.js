// Warns two minutes before the session ends. Asking does not extend it; "Stay" does.

const WARNING = 120
// Browsers run a timer of more than 24 days at once.
const LONGEST_WAIT = 3600
const note = document.getElementById('timeout')

async function ask (method) {
  const body = method === 'POST' ? new URLSearchParams({ csrf_token: note.dataset.token }) : undefined
  const answer = await fetch(note.dataset.url, { method, body })
  const { expires_in: left } = await answer.json()
  note.hidden = left > WARNING
  if (left === null) {
    note.textContent = 'You have been logged out.'
    return
  }
  note.querySelector('span').textContent = `You will be logged out in ${left} seconds.`
  const wait = Math.min(Math.max(5, left - WARNING), LONGEST_WAIT)
  setTimeout(ask, wait * 1000, 'GET')
}

note.querySelector('button').addEventListener('click', () => ask('POST'))
ask('GET')
