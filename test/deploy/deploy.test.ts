import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseCommandLine } from '../../src/cli/command.ts'
import { serve } from '../../src/cli/commands/serve.ts'
import { config } from '../../src/contract/config.ts'
import { deploy, render, whyNotRendered, type Rendered } from './rendered.ts'

const root = join(deploy, '..')
const read = (...path: readonly string[]): string => readFileSync(join(deploy, ...path), 'utf8')

describe('the image', () => {
  const lines = read('Dockerfile').split('\n')
  const { gateway, control } = config.parse(parse(read('config.yaml')))

  it('copies what there is, and what is not left out', () => {
    const ignored = read('Dockerfile.dockerignore').split('\n')
    const copied = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(' ').slice(1, -1))
    expect(copied).toContain('src')
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(ignored, path).toContain(`!${path}`)
    }
  })

  it('opens the ports of its config, to other machines', () => {
    expect(lines).toContain(`EXPOSE ${gateway.port} ${control.port}`)
    expect([gateway.host, control.host]).toEqual(['0.0.0.0', '0.0.0.0'])
    expect(read('Dockerfile')).toContain(`http://127.0.0.1:${gateway.port}/health`)
  })
})

describe('the objects for Kubernetes', () => {
  const folder = join(deploy, 'kubernetes/base')
  const files = readdirSync(folder)
  const { gateway, control, runtimes } = config.parse(parse(read('kubernetes/base/config.yaml')))

  it('are YAML, and all of them are named', () => {
    for (const name of files)
      for (const { errors } of parseAllDocuments(readFileSync(join(folder, name), 'utf8')))
        expect(errors, name).toEqual([])
    const { resources } = parse(read('kubernetes/base/kustomization.yaml')) as Rendered
    const known = new Set([...resources, 'config.yaml', 'kustomization.yaml'])
    expect(known).toEqual(new Set(files))
  })

  const trouble = whyNotRendered()
  describe.skipIf(trouble !== null)(
    `as rendered${trouble === null ? '' : ` (skipped: ${trouble})`}`,
    () => {
      const objects = trouble === null ? render('base') : []
      const named = (kind: string, name = 'baleen'): Rendered =>
        objects.find((one) => one.kind === kind && one.metadata.name === name)
      const pod = (): Rendered => named('StatefulSet').spec.template
      const [container] = trouble === null ? pod().spec.containers : [null]

      it('start a command that there is, on the ports of the config', () => {
        const [command, ...rest] = container.args
        expect(command).toBe('serve')
        expect(() => parseCommandLine(serve, rest)).not.toThrow()
        expect(container.ports).toEqual([
          { name: 'gateway', containerPort: gateway.port },
          { name: 'control', containerPort: control.port },
        ])
      })

      it('belong together: selectors, accounts, volumes and the config', () => {
        const { labels } = pod().metadata
        for (const service of ['baleen', 'baleen-control'])
          expect(labels).toMatchObject(named('Service', service).spec.selector)
        expect(named('StatefulSet').spec.serviceName).toBe('baleen')
        expect(named('ServiceAccount').metadata.name).toBe(pod().spec.serviceAccountName)
        const maps = objects.filter((one) => one.kind === 'ConfigMap')
        const used = pod().spec.volumes.find((one: Rendered) => one.configMap).configMap.name
        expect(maps.map((one) => one.metadata.name)).toEqual([used])
        expect(used).toMatch(/^baleen-config-\w+$/)
        const mounted: string[] = container.volumeMounts.map((one: Rendered) => one.name)
        const given = [...pod().spec.volumes, ...named('StatefulSet').spec.volumeClaimTemplates]
        const names: string[] = given.map((one) => one.name ?? one.metadata.name)
        expect(new Set(names)).toEqual(new Set(mounted))
      })

      it('let requests finish, and models go on without it', () => {
        const graceMs = pod().spec.terminationGracePeriodSeconds * 1000
        const preStopMs = container.lifecycle.preStop.sleep.seconds * 1000
        expect(graceMs).toBeGreaterThan(preStopMs + gateway.drainTimeout + 10_000)
        expect(control.keepRunning).toBe(true)
      })

      it('give it the rights that it asks for in its own namespace, and none elsewhere but to look', () => {
        const { cluster } = runtimes
        expect(cluster).toMatchObject({ kind: 'kubernetes', namespace: 'baleen' })
        expect(named('Role').metadata.namespace).toBe('baleen')
        const verbs = named('ClusterRole').rules.flatMap((rule: Rendered) => rule.verbs)
        expect(new Set(verbs)).toEqual(new Set(['list', 'watch']))
        const guide = readFileSync(join(root, 'docs/guides/kubernetes.md'), 'utf8')
        expect(guide).toContain('deploy/kubernetes/base/access.yaml')
      })

      it('run as nobody in particular, on a file system that stays as it is', () => {
        expect(pod().spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001 })
        expect(read('Dockerfile')).toContain('USER 10001:10001')
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
      })

      it('keep the store on PostgreSQL with a secret that is named, where that is wanted', () => {
        const set = render('postgres').find((one) => one.kind === 'StatefulSet')
        expect(set.spec.template.spec.containers[0].env).toEqual([
          {
            name: 'DATABASE_URL',
            valueFrom: { secretKeyRef: { name: 'baleen-database', key: 'url' } },
          },
        ])
      })
    },
  )
})
