// Runs before `npm start` and `npm test`, on whatever Node the machine has: installs exactly what the lock file says,
// Node 24 included, and does nothing when that is already there. Plain JavaScript for old Nodes; no dependencies.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.baleen-stamp')
const turnFile = join(root, '.baleen-installing')
/** No installation takes as long as this. */
const turnMsMax = 30 * 60_000
/** The file is there before the number in it. */
const writingMs = 2000
const ownNode = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
const gpu = process.env['BALEEN_GPU'] ?? ''
const llama = '3.21.1'
/** Half a gigabyte each: only on request. */
const gpuPackages = {
  cuda: [`@node-llama-cpp/${process.platform === 'win32' ? 'win' : 'linux'}-x64-cuda@${llama}`],
  vulkan: [`@node-llama-cpp/${process.platform === 'win32' ? 'win' : 'linux'}-x64-vulkan@${llama}`],
}

if (Number(process.versions.node.split('.')[0]) < 20)
  fail(
    `Node ${process.versions.node} is too old.`,
    'Install Node 20 or newer; Baleen brings its own Node 24 from there.',
  )
if (gpu && !(gpu in gpuPackages))
  fail(`BALEEN_GPU="${gpu}" is unknown.`, `Use one of: ${Object.keys(gpuPackages).join(', ')}.`)

const lockText = readFileSync(join(root, 'package-lock.json'))
const stamp = createHash('sha256')
  .update(lockText)
  .update(`${process.platform}-${process.arch}-${gpu}`)
  .digest('hex')

if (reasonToInstall() !== null) {
  takeTurn()
  process.on('exit', () => rmSync(turnFile, { force: true }))
  // Another start may have done it meanwhile.
  const reason = reasonToInstall()
  if (reason !== null) install(reason)
}

function install(reason) {
  const startedAtMs = Date.now()
  process.stderr.write(`Installing from package-lock.json (${reason})…\n`)
  // No dependency needs its install script, so none runs.
  npm(['ci', '--ignore-scripts'])
  if (gpu) {
    process.stderr.write(`Adding ${gpu} for the embedded engine…\n`)
    npm(['install', '--no-save', '--ignore-scripts', ...gpuPackages[gpu]])
  }
  if (runtimeMajor() < 24)
    fail(
      `There is no Node 24 package for ${process.platform}-${process.arch} in the lock file.`,
      'Install Node 24 on this machine and run the same command again.',
    )
  writeFileSync(stampFile, stamp)
  process.stderr.write(`Installed in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s.\n`)
}

/** Null: what the lock file says is there, whether this script or a person's own `npm ci` brought it. */
function reasonToInstall() {
  const stamped = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : null
  if (stamped !== null && stamped !== stamp) return 'it has changed'
  const installed = stamped === null ? readPackages(join(modules, '.package-lock.json')) : null
  if (stamped === null && (installed === null || gpu)) return 'first start'
  const needsTools = process.env['npm_lifecycle_event'] !== 'prestart'
  for (const [path, { version, optional, dev }] of Object.entries(JSON.parse(lockText).packages)) {
    if (path === '' || optional || (dev && !needsTools)) continue
    if (!existsSync(join(root, path, 'package.json'))) return `${path} is missing`
    if (installed !== null && installed[path]?.version !== version) return `${path} is another`
  }
  const isRuntimeThere = Number(process.versions.node.split('.')[0]) >= 24 || existsSync(ownNode)
  return isRuntimeThere ? null : 'Node 24 is missing'
}

/** What npm says it installed; it writes that file last. */
function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return null
  }
}

/** Two installations at once would undo each other: the second start waits for the first. */
function takeTurn() {
  for (let hasTold = false; ; pause(500))
    try {
      writeFileSync(turnFile, `${process.pid}`, { flag: 'wx' })
      return
    } catch (thrown) {
      if (thrown.code !== 'EEXIST')
        fail(`Can't write to ${root}: ${thrown.message}.`, 'Clone it to a place of your own.')
      const turn = readTurn()
      if (turn === null) continue
      const { other } = turn
      if (isOver(turn)) {
        rmSync(turnFile, { force: true })
        continue
      }
      if (!hasTold) process.stderr.write(`Process ${other} is installing: waiting for it…\n`)
      hasTold = true
    }
}

/** Null: it has just ended. */
function readTurn() {
  try {
    const ageMs = Date.now() - statSync(turnFile).mtimeMs
    return { other: Number(readFileSync(turnFile, 'utf8')), ageMs }
  } catch {
    return null
  }
}

/** A process that was killed leaves its file behind, and another, this one too, may have its number since: so in containers. */
function isOver({ other, ageMs }) {
  if (other === process.pid || ageMs > turnMsMax) return true
  return other > 0 ? !isAlive(other) : ageMs > writingMs
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return thrown.code === 'EPERM'
  }
}

function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Runs npm on the machine's Node: the one in node_modules is about to be replaced under its own feet. */
function npm(parameters) {
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier']
  const node = process.env['npm_node_execpath'] ?? process.execPath
  const script = process.env['npm_execpath']
  const [command, first] = script ? [node, [script]] : ['npm', []]
  const result = spawnSync(command, [...first, ...parameters, ...quiet], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: !script && process.platform === 'win32',
  })
  if (result.status !== 0)
    fail(
      `npm ${parameters[0]} ended with ${result.error?.message ?? `code ${result.status}`}.`,
      'Check that the npm registry can be reached and that there is 1 GB of free disk, then run the same command again.',
    )
}

/** Major version of the Node that `npm start` will use. */
function runtimeMajor() {
  if (!existsSync(ownNode)) return Number(process.versions.node.split('.')[0])
  const version = spawnSync(ownNode, ['--version'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  }).stdout
  return Number(/^v(\d+)/.exec(version ?? '')?.[1] ?? 0)
}

function fail(what, hint) {
  process.stderr.write(`error: ${what}\nhint: ${hint}\n`)
  process.exit(1)
}
