import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  createReadStream,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { cached } from './tools.ts'

/** Images in one archive that `ctr images import` and `docker load` take, made without a registry and without Docker. */

export const pauseImage = 'baleen.test/pause:1'
export const baleenImage = 'baleen.test/baleen:1'
/** Baleen's with a program `vllm` of the test's own. */
export const vllmImage = 'baleen.test/vllm:1'

const root = join(import.meta.dirname, '../../..')
const applets = ['sh', 'sleep', 'readlink', 'dirname', 'kill', 'cat', 'wget']
const user = 10_001

/** `vllm`: text of a shell script. */
export async function makeImages(folder: string, vllm: string): Promise<string> {
  const layer = (name: string, fill: (made: string) => void): string => {
    const tar = join(folder, `${name}.tar`)
    withFolder((made) => {
      fill(made)
      pack(made, tar)
    })
    return tar
  }
  const layers = [baseLayer(), layer('baleen', addBaleen)]
  return archive(folder, [
    {
      name: pauseImage,
      layers: [layer('pause', addBusybox)],
      config: { Entrypoint: ['/bin/busybox', 'sleep', '2147483647'] },
    },
    { name: baleenImage, layers, config: baleenConfig },
    {
      name: vllmImage,
      layers: [
        ...layers,
        layer('vllm', (made) => {
          writeAt(made, '/usr/local/bin/vllm', vllm)
          chmodSync(join(made, 'usr/local/bin/vllm'), 0o755)
        }),
      ],
      config: baleenConfig,
    },
  ])
}

/** As deploy/Dockerfile has it. */
const baleenConfig = {
  User: `${user}:${user}`,
  WorkingDir: '/app',
  Entrypoint: ['baleen'],
  Cmd: ['serve'],
  Env: [
    'PATH=/usr/local/bin:/bin',
    'NODE_ENV=production',
    'BALEEN_DATA=/data',
    'BALEEN_CONFIG=/etc/baleen/config.yaml',
    'NODE_COMPILE_CACHE=/tmp/compile',
  ],
}

function addBaleen(made: string): void {
  mkdirSync(join(made, 'app'))
  execFileSync('cp', ['-a', 'bin', 'src', 'package.json', join(made, 'app')], { cwd: root })
  writeAt(made, '/etc/baleen/config.yaml', readFileSync(join(root, 'deploy/config.yaml'), 'utf8'))
}

/** This machine's own Node and libraries in place of a base image, and what Baleen depends on. */
function baseLayer(): string {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  return cached('image', `1 ${process.version} ${lock}`, (path) =>
    withFolder((made) => {
      addBusybox(made)
      mkdirSync(join(made, 'usr/local/bin'), { recursive: true })
      copyFileSync(process.execPath, join(made, 'usr/local/bin/node'))
      addLibraries(made, process.execPath)
      const addons = `node_modules/@node-llama-cpp/linux-${process.arch}/bins/**/*.{node,so}`
      for (const addon of globSync(addons, { cwd: root })) addLibraries(made, join(root, addon))
      writeAt(made, '/etc/passwd', `baleen:x:${user}:${user}::/data:/bin/sh\n`)
      for (const name of ['tmp', 'data', 'app']) mkdirSync(join(made, name))
      chmodSync(join(made, 'tmp'), 0o1777)
      chownSync(join(made, 'data'), user, user)
      chmodSync(join(made, 'data'), 0o700)
      symlinkSync('/app/bin/baleen', join(made, 'usr/local/bin/baleen'))
      const to = join(made, 'app')
      execFileSync('cp', ['-al', '--parents', ...productionPackages(lock), to], { cwd: root })
      pack(made, path)
    }),
  )
}

/** What `npm ci --omit=dev` would install, less the packages with another Node. */
function productionPackages(lock: string): readonly string[] {
  const { packages } = JSON.parse(lock) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  return Object.entries(packages)
    .filter(([path, { dev }]) => path.startsWith('node_modules/') && dev !== true)
    .map(([path]) => path)
    .filter((path) => !path.includes('/node_modules/') && existsSync(join(root, path)))
    .filter((path) => !/node-(linux|win|darwin)/.test(path))
}

function withFolder(fill: (folder: string) => void): void {
  const made = mkdtempSync(join(tmpdir(), 'baleen-image-'))
  try {
    chmodSync(made, 0o755)
    fill(made)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

const pack = (folder: string, tar: string): void =>
  void execFileSync('tar', ['-C', folder, '--sort=name', '--hard-dereference', '-cf', tar, '.'])

function writeAt(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function addBusybox(folder: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(folder, 'bin/busybox'))
  for (const applet of applets) symlinkSync('busybox', join(folder, 'bin', applet))
}

/** The shared libraries of this machine that a program is linked to, where the linker looks for them. */
function addLibraries(folder: string, program: string): void {
  const told = execFileSync('ldd', [program], { encoding: 'utf8' })
  for (const [, path = ''] of told.matchAll(/(?:=> )?(\/\S+) \(0x/g)) {
    if (path.startsWith(root)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    if (!existsSync(join(folder, path))) copyFileSync(path, join(folder, path))
  }
}

interface Image {
  readonly name: string
  /** Tar files, from the lowest. */
  readonly layers: readonly string[]
  readonly config: object
}

async function archive(folder: string, images: readonly Image[]): Promise<string> {
  const made = mkdtempSync(join(folder, 'archive-'))
  const digests = new Map<string, string>()
  for (const layer of new Set(images.flatMap(({ layers }) => layers))) {
    const digest = await digestOf(layer)
    digests.set(layer, digest)
    symlinkSync(layer, join(made, `${digest}.tar`))
  }
  const manifest = images.map(({ name, layers, config }, at) => {
    const ids = layers.map((layer) => digests.get(layer)!)
    const text = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: ids.map((id) => `sha256:${id}`) },
    }
    writeFileSync(join(made, `config-${at}.json`), JSON.stringify(text))
    return { Config: `config-${at}.json`, RepoTags: [name], Layers: ids.map((id) => `${id}.tar`) }
  })
  writeFileSync(join(made, 'manifest.json'), JSON.stringify(manifest))
  const tar = `${made}.tar`
  execFileSync('tar', ['-C', made, '--dereference', '-cf', tar, '.'])
  rmSync(made, { recursive: true })
  return tar
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
