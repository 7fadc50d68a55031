import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { anywhere } from '../../core/node.ts'
import { launchPlan } from '../../engines/launch-plan.ts'
import {
  applicationOf,
  carriedBy,
  waitingOf,
  withApplication,
  type ApplicationDetails,
  type ServeDetails,
} from './serve-config.ts'

const details = (name: string, changes: Partial<ApplicationDetails> = {}): ApplicationDetails => ({
  name,
  status: 'RUNNING',
  message: '',
  source: 'declarative',
  deployed_app_config: { name, route_prefix: `/${name}`, import_path: 'x:y', custom: { z: 1 } },
  deployments: {},
  ...changes,
})
const serve: ServeDetails = {
  proxy_location: 'EveryNode',
  http_options: { host: '0.0.0.0', port: 8000, ssl_keyfile: null },
  target_capacity: 60,
  applications: {
    theirs: details('theirs'),
    ours: details('ours'),
    scripted: details('scripted', { source: 'imperative' }),
  },
}
const identity = { id: 'ant-1', deployment: 'ant', revision: 1, specHash: 'a', port: 8000 }
const carried = { ...identity, owner: 'me', startedAtMs: 5, node: null, devices: [] }
const plan = launchPlan({
  argv: ['serve', 'run'],
  files: {
    'serve.yaml': stringify({
      applications: [
        {
          name: 'llm',
          route_prefix: '/',
          import_path: 'ray.serve.llm:build_openai_app',
          runtime_env: { env_vars: { A: '1' }, pip: ['x'] },
          args: {
            llm_configs: [
              {
                engine_kwargs: { tensor_parallel_size: 2 },
                deployment_config: { num_replicas: 1, health_check_period_s: 10 },
              },
            ],
          },
        },
      ],
    }),
  },
})

describe('the configuration of Serve', () => {
  it('is sent back whole, with one application changed', () => {
    const mine = { name: 'mine', import_path: 'a:b' }
    expect(withApplication(serve, 'mine', mine)).toEqual({
      proxy_location: 'EveryNode',
      http_options: { host: '0.0.0.0', port: 8000 },
      target_capacity: 60,
      applications: [
        serve.applications['theirs']?.deployed_app_config,
        serve.applications['ours']?.deployed_app_config,
        mine,
      ],
    })
  })

  it('is not sent back where variables of others are hidden', () => {
    const hidden = { name: 'theirs', runtime_env: { env_vars: { TOKEN: '<redacted>' } } }
    const applications = { theirs: details('theirs', { deployed_app_config: hidden }) }
    expect(() => withApplication({ applications }, 'mine', null)).toThrow(
      expect.objectContaining({ code: 'runtime/refused' }),
    )
  })

  it('leaves out the one that goes, and what was never declared', () => {
    const { applications } = withApplication(serve, 'ours', null) as { applications: unknown[] }
    expect(applications).toEqual([serve.applications['theirs']?.deployed_app_config])
  })

  it('gets the engine’s application under a name and route of its own', () => {
    const application = applicationOf(identity, plan, anywhere, carried)
    expect(application).toMatchObject({
      name: 'baleen-ant-1',
      route_prefix: '/ant-1',
      import_path: 'ray.serve.llm:build_openai_app',
      runtime_env: { env_vars: { A: '1' }, pip: ['x'] },
    })
    const read = details('baleen-ant-1', { deployed_app_config: application })
    expect(carriedBy(read, 'me')).toEqual(carried)
    expect(carriedBy(read, 'another')).toBeNull()
    expect(carriedBy(details('theirs'), 'me')).toBeNull()
  })

  it('asks Ray for the type of accelerator', () => {
    const accelerators = { vendor: 'nvidia', model: 'H100', profile: null, count: 2 }
    const { args } = applicationOf(identity, plan, { ...anywhere, accelerators }, carried)
    expect(args).toEqual({
      llm_configs: [
        {
          engine_kwargs: { tensor_parallel_size: 2 },
          deployment_config: { num_replicas: 1, health_check_period_s: 10 },
          accelerator_type: 'H100',
        },
      ],
    })
  })

  it('is put on the node, and claims the devices, that it was given', () => {
    const devices = ['ray/10.0.0.1/GPU/0', 'ray/10.0.0.1/GPU/1']
    const assignment = { ...anywhere, node: 'ray/10.0.0.1', devices }
    const { args } = applicationOf(identity, plan, assignment, carried, {
      nodeIp: '10.0.0.1',
    })
    const bundle = { GPU: 1, 'node:10.0.0.1': 0.001 }
    expect(args).toMatchObject({
      llm_configs: [{ placement_group_config: { bundles: [bundle, bundle], strategy: 'PACK' } }],
    })
  })

  it('lets Ray scale where that was asked for, on any node', () => {
    const assignment = { ...anywhere, node: 'ray/10.0.0.1', devices: ['ray/10.0.0.1/GPU/0'] }
    const { args } = applicationOf(identity, plan, assignment, carried, {
      nodeIp: '10.0.0.1',
      autoscale: { min: 1, max: 3, targetRequests: 16 },
    })
    const autoscaling = { min_replicas: 1, max_replicas: 3, target_ongoing_requests: 16 }
    expect(args).toMatchObject({
      llm_configs: [
        {
          deployment_config: { health_check_period_s: 10, autoscaling_config: autoscaling },
          placement_group_config: { bundles: [{ GPU: 1 }] },
        },
      ],
    })
    expect(JSON.stringify(args)).not.toContain('num_replicas')
  })

  it('is nothing for an engine that is no application of Ray', () => {
    const other = launchPlan({ argv: ['vllm', 'serve'] })
    expect(() => applicationOf(identity, other, anywhere, carried)).toThrow(
      expect.objectContaining({ code: 'runtime/refused' }),
    )
  })

  it('says what an application waits for', () => {
    expect(waitingOf(details('a'))).toBeNull()
    expect(waitingOf(details('a', { status: 'DEPLOYING' }))).toBe('Ray starts it')
    const deployments = {
      E: { status: 'UPDATING', message: 'No available node types\nmore', replicas: [] },
    }
    expect(waitingOf(details('a', { status: 'DEPLOYING', deployments }))).toBe(
      'Ray starts it: No available node types',
    )
  })
})
