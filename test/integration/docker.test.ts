import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { runtimesConfig } from '../../src/contract/runtimes.ts'
import { anywhere } from '../../src/core/node.ts'
import { createGeneric } from '../../src/devices/generic/generic.ts'
import { embeddedEngine } from '../../src/engines/embedded/embedded.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { prepareBundled } from '../../src/models/bundled/prepare.ts'
import { createDockerRuntime } from '../../src/runtimes/docker/docker.ts'
import { runtimeContract } from '../../src/runtimes/runtime.contract.ts'
import { modelsDirectory } from '../e2e/serving.ts'
import { baleenImage, makeImages } from './support/image.ts'
import { freePort, need, startDaemon, until, type Daemon } from './support/tools.ts'

const missing =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'a Docker daemon needs root on Linux'
    : need('dockerd', 'docker.io') && need('busybox', 'busybox-static')
      ? null
      : 'dockerd and busybox are not there and can not be installed'

/** Does what stands in its file, a line each: `say TEXT` or `end CODE`. */
const puppet = `
  trap 'exit 0' TERM
  id="\${BALEEN_REPLICA#*'"id":"'}"; id="\${id%%\\"*}"
  n=0
  while :; do
    total=0; [ -f /commands/$id ] && total=$(wc -l < /commands/$id)
    while [ "$n" -lt "$total" ]; do
      n=$((n+1))
      line=$(sed -n "$n p" /commands/$id)
      case "$line" in
        'end '*) exit "\${line#end }" ;;
        *) echo "\${line#say }" ;;
      esac
    done
    sleep 0.05
  done`

describe.skipIf(missing !== null)(
  `Docker${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-docker-'))
    const socket = join(folder, 'docker.sock')
    const image = 'baleen-test:1'
    let containerd: Daemon
    let daemon: Daemon
    let owners = 0

    const docker = (...argv: string[]): string =>
      execFileSync('docker', ['-H', `unix://${socket}`, ...argv], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })

    const startDocker = async (): Promise<void> => {
      rmSync(join(folder, 'pid'), { force: true })
      daemon = startDaemon(join(folder, 'dockerd.log'), [
        'dockerd',
        '--containerd',
        join(folder, 'containerd.sock'),
        '--host',
        `unix://${socket}`,
        '--pidfile',
        join(folder, 'pid'),
        '--data-root',
        join(folder, 'data'),
        '--exec-root',
        join(folder, 'exec'),
        '--bridge=none',
        '--iptables=false',
        '--ip6tables=false',
        '--live-restore',
      ])
      await until('a Docker daemon', async () => docker('version') !== '', [daemon])
    }

    beforeAll(async () => {
      // Of its own, so that containers live on when the daemon is killed.
      containerd = startDaemon(join(folder, 'containerd.log'), [
        'containerd',
        '--address',
        join(folder, 'containerd.sock'),
        '--log-level',
        'warn',
        '--root',
        join(folder, 'containerd'),
        '--state',
        join(folder, 'containerd-state'),
      ])
      await until('containerd', async () => existsSync(join(folder, 'containerd.sock')), [
        containerd,
      ])
      await startDocker()
      const bin = join(folder, 'rootfs', 'bin')
      mkdirSync(bin, { recursive: true })
      copyFileSync('/bin/busybox', join(bin, 'busybox'))
      for (const applet of ['sh', 'sed', 'wc', 'sleep', 'echo'])
        symlinkSync('busybox', join(bin, applet))
      execFileSync('tar', ['-C', join(folder, 'rootfs'), '-cf', join(folder, 'rootfs.tar'), '.'])
      docker('import', join(folder, 'rootfs.tar'), image)
    })
    afterAll(async () => {
      await daemon?.stop()
      await containerd?.stop()
      for (const line of readFileSync('/proc/mounts', 'utf8').split('\n').toReversed()) {
        const [, path = ''] = line.split(' ')
        if (path.startsWith(`${folder}/`)) execFileSync('umount', ['-l', path])
      }
      rmSync(folder, { recursive: true, force: true })
    })

    const config = () => {
      const { here } = runtimesConfig.parse({
        here: { kind: 'docker', host: socket, network: 'host' },
      })
      if (here?.kind !== 'docker') throw new Error('not docker')
      return here
    }

    runtimeContract('docker', async () => {
      const owner = `test-${++owners}`
      const commands = mkdtempSync(join(folder, 'commands-'))
      const played = createGeneric({
        name: 'played',
        devices: ['a', 'b'].map((id) => ({ id, model: 'Played', memoryBytes: 2 ** 30 })),
        pin: { PLAYED: '{ids}' },
        files: ['/dev/null'],
        kubernetes: null,
      })
      const say = async (id: string, line: string): Promise<void> => {
        execFileSync('sh', ['-c', 'echo "$1" >> "$0"', join(commands, id), line])
      }
      return {
        open: () =>
          createDockerRuntime({
            name: 'here',
            owner,
            config: config(),
            vendors: [played],
            models: commands,
            freePort,
            secretsOf: () => ({}),
          }),
        plan: launchPlan({
          argv: ['/bin/sh', '-c', puppet],
          image,
          mounts: [{ path: '/commands', kind: 'model' }],
        }),
        assignment: { ...anywhere, node: 'here/docker', devices: ['b'] },
        say: (id, line) => say(id, `say ${line}`),
        end: (id, exitCode) => say(id, `end ${exitCode}`),
        takeAway: async (id) => void docker('rm', '-f', `baleen-${owner}-${id}`),
        loseNode: () => daemon.kill(),
        bringBack: startDocker,
        destroy: async () => {},
      }
    })

    it('says why an image can not be pulled', async () => {
      const registry = createServer((request, response) => {
        const [, , repository = ''] = (request.url ?? '').split('/')
        const [status, code] =
          repository === 'closed' ? [401, 'UNAUTHORIZED'] : [404, 'MANIFEST_UNKNOWN']
        if (repository === '') return void response.writeHead(200).end('{}')
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }))
      })
      await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
      const { port } = registry.address() as AddressInfo
      const runtime = createDockerRuntime({
        name: 'here',
        owner: 'pulls',
        config: config(),
        vendors: [],
        models: folder,
        freePort,
        secretsOf: () => ({}),
      })
      const said = new Map<string, string | undefined>()
      runtime.watch((event) => {
        if (event.kind === 'ended') said.set(event.id, event.failure?.code)
      })
      const images: Record<string, string> = {
        gone: `127.0.0.1:${port}/gone:1`,
        closed: `127.0.0.1:${port}/closed:1`,
        nowhere: '127.0.0.1:1/x:1',
        unnamed: 'two:tags:here',
      }
      for (const [id, image] of Object.entries(images))
        await runtime.start(
          { id, deployment: 'pulls', revision: 1, specHash: 'a', port: 1 },
          launchPlan({ argv: ['x'], image }),
          anywhere,
        )
      await until('all have failed', async () => said.size === 4)
      expect(Object.fromEntries(said)).toEqual({
        gone: 'runtime/image-not-found',
        closed: 'runtime/image-forbidden',
        nowhere: 'runtime/registry-unreachable',
        unnamed: 'runtime/image-not-found',
      })
      await runtime.close()
      registry.close()
    })

    it("runs an engine of Baleen's own from its image, on a model of this machine", async () => {
      docker('load', '--input', await makeImages(folder, '#!/bin/sh\n'))
      const model = await prepareBundled('minimind2-small', modelsDirectory)
      const deployment = deploymentSpec.parse({
        name: 'small',
        model,
        settings: { image: baleenImage, contextTokens: 512 },
      })
      const runtime = createDockerRuntime({
        name: 'here',
        owner: 'own',
        config: config(),
        vendors: [],
        models: modelsDirectory,
        freePort,
        secretsOf: () => ({}),
      })
      const { host, port } = await runtime.endpoint(anywhere)
      const id = 'small-1'
      const identity = { id, deployment: 'small', revision: 1, specHash: 'a', port }
      const plan = embeddedEngine.launch({ id, deployment, modelPath: model, host, port })
      const { url } = await runtime.start(identity, plan, anywhere)
      await until('a loaded model', async () => (await fetch(`${url}/health`)).ok)
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'small', prompt: 'Hello', max_tokens: 4 }),
      })
      expect(response.status).toBe(200)
      await runtime.stop(id, 5000)
      expect(await runtime.list()).toEqual([])
      await runtime.close()
    })
  },
)
