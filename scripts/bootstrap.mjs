// Runs before `npm start` and `npm test`, on whatever Node the machine has: installs exactly what the lock file says,
// Node 24 included, and does nothing when that is already there. Plain JavaScript for old Nodes; no dependencies.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.baleen-stamp')
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

const lock = readFileSync(join(root, 'package-lock.json'))
const stamp = createHash('sha256')
  .update(lock)
  .update(`${process.platform}-${process.arch}-${gpu}`)
  .digest('hex')
const isCurrent = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp

if (!isCurrent) {
  const startedAtMs = Date.now()
  process.stderr.write('Installing from package-lock.json (first start or changed lock)…\n')
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
  const own = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  if (!existsSync(own)) return Number(process.versions.node.split('.')[0])
  const version = spawnSync(own, ['--version'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  }).stdout
  return Number(/^v(\d+)/.exec(version ?? '')?.[1] ?? 0)
}

function fail(what, hint) {
  process.stderr.write(`error: ${what}\nhint: ${hint}\n`)
  process.exit(1)
}
