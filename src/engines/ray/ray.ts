import { stringify } from 'yaml'
import { createEngine } from '../table/create-engine.ts'
import type { TableContext } from '../table/engine-table.ts'
import { vllmFailures } from '../vllm/failures.ts'
import { environmentOnCpu, isOnCpu } from '../vllm/on-cpu.ts'
import { vllmRules } from '../vllm/rules.ts'
import { vllmSignals } from '../vllm/signals.ts'
import { engineArguments } from './engine-arguments.ts'
import { orElse } from '../settings-said.ts'

/** Its vLLM is an older one. */
const notThroughRay: readonly string[] = ['lora.adapters', 'queueMax']

/**
 * Ray Serve LLM: an application of Ray Serve that runs vLLM. The same configuration goes to `serve run` on one machine,
 * to a cluster's REST API and into a RayService. Ray owns restarts.
 */
export const rayEngine = createEngine({
  name: 'ray',
  about: 'Ray Serve LLM (vLLM inside)',
  tasks: ['generate', 'embed'],
  newestVersion: '2.57.0',
  images: { any: 'rayproject/ray-llm:{version}-py311-cu128' },
  command: (context, { argv, env }) => ({
    argv: ['serve', 'run', '{files}/serve.yaml'],
    isWhole: true,
    env: { RAY_USAGE_STATS_ENABLED: '0', RAY_SERVE_RUN_SYNC_COMPONENT_SHUTDOWN: '1' },
    files: { 'serve.yaml': stringify(serveConfig(context, argv, env)) },
  }),
  // Its vLLM is as new as the Ray around it: the newest flags are written.
  rules: vllmRules.filter(({ setting, until }) => !until && !notThroughRay.includes(setting)),
  why: {
    queueMax: 'Ray Serve queues at its proxies; the gateway sheds what waits too long',
    'lora.adapters':
      'Ray loads adapters from a bucket as they are asked for: extra configuration of the cluster',
  },
  takesArguments: false,
  // What the proxies say of themselves at `/-/healthz` is below no application's route.
  health: { path: '/v1/models', loading: [404, 500, 503] },
  // Each node of Ray has one page, of all that runs there.
  metricsPath: '/metrics',
  replicaLabel: 'ReplicaId',
  signals: vllmSignals('ray_vllm_'),
  failures: [
    ...vllmFailures,
    {
      pattern:
        /No available node types can fulfill resource request|Insufficient resources|cannot be scheduled right now[^\n]*/,
      code: 'engine/no-device',
      message: 'the Ray cluster has no node with the devices that are asked for',
    },
  ],
  drain: { timeoutS: 60, extraS: 25, how: () => 'signal' },
  sharedMemoryGiB: 8,
})

/** The file for `serve deploy`. The `ray` runtime takes its application and leaves all others of the cluster alone. */
function serveConfig(
  context: TableContext,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): object {
  const { spec, settings, servedName } = context
  const { deployment } = spec
  return {
    proxy_location: 'HeadOnly',
    http_options: { host: spec.host, port: spec.port },
    applications: [
      {
        name: deployment.name,
        route_prefix: '/',
        import_path: 'ray.serve.llm:build_openai_app',
        runtime_env: { env_vars: { ...environmentOnCpu(context), ...env } },
        args: {
          llm_configs: [
            {
              model_loading_config: { model_id: servedName, model_source: spec.modelPath },
              engine_kwargs: engineArguments(argv),
              // Without a word it asks Ray for a GPU.
              ...(isOnCpu(context) ? { placement_group_config: { bundles: [{ CPU: 1 }] } } : {}),
              deployment_config: {
                num_replicas: 1,
                graceful_shutdown_timeout_s: orElse(settings.drainTimeoutS, 60),
                health_check_period_s: 10,
                health_check_timeout_s: 30,
              },
              log_engine_metrics: true,
            },
          ],
        },
      },
    ],
  }
}
