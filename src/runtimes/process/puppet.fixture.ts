/** Does what the file named in its environment says: `say TEXT` or `end CODE`, a line each. */
export const puppet = `
  const { readFileSync } = require('node:fs')
  const { id } = JSON.parse(process.env.BALEEN_REPLICA)
  let done = 0
  setInterval(() => {
    let text = ''
    try { text = readFileSync(process.env.PUPPET + '/' + id, 'utf8') } catch {}
    const lines = text.split('\\n').slice(0, -1)
    for (const line of lines.slice(done)) {
      done++
      if (line.startsWith('end ')) process.exit(Number(line.slice(4)))
      process.stdout.write(line.slice(4) + '\\n')
    }
  }, 10)`
