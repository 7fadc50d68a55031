// `node scripts/on-node-24.mjs FILE …` is `node FILE …`, but for the error where npm was told to ignore scripts and so never
// ran `bootstrap.mjs`. Plain JavaScript for old Nodes.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `error: Baleen needs Node 24 and this is ${process.versions.node}: npm did not run scripts/bootstrap.mjs, which installs it (ignore-scripts is set).\nhint: Run \`node scripts/bootstrap.mjs\`, then the same command again.\n`,
  )
  process.exit(1)
}
const file = resolve(process.argv[2])
process.argv.splice(1, 2, file)
await import(pathToFileURL(file).href)
