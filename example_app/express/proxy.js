// Serves both shops on one port, like a web server in front of them:
// /express goes to Express, everything else to Flask.
//
//   FLASK_URL=http://127.0.0.1:… EXPRESS_URL=http://127.0.0.1:… PORT=5000 node proxy.js

import { createServer } from 'node:http'
import { createProxyServer } from 'httpxy'

const { EXPRESS_URL, FLASK_URL, PORT } = process.env
const proxy = createProxyServer({ xfwd: true })

createServer(async (req, res) => {
  const target = /^\/express(?![^/?])/.test(req.url) ? EXPRESS_URL : FLASK_URL
  try {
    await proxy.web(req, res, { target })
  } catch (error) {
    console.error(error.message)
    if (!res.headersSent) res.writeHead(502)
    res.end()
  }
}).listen(PORT, '127.0.0.1')
